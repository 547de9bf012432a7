"""Writes events."""

from collections.abc import Iterable

from user_service.events import Event
from user_service.kafka import service


async def publish_event(event: Event, key: str | None = None) -> None:
    await service.publish(event.topic, event, key=key or event.user_id)


async def publish_with_transaction(events: Iterable[Event]) -> None:
    async with service.transaction():
        for event in events:
            await publish_event(event)
