"""Whether what is pinned is known to be vulnerable, asked package by package, or yanked; and whether all is pinned by hash.

PyPI's own JSON API is asked for the advisories of each release, then OSV's where it does not answer. The package index that pip
uses is asked for what its maintainers have yanked (PEP 592), and for files of just these hashes. What could not be asked is
told, and the command then ends with 3: no answer is not a good one. It ends with 1 when there is an advisory, or something is
yanked or not pinned. Usage: ``make audit``, or ``python deploy/supply/audit.py --all`` for the development's packages too.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locks import BUILD, DEV, IMAGE, ROOT, Pinned, read

PATIENCE = 10.0
"""Seconds for one answer."""
GIVE_UP = 3
"""Packages in a row that a service gives no answer for before it is asked no more."""

Ask = Callable[[Pinned], list[str]]
"""The advisories of one release. Raises OSError or ValueError: there was no answer that says."""


@dataclass(slots=True)
class Found:
    """What came of it."""

    unpinned: list[str] = field(default_factory=list)
    advisories: list[str] = field(default_factory=list)
    yanked: list[str] | None = None
    """None: the package index was not asked, or did not have all of these files."""
    asked: int = 0
    unasked: list[str] = field(default_factory=list)
    """Packages that no service said anything of."""
    silent: dict[str, str] = field(default_factory=dict)
    """Services that gave no answer, and why."""
    silent_index: str = ""
    """Why it did not."""

    @property
    def code(self) -> int:
        """0: all was asked, and nothing found."""
        if self.unpinned or self.advisories or self.yanked:
            return 1
        return 3 if self.unasked or self.silent_index else 0


def audit(packages: Sequence[Pinned], services: dict[str, Ask]) -> Found:
    """Ask one service after the other about each package, until one answers."""
    found, failed = Found(), dict.fromkeys(services, 0)
    for package in packages:
        if not package.hashes:
            found.unpinned.append(f"{package.name} {package.version} has no hash")
        for name, ask in services.items():
            if failed[name] >= GIVE_UP:
                continue
            try:
                advisories = ask(package)
            except (OSError, ValueError, http.client.HTTPException) as error:
                failed[name] += 1
                found.silent.setdefault(name, f"{package.name} {package.version}: {error}")
                continue
            failed[name] = 0
            found.asked += 1
            found.advisories += [f"{package.name} {package.version}: {text}" for text in advisories]
            break
        else:
            found.unasked.append(f"{package.name} {package.version}")
    return found


def dockerfile_problems(text: str) -> list[str]:
    """Bases and installations of the image that are not held to hashes."""
    joined = re.sub(r"\\\n", " ", text)
    bases = re.findall(r"^FROM (\S+)", joined, re.MULTILINE)
    installs = re.findall(r"pip install[^&\n]*", joined)
    return [
        *(f"Dockerfile: FROM {base}: no @sha256" for base in bases if not re.search(r"@sha256:[0-9a-f]{64}$", base)),
        *(
            f"Dockerfile: {' '.join(i.split())}: neither --require-hashes nor a file of the build's own with --no-deps"
            for i in installs
            if "--require-hashes" not in i and "--no-deps" not in i
        ),
    ]


def yanked(lock: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """What a lock pins and the package index calls yanked; pip gets each file, holds it to its hash and installs nothing.

    Raises:
        OSError: the index does not have all of these files, or cannot be asked.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color", "--quiet"]
    how = ["--dry-run", "--ignore-installed", "--no-deps", "--require-hashes", "-r", str(lock)]
    done = subprocess.run([*pip, "install", *how], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise OSError(errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with {done.returncode}")
    return [f"{name} {version}: {reason}" for name, version, reason in _YANKED.findall(done.stderr)]


_YANKED = re.compile(r"yanked version: '([^']+)' candidate \(version (\S+) at .*\nReason for being yanked: (.*)")
"""How pip warns of it, since 19.2."""


def pypi(package: Pinned) -> list[str]:
    """What PyPI knows of a release."""
    answer = _json(f"https://pypi.org/pypi/{package.name}/{package.version}/json")
    return [
        _advisory(v["id"], v.get("fixed_in"), v.get("summary"))
        for v in answer["vulnerabilities"]
        if not v.get("withdrawn")
    ]


def osv(package: Pinned) -> list[str]:
    """What OSV knows of a release."""
    body = {"version": package.version, "package": {"name": package.name, "ecosystem": "PyPI"}}
    answer = _json("https://api.osv.dev/v1/query", json.dumps(body).encode())
    return [_advisory(v["id"], None, v.get("summary")) for v in answer.get("vulns", ())]


def _advisory(name: str, fixed: Sequence[str] | None, summary: str | None) -> str:
    return " ".join(filter(None, (name, f"(fixed in {', '.join(fixed)})" if fixed else "", summary or "")))


def _json(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 -- https, as given above
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP {error.code} of {url}") from error
    if not isinstance(found, dict) or not (body or "vulnerabilities" in found):
        raise ValueError(f"{url} says nothing of vulnerabilities")
    return found


def told(found: Found) -> str:
    """For people."""
    lines = [f"asked about {found.asked} packages: {len(found.advisories)} advisories"]
    lines += [f"VULNERABLE {text}" for text in found.advisories]
    lines += [f"YANKED {text}" for text in found.yanked or ()]
    lines += [f"NOT PINNED {text}" for text in found.unpinned]
    lines += [f"no answer from {name}: {why}" for name, why in found.silent.items()]
    if found.unasked:
        lines.append(
            f"NOT ASKED about {len(found.unasked)} packages, which may be vulnerable: {', '.join(found.unasked)}"
        )
    if found.silent_index:
        lines.append(f"NOT ALL of the package index, so some may be yanked: {found.silent_index}")
    elif found.yanked == []:
        lines.append("the package index has all files by their hashes, and calls none of them yanked")
    return "\n".join(lines)


def main() -> None:
    """Ask, tell, and end with what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also what only development and tests use")
    args = parser.parse_args()
    locks: list[Path] = [IMAGE, BUILD, *([DEV] if args.all else [])]
    packages = {(p.name, p.version): p for lock in locks for p in read(lock)}
    found = audit([packages[key] for key in sorted(packages)], {"PyPI": pypi, "OSV": osv})
    print("asking the package index for all files, by their hashes: some ten seconds", file=sys.stderr)  # noqa: T201
    try:
        found.yanked = [text for lock in locks for text in yanked(lock)]
    except OSError as error:
        found.silent_index = str(error)
    found.unpinned += dockerfile_problems((ROOT / "Dockerfile").read_text())
    print(told(found))  # noqa: T201 -- its result
    sys.exit(found.code)


if __name__ == "__main__":
    main()
