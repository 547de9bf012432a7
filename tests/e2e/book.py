"""Reads the documentation as a person does who types everything in: its blocks of YAML and bash, in order.

A comment before a block says what is special about it:

- ``<!-- refused: TEXT -->``: the command fails and says TEXT.
- ``<!-- shows: TEXT -->``: the command's output has TEXT, sooner or later.
- ``<!-- finds: TEXT -->``: the same for `kafkade diagnose` where it may find a problem of this machine, such as a full disk.
- ``<!-- not run: WHY -->``: bash that a test cannot run.
- ``<!-- install -->``: run once, before everything else.

YAML whose first line is a comment with a file's name (``# first-topic.yaml``) is saved under it, for the commands that
follow. Other YAML is checked by the API server (dry run).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.places import ROOT

TREES = ("crds", "deploy/rbac", "deploy/admission", "deploy/examples", "helm/kafkade")
FILES = ("deploy/operator.yaml",)
"""What commands in the documentation name by their path."""

_FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_FILE = re.compile(r"# ([\w-]+\.yaml)\n")
_TIMEOUT = 90.0


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, and the comment before it."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def argument(self, directive: str) -> str | None:
        """What stands after ``directive:`` in the comment."""
        name, _, rest = self.note.partition(":")
        return rest.strip() if name == directive else None

    @property
    def file(self) -> str | None:
        """The name that YAML is saved under."""
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, m.start("language")) + 1, m["language"], m["text"], m["note"] or "")
        for m in _FENCE.finditer(text)
    ]


class Reader:
    """Types in what a page says, in a folder of its own.

    ``addresses``: what to read in place of the placeholders; ``tools``: the folder with the programs that pages call.
    """

    def __init__(self, folder: Path, addresses: Mapping[str, str], environment: Mapping[str, str], tools: Path) -> None:
        self.folder = folder
        self._addresses = dict(addresses)
        self._environment = {**os.environ, **environment, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        for tree in TREES:
            shutil.copytree(ROOT / tree, folder / tree, dirs_exist_ok=True)
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        for file in (folder / "deploy" / "examples").rglob("*.yaml"):
            file.write_text(self.localized(file.read_text()))

    def localized(self, text: str) -> str:
        """The one thing that is not as in the documentation: addresses and credentials."""
        for placeholder, real in self._addresses.items():
            text = text.replace(placeholder, real)
        return text

    def read(self, found: Sequence[Block]) -> None:
        """Do what the blocks say, in order."""
        for block in found:
            if block.language == "yaml":
                self._yaml(block)
            elif block.language == "bash" and block.argument("not run") is None and block.note != "install":
                self.bash(block)

    def bash(self, block: Block) -> None:
        """Run commands."""
        refused, finds = block.argument("refused"), block.argument("finds")
        shows = block.argument("shows") or finds
        deadline = time.monotonic() + 60
        while True:
            done = self.run("bash", "-euo", "pipefail", "-c", self.localized(block.text))
            said = done.stdout + done.stderr
            if refused is not None:
                assert done.returncode != 0, f"{block}: was to be refused\n{block.text}{said}"
                assert refused in said, f"{block}: was to be refused with {refused!r}\n{block.text}{said}"
                return
            assert done.returncode in ((0, 2) if finds else (0,)), f"{block}: failed\n{block.text}{said}"
            if shows is None or shows in said:
                return
            assert time.monotonic() < deadline, f"{block}: never shows {shows!r}\n{block.text}{said}"
            time.sleep(0.3)

    def _yaml(self, block: Block) -> None:
        if block.file is not None:
            (self.folder / block.file).write_text(self.localized(block.text))
        else:
            self.dry_run(block)

    def dry_run(self, block: Block) -> None:
        """Whether the API server would take it."""
        done = self.run(
            "kubectl", "apply", "--server-side", "--dry-run=server", "-f", "-", stdin=self.localized(block.text)
        )
        assert done.returncode == 0, f"{block}: refused by the API server\n{done.stderr}"

    def run(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command in the reader's folder."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
