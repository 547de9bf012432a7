"""The jars: how lock files are read, and what happens to a file that is not the locked one."""

from __future__ import annotations

import functools
import hashlib
import http.server
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkade.devstack import DevStackError, maven, progress
from kafkade.devstack.maven import Artifact, Locked
from support.http import served

CONTENT = b"a jar, more or less" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ARTIFACT = Artifact("org.example", "thing", "1.0")


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and the rest of a file to whom already has the start of it."""

    asked: list[str | None]

    def do_GET(self) -> None:
        start = self.headers.get("Range")
        self.asked.append(start)
        if start is None:
            super().do_GET()
            return
        rest = Path(self.translate_path(self.path)).read_bytes()[int(start[6:-1]) :]
        self.send_response(206)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    def log_message(self, template: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """A repository on loopback that has the artifact; gives the ranges it was asked for."""
    folder = tmp_path / "repository"
    file = folder / ARTIFACT.path
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    handler: type[_Handler] = type("Handler", (_Handler,), {"asked": []})
    # its own list of what it was asked
    with served(functools.partial(handler, directory=str(folder))) as url:
        monkeypatch.setenv(maven.REPOSITORY_VARIABLE, f"{url}/")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(maven, "LOCKS", tmp_path)
        yield handler.asked


def write_lock(folder: Path, sha256: str = SHA256) -> None:
    (folder / "thing-1.0.lock").write_text(f"{Locked(ARTIFACT, sha256, len(CONTENT))}\n")


@pytest.mark.parametrize(
    ("coordinate", "path"),
    [
        ("org.example:thing:1.0", "org/example/thing/1.0/thing-1.0.jar"),
        ("org.example:thing:1.0:agent", "org/example/thing/1.0/thing-1.0-agent.jar"),
        ("org.example:thing:1.0:all:tar.gz", "org/example/thing/1.0/thing-1.0-all.tar.gz"),
        ("org.example:thing:1.0::zip", "org/example/thing/1.0/thing-1.0.zip"),
    ],
)
def test_a_coordinate_says_where_the_file_is(coordinate: str, path: str) -> None:
    artifact = Artifact.parse(coordinate)
    assert artifact.path == path
    assert str(artifact) == coordinate


def test_a_lock_is_read_back_as_written() -> None:
    locked = Locked(ARTIFACT, SHA256, 12)
    assert maven.parse_lock(f"# comment\n\n{locked}\n", "some.lock") == [locked]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"org.example:thing {SHA256} 1", "no version"),
        ("org.example:thing:1.0 abcd 1", "not a SHA-256"),
        (f"org.example:thing:1.0 {SHA256}", "no size"),
        (f"org.example:thing:1.0 {SHA256} many", "size is no number"),
    ],
)
def test_a_broken_lock_is_refused_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(DevStackError, match=r"Line 2 of the lock file some\.lock"):
        maven.parse_lock(f"# comment\n{line}\n", "some.lock")


def test_all_committed_locks_can_be_read() -> None:
    assert maven.locked_versions("kafka") == ["3.5.2", "3.9.1", "4.1.1", "4.4.0"]
    for file in maven.LOCKS.glob("*.lock"):
        assert maven.parse_lock(file.read_text(), file.name)


def test_an_unknown_version_names_those_that_there_are() -> None:
    with pytest.raises(DevStackError, match=r"no kafka 1\.0 here.*3\.5\.2, 3\.9\.1"):
        maven.fetch("kafka", "1.0")


def test_files_are_downloaded_once(asked: list[str | None], tmp_path: Path) -> None:
    write_lock(tmp_path)
    (file,) = maven.fetch("thing", "1.0")
    assert file == tmp_path / "cache/kafkade/thing/1.0/thing-1.0.jar"
    assert file.read_bytes() == CONTENT
    assert maven.fetch("thing", "1.0") == [file]
    assert asked == [None]


def test_an_interrupted_download_is_gone_on_with(asked: list[str | None], tmp_path: Path) -> None:
    (tmp_path / "thing.jar.partial").write_bytes(CONTENT[:100])
    maven.download(Locked(ARTIFACT, SHA256, len(CONTENT)), tmp_path / "thing.jar", progress.Task("download"))
    assert (tmp_path / "thing.jar").read_bytes() == CONTENT
    assert asked == ["bytes=100-"]


def test_what_has_another_hash_is_thrown_away(asked: list[str | None], tmp_path: Path) -> None:
    write_lock(tmp_path, sha256="0" * 64)
    with pytest.raises(DevStackError, match=f"is not what was locked: its SHA-256 is {SHA256}"):
        maven.fetch("thing", "1.0")
    assert list((tmp_path / "cache/kafkade/thing/1.0").iterdir()) == []


def test_a_file_that_is_not_there_is_an_error_with_its_address(asked: list[str | None], tmp_path: Path) -> None:
    missing = Locked(Artifact("org.example", "other", "2.0"), SHA256, 1)
    with pytest.raises(DevStackError, match=r"org\.example:other:2\.0 cannot be downloaded .*404"):
        maven.download(missing, tmp_path / "other.jar", progress.Task("download"))
