"""The kinds whose resources belong to a KafkaCluster: how each is indexed, and how a batch of it is worked on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kafkade.api.context import Context, Work
from kafkade.api.kinds import DLQ_POLICY, DLQ_REDRIVE, SCHEMA, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key, Report, Tell
from kafkade.bindings.reconcile import reconcile as reconcile_bindings
from kafkade.bindings.wanted import references_of as references_of_binding
from kafkade.clients.connection import Connection
from kafkade.dlq.reconcile import Policies
from kafkade.dlq.redrive.reconcile import Redrives
from kafkade.engine.store import Indexer
from kafkade.schemas.subjects import claim_of as subject_of
from kafkade.schemas.subjects import references_of
from kafkade.topics.desired import claim_of as topic_of
from kafkade.topics.reconcile import Topics


class Reconcile(Protocol):
    """A kind's reconcile over a batch of one cluster. What is told is written while it goes on with others."""

    def __call__(
        self, batch: Sequence[Work[Any]], connection: Connection, context: Context, tell: Tell
    ) -> Coroutine[Any, Any, None]: ...


def _at_once(reconcile: Callable[[Sequence[Work[Any]], Connection, Context], Awaitable[list[Report]]]) -> Reconcile:
    """Of a kind whose batch comes to its end as a whole."""

    async def told(batch: Sequence[Work[Any]], connection: Connection, context: Context, tell: Tell) -> None:
        tell(await reconcile(batch, connection, context))

    return told


async def _reconcile_schemas(batch: Sequence[Work[Any]], connection: Connection, context: Context, tell: Tell) -> None:
    from kafkade.schemas.reconcile import reconcile  # parsers of three languages are 5 MiB, and many have no schema

    await reconcile(batch, connection, context, tell)


def _nothing_to_do(_: Key) -> None:
    """For kinds of which nothing is at work or known between two reconciles."""


@dataclass(frozen=True, slots=True)
class Member:
    """How resources of one kind that belong to a cluster are worked on."""

    reconcile: Reconcile
    batch: int
    """How many that changed are worked on at once at most."""
    routine: int
    """How many are looked at again at once, of which most cost no write."""
    look_again: Reconcile | None = None
    """How those are looked at of which nothing is known to have changed; None: as all others."""
    overlapping: bool = False
    """Whether a batch begins while reports of the one before it are written: none depends on a status that is not there yet."""
    aside: bool = False
    """Whether a small batch goes beside a large one: none depends on another one's work."""
    let_go: Callable[[Key], None] = _nothing_to_do
    """Called for a resource that is gone or does not pass the gates: nothing may go on for it."""
    gone: Callable[[Key], None] = _nothing_to_do
    """Called after that for a resource that is gone: nothing is to be known of it any more."""

    def way(self, *, routine: bool) -> Reconcile:
        """How a batch is worked on. ``routine``: nothing is known to have changed."""
        return self.look_again if routine and self.look_again is not None else self.reconcile


def indexers(context: Callable[[], Context]) -> dict[str, Indexer]:
    """How kinds are indexed. ``context``: asked for when it is there."""
    return {
        TOPIC: Indexer(topic_of, lambda _: ()),
        SCHEMA: Indexer(lambda r: subject_of(r, context()), references_of),
        SERVICE_BINDING: Indexer(lambda _: None, references_of_binding),
    }


def members(policies: Policies, redrives: Redrives) -> dict[str, Member]:
    """The kinds that belong to a cluster."""
    topics = Topics()
    return {
        TOPIC: Member(_at_once(topics.reconcile), 500, 250, _at_once(topics.look_again), overlapping=True, aside=True),
        SCHEMA: Member(_reconcile_schemas, 200, 200, overlapping=True),
        DLQ_POLICY: Member(_at_once(policies.reconcile), 20, 20, let_go=policies.let_go, gone=policies.gone),
        DLQ_REDRIVE: Member(_at_once(redrives.reconcile), 50, 50, let_go=redrives.let_go, gone=redrives.gone),
        SERVICE_BINDING: Member(_at_once(reconcile_bindings), 100, 100),
    }
