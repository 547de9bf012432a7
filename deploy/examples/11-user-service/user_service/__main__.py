"""``python -m user_service`` runs the service, ``… publish`` writes some events, ``… diagnose`` says what may be wrong."""

import asyncio
import json
import logging
import os
import sys

from user_service import consumer, streams  # noqa: F401 -- listeners and streams of the service
from user_service.events import OrderPlaced, UserCreated, UserUpdated
from user_service.kafka import service
from user_service.publisher import publish_event, publish_with_transaction


async def run() -> None:
    async with service.serving("0.0.0.0", int(os.environ.get("PORT", "8080"))):
        await service.run()


async def publish() -> None:
    async with service:
        await publish_event(UserCreated.new(user_id="u1", email="ada@example.com"))
        await publish_with_transaction(
            [
                UserUpdated.new(user_id="u1", email="ada@example.org"),
                OrderPlaced.new(user_id="u1", order_id="o1", cents=1990),
            ]
        )


async def diagnose() -> None:
    found = await service.diagnose()
    print(json.dumps(found.data(), indent=2))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    commands = {"run": run, "publish": publish, "diagnose": diagnose}
    asyncio.run(commands[sys.argv[1] if len(sys.argv) > 1 else "run"]())
