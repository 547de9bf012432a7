"""What requirements*.lock pin: names, versions, hashes, and where they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "requirements.lock"
"""What the operator's image has."""
BUILD = ROOT / "requirements-build.lock"
"""What makes kafkade's wheel for it, and stays out of it."""
DEV = ROOT / "requirements-dev.lock"

LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_version": "3.13.0",
}
"""The image's environment, for the markers."""

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package of a lock."""

    name: str
    """As the index writes it."""
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed."""
    marker: str | None

    @property
    def in_image(self) -> bool:
        """Whether it is installed in the image, whose system is Linux."""
        return self.marker is None or Marker(self.marker).evaluate(dict(LINUX))


def read(lock: Path) -> list[Pinned]:
    """The packages of a lock, by name.

    Raises:
        ValueError: a line that is no pinned package, with the line.
    """
    found = []
    for entry in re.split(r"\n(?=[^\s#])", "\n" + lock.read_text(encoding="utf-8")):
        text = "\n".join(line for line in entry.splitlines() if line.strip() and not line.lstrip().startswith("#"))
        if not text:
            continue
        match = _PINNED.match(text)
        if match is None:
            raise ValueError(f"{lock.name}: not pinned: {text.splitlines()[0]}")
        marker = match["marker"]
        found.append(
            Pinned(
                canonicalize_name(match["name"]),
                match["version"],
                tuple(_HASH.findall(text)),
                marker.strip() if marker else None,
            )
        )
    return sorted(found, key=lambda p: (p.name, p.version))
