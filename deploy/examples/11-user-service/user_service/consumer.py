"""Reads events."""

import logging

from kafkade.service import Metadata, ProcessingException
from user_service import topics
from user_service.events import PriorityEvent, UserCreated, UserDeleted, UserEvent, UserUpdated
from user_service.kafka import service
from user_service.publisher import publish_event

log = logging.getLogger(__name__)


@service.listener(topics.USER_EVENTS, group="user-service-group", exactly_once=True)
async def handle_user_events(event: UserEvent, metadata: Metadata) -> None:
    log.info(
        "received %s of user %s at offset %d of partition %d",
        event.type,
        event.user_id,
        metadata.offset,
        metadata.partition,
    )
    match event:
        case UserCreated():
            await handle_user_created(event)
        case UserUpdated():
            await handle_user_updated(event)
        case UserDeleted():
            await handle_user_deleted(event)


@service.listener(
    topics.HIGH_PRIORITY_EVENTS,
    concurrency=3,
    properties={"max.poll.interval.ms": 300_000, "max.poll.records": 100},
)
async def handle_priority_events(event: PriorityEvent) -> None:
    if event.email.endswith(".invalid"):
        raise ProcessingException("no mail server takes it")
    log.info("mail to user %s: %s", event.user_id, event.subject)


async def handle_user_created(event: UserCreated) -> None:
    await publish_event(PriorityEvent.new(user_id=event.user_id, email=event.email, subject="Welcome"))


async def handle_user_updated(event: UserUpdated) -> None:
    await publish_event(PriorityEvent.new(user_id=event.user_id, email=event.email, subject="This is your address now"))


async def handle_user_deleted(event: UserDeleted) -> None:
    log.info("user %s is gone", event.user_id)
