"""Keeps ledgers from expiring: what was put back must be known for as long as the dead letters are there.

Brokers forget the offsets of a group without members offsets.retention.minutes after their last commit, seven days by default
(KIP-211); dead letters usually live longer. So a ledger that nobody has written to for a day is committed anew, as it is.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover import KafkaMover
from kafkade.clients.model import Committed
from kafkade.dlq.redrive.ledger import group_of

log = logging.getLogger("kafkade.redrive")

EVERY = 86_400.0
"""Seconds after which a ledger that did not change is committed anew."""

SPREAD = 3_600.0
"""Seconds over which the first commits after a start are spread, since nobody knows when the last ones were."""

AFTER_FAILURE = 600.0

LedgerFacts = Mapping[tuple[str, int], Committed]
"""What the ledger's group has committed, by topic and partition."""


def keep_ledger(security: Security, topic: str) -> bool:
    """Commit the ledger of a dead-letter topic anew, as it is; False when there is none. Blocks.

    It is done as a redrive does it, so that it can never overwrite what another one has written meanwhile: it takes over,
    which ends a redrive that runs, and reads before it writes.

    Raises:
        KafkadeError: as a redrive.
    """
    group = group_of(topic)
    mover = KafkaMover(security, topic, ledger_group=group, progress_group=group, transactional_id=group)
    try:
        mover.take_over()
        positions = mover.reader.committed()
        if positions:
            mover.begin()
            mover.commit(positions, {})
        return bool(positions)
    finally:
        mover.close()


@dataclass(slots=True)
class _Seen:
    facts: LedgerFacts
    since: float
    """When it was committed last, as far as it is known, on the keeper's clock."""


class Keeper:
    """Knows when the ledgers of one operator were committed, and commits them in a thread, one at a time."""

    def __init__(
        self,
        keep: Callable[[Security, str], bool] = keep_ledger,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self._keep = keep
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 -- jitter is no secret
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._thread: threading.Thread | None = None

    def look(self, security: Security, ledgers: Mapping[str, LedgerFacts], at_work: Collection[str]) -> None:
        """Take note of the ledgers of some dead-letter topics, and begin to commit one of those that are due.

        ``at_work``: topics that a redrive is at work on, which commits their ledgers itself.
        """
        now, due = self._clock(), []
        for topic, facts in ledgers.items():
            key = (security.bootstrap, topic)
            if not facts:
                self._seen.pop(key, None)
                continue
            seen = self._seen.get(key)
            if seen is None:
                first = now - EVERY + self._chance.uniform(0, SPREAD)
                seen = self._seen[key] = _Seen(facts, first)
            elif seen.facts != facts:
                seen.facts, seen.since = facts, now
            if now - seen.since >= EVERY and topic not in at_work:
                due.append((seen.since, topic))
        if due and (self._thread is None or not self._thread.is_alive()):
            topic = min(due)[1]
            seen = self._seen[security.bootstrap, topic]
            self._thread = threading.Thread(
                target=self._run, args=(security, topic, seen), name=f"kafkade-ledger-{topic}", daemon=True
            )
            self._thread.start()

    def _run(self, security: Security, topic: str, seen: _Seen) -> None:
        try:
            self._keep(security, topic)
        except KafkadeError as error:
            seen.since = self._clock() - EVERY + AFTER_FAILURE
            log.warning("the ledger of %s could not be committed anew, tried again: %s", topic, error.message)
        else:
            seen.since = self._clock()
            log.info("the ledger of %s is committed anew", topic)
