"""A service that is killed: counts what it reads, exactly once, until it is told to end.

Usage: python -m support.killed_service BINDINGS INSTANCE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from kafkade.service import Service
from support.services import QUICK

service = Service.from_binding("killed", root=Path(sys.argv[1]), instance=sys.argv[2])


@service.listener(
    "killed", group="killed", concurrency=2, exactly_once=True, properties={**QUICK, "max.poll.records": 50}
)
async def copy(event: dict[str, int]) -> None:
    """One record there for each one here."""
    await asyncio.sleep(0.002)
    service.publish("killed-copies", event)


if __name__ == "__main__":
    asyncio.run(service.run())
