"""Files of a git revision, by a real git: what it has, and nothing is checked out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kafkade.local.documents import documents_of, read
from kafkade.local.git import GitFailed, Revision

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *words: str) -> str:
        """Run git in it."""
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *words], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        """A file of the working tree."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> str:
        """Everything as it is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    for name in ("m/a.yaml", "m/deep er/ä.yml", "m/.hidden/b.yaml", "m/c.txt", "m2/d.yaml", "e.json"):
        made.write(name, OBJECT.format(Path(name).stem))
    (made.folder / "m" / "link.yaml").symlink_to("a.yaml")
    made.commit()
    return made


@pytest.mark.parametrize("paths", [["m"], ["."], ["m/a.yaml"], ["m/c.txt"], ["m", "m2"], ["m/../m2"], ["m/", "e.json"]])
def test_it_has_what_the_working_tree_has_under_the_same_names(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, paths: list[str]
) -> None:
    (repository.folder / "m" / "link.yaml").unlink()
    for base in (repository.folder, repository.folder / "m"):
        monkeypatch.chdir(base)
        given = [os.path.relpath(repository.folder / path) for path in paths]
        found = dict(Revision.find("HEAD", given).files(given))
        documents, problems = documents_of(found.items())
        assert not problems
        assert sorted(d.file for d in documents) == sorted(d.file for d in read(given)[0])


def test_it_has_what_was_committed_and_the_working_tree_stays_as_it_is(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.write("m/a.yaml", "changed")
    repository.commit()
    repository.write("m/a.yaml", "changed again")
    (repository.folder / "m2" / "d.yaml").unlink()
    file = str(repository.folder / "m" / "a.yaml")
    for revision, content in ((first, OBJECT.format("a")), ("HEAD~1", OBJECT.format("a")), ("main", "changed")):
        assert dict(Revision.find(revision, [file]).files([file])) == {file: content.encode()}
    assert Path(file).read_text() == "changed again"
    assert "m2/d.yaml" in repository.git("status", "--porcelain")


def test_what_a_revision_does_not_have_is_nothing(repository: Repository) -> None:
    repository.write("new/a.yaml", "a: 1")
    new = str(repository.folder / "new")
    assert list(Revision.find("HEAD", [new]).files([new])) == []


def test_three_dots_mean_where_this_branch_has_left_another(repository: Repository) -> None:
    left = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "work")
    repository.write("m/mine.yaml", "a: 1")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write("m/theirs.yaml", "a: 1")
    repository.commit()
    repository.git("checkout", "--quiet", "work")
    assert Revision.find("main...", [str(repository.folder)]).commit == left
    assert Revision.find("main", [str(repository.folder)]).commit != left


def test_inside_of_a_hook(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    folder = str(repository.folder / "m2")
    assert list(dict(Revision.find("HEAD", [folder]).files([folder]))) == [str(repository.folder / "m2" / "d.yaml")]


@pytest.mark.parametrize("revision", ["origin/main", "--help", "-h", "nonsense...", "HEAD:m", ""])
def test_what_is_no_commit(repository: Repository, revision: str) -> None:
    with pytest.raises(GitFailed, match=r"is no commit of .*: fetch it first"):
        Revision.find(revision, [str(repository.folder)])


def test_no_repository_and_several(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Repository(tmp_path / "other")
    with pytest.raises(GitFailed, match="in several git repositories"):
        Revision.find("HEAD", [str(repository.folder), str(other.folder)])
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(GitFailed, match="is in no git repository that can be read"):
        Revision.find("HEAD", [str(tmp_path)])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitFailed, match="git cannot be run"):
        Revision.find("HEAD", [str(repository.folder)])
