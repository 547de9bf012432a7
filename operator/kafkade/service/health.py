"""Whether a service reaches Kafka, with the document's details: nodes and controller; and that as an answer to HTTP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_config import Security


@dataclass(frozen=True, slots=True)
class Health:
    """``details``: ``nodes`` (how many brokers) and ``controller`` (its id) when it is up, ``error`` and ``reason`` when not."""

    up: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """As what JSON knows."""
        return {"status": "UP" if self.up else "DOWN", "details": dict(self.details)}


async def health(security: Security, *, patience: float = 5.0) -> Health:
    """Ask the brokers; never raises for what they or the way to them answer. ``patience``: seconds to wait for it."""
    kafka = KafkaAdmin(security, timeout=patience)
    try:
        found = await kafka.describe_cluster()
    except KafkadeError as error:
        return Health(False, {"reason": error.reason, "error": error.message})
    finally:
        await kafka.close()
    return Health(True, {"nodes": len(found.brokers), "controller": found.controller})


Ask = Callable[[], Awaitable[Health]]


def asgi(ask: Ask) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An ASGI application that answers each request with the health as JSON: 200 when it is up, 503 when not."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                event = await receive()
                await send({"type": f"{event['type']}.complete"})
                if event["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        found = await ask()
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200 if found.up else 503, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(found.data()).encode()})

    return app
