"""Facts about all topics of a cluster, asked for once a resync and used up by its batches, one after the other.

A resync of 10,000 topics is many batches, and each would ask anew. What is read ahead is some seconds old when its batch comes,
so it counts only where it shows a topic as it is declared; any other is looked at again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Set

from kafkade.api.errors import KafkaError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.topics.observe import MANY, Seen, TopicFacts, knows, survey

log = logging.getLogger("kafkade.topics")

FRESH = 20.0
"""Seconds for which facts count: less than a resync's interval, and more than its batches take."""


class Ahead:
    """What was asked ahead of one cluster's topics.

    Memory: some 0.5 KB a topic between the first batch of a resync and the one that uses it, and a third of it at all times.
    """

    def __init__(self) -> None:
        self._looked_at: dict[str, frozenset[str]] = {}
        """Since the last time that all were asked for: by topic the settings that matter. These are what is asked for next."""
        self._facts: dict[str, Seen] = {}
        self._asked = float("-inf")

    def look(self, keys: Mapping[str, Set[str]]) -> None:
        """Topics are looked at now, with these of their settings; what was asked of them before counts no more."""
        alike: dict[frozenset[str], frozenset[str]] = {}
        for name, wanted in keys.items():
            each = frozenset(wanted)
            self._looked_at[name] = alike.setdefault(each, each)
            self._facts.pop(name, None)

    async def take(self, kafka: KafkaAdmin, keys: Mapping[str, Set[str]]) -> dict[str, TopicFacts]:
        """What is known of topics of a batch, each only once: of those that are there, with all of these settings.

        The first batch of a resync finds nothing: then all are asked for that were looked at in the one before.
        """
        if time.monotonic() - self._asked > FRESH:
            self._facts.clear()
        if self._facts.keys().isdisjoint(keys) and not self._looked_at.keys().isdisjoint(keys):
            await self._ask(kafka)
        facts = {name: self._facts.get(name) for name in keys}
        self.look(keys)
        return {n: f for n, f in facts.items() if isinstance(f, TopicFacts) and knows(f, keys[n])}

    async def _ask(self, kafka: KafkaAdmin) -> None:
        wanted, self._looked_at = self._looked_at, {}
        if len(wanted) <= MANY:
            return
        self._asked = time.monotonic()
        try:
            self._facts = await survey(kafka, wanted)
        except KafkaError as error:
            # whoever looks at them now meets the same, or finds another way
            log.debug("topics could not be read ahead: %s", error.message)
