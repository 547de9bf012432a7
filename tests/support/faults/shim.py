"""``kafkade`` as the fault suite runs it: waits that protect against rare faults are short, and its clocks can jump.

What jumps is what the operator reads: the wall clock in statuses and in the Lease, and the clock of the Lease and the fence,
which goes on while a machine sleeps. The file named by ``KAFKADE_TEST_CLOCKS`` has both offsets, in seconds.
"""

from __future__ import annotations

import datetime
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from kafkade.cli.main import app
from kafkade.clients import kube
from kafkade.engine import engine, leadership, parts
from kafkade.engine.election import Timing
from kafkade.handlers import leading, operator

TIMING = Timing(duration=11, deadline=8.5, retry=1.0)
"""Of the Lease: as always two attempts without an answer (``leadership.ATTEMPT``) fit into the deadline."""
RELIST = 15.0
"""Seconds between full lists, in place of 300, of Secrets and ConfigMaps too, in place of 290."""
INACTIVITY = 12.0
"""Seconds of silence after which a watch is taken for dead, in place of 70."""

_CLOCKS = Path(os.environ.get("KAFKADE_TEST_CLOCKS", os.devnull))
_real = time.clock_gettime


def _offset(which: int) -> float:
    try:
        return float(_CLOCKS.read_text().split()[which])
    except (OSError, IndexError, ValueError):
        return 0.0


class _Wall(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=_offset(0))


def main() -> None:
    """Run it."""
    time.clock_gettime = lambda clock: _real(clock) + _offset(1)
    parts.datetime = leadership.datetime = _Wall  # type: ignore[misc]
    engine.RELIST = RELIST
    operator.INACTIVITY = INACTIVITY
    kube.WATCH_SECONDS, kube.WATCH_SILENCE = int(RELIST), RELIST + 5
    leading.Leadership = partial(leadership.Leadership, timing=TIMING)  # type: ignore[misc, assignment]
    app()


if __name__ == "__main__":
    main()
