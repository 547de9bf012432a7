"""``kafkade`` as the soak runs it: on SIGUSR2 it counts its own objects by type, into the file named by ``KAFKADE_CENSUS``.

Resident memory tells of a leak only once it is larger than what an allocator keeps for itself; an object that stays for each
look at a topic is seen here within minutes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

PLACE = "KAFKADE_CENSUS"
LEAST = 20
"""Types of which there are fewer are left out."""
_PATIENCE = 30.0
_SIGNAL = signal.SIGUSR2


def count() -> dict[str, int]:
    """Objects that the collector of garbage knows, by type, after it has collected."""
    gc.collect()
    found = Counter(map(type, gc.get_objects()))
    named: Counter[str] = Counter()
    for kind, number in found.items():
        named[f"{kind.__module__}.{kind.__qualname__}"] += number
    return {name: number for name, number in named.items() if number >= LEAST}


def taken(pid: int, place: Path) -> Mapping[str, int]:
    """The census of a process that runs this module, once it has answered; empty: it did not, for 30 s.

    Raises:
        ProcessLookupError: it has ended.
    """
    place.unlink(missing_ok=True)
    os.kill(pid, _SIGNAL)
    end = time.monotonic() + _PATIENCE
    while not place.exists():
        if time.monotonic() > end:
            return {}
        time.sleep(0.05)
    found: Mapping[str, int] = json.loads(place.read_text())
    return found


def _write(*_: object) -> None:
    place = Path(os.environ[PLACE])
    half = place.with_suffix(".half")
    half.write_text(json.dumps(count()))
    half.rename(place)


def main() -> None:
    """Run it."""
    from kafkade.cli.main import app

    signal.signal(_SIGNAL, _write)
    app()


if __name__ == "__main__":
    main()
