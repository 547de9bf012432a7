"""Names of the topics that a policy makes beside each source topic. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kafkade.api.dlq import KafkaDLQPolicySpec, Retry, RetryStrategy
from kafkade.api.errors import NamingRefused
from kafkade.api.policy import check_topic_name
from kafkade.dlq.model import SourceTopics


def dead_letter_topic(topic: str, spec: KafkaDLQPolicySpec) -> str:
    """The dead-letter topic of a source topic: user-events.dlq."""
    return f"{topic}{spec.suffix}"


def retry_topics(topic: str, retry: Retry) -> tuple[str, ...]:
    """The retry topics of a source topic, one for each attempt after the first: user-events.retry.1, user-events.retry.2.

    None with strategy InPlace.
    """
    if retry.strategy is not RetryStrategy.RETRY_TOPICS:
        return ()
    return tuple(f"{topic}{retry.suffix}{number}" for number in range(1, retry.max_attempts))


def source_topics(topic: str, spec: KafkaDLQPolicySpec) -> SourceTopics:
    """A source topic with all names that the policy makes of it."""
    return SourceTopics(topic, dead_letter_topic(topic, spec), retry_topics(topic, spec.retry))


def is_own(name: str, spec: KafkaDLQPolicySpec) -> bool:
    """Whether the name is one that the policy makes of some source: with its suffix, or its retry suffix and a number.

    Such a topic is never a source. Retry topics count with strategy InPlace as well, since an earlier spec may have
    made them.
    """
    # both need something before the suffix: a topic named just .dlq has no source
    if len(name) > len(spec.suffix) and name.endswith(spec.suffix):
        return True
    return re.fullmatch(rf".+{re.escape(spec.retry.suffix)}[0-9]+", name) is not None


def check_names(topics: Iterable[SourceTopics]) -> None:
    """Kafka's rules for each name that was made.

    Raises:
        NamingRefused: the source, the name made of it, which rule is broken, and the way out.
    """
    for entry in topics:
        for made in (entry.dead_letter_topic, *entry.retry_topics):
            try:
                check_topic_name(made)
            except NamingRefused as error:
                raise NamingRefused(
                    f"topic {entry.topic}: its topic {made} cannot be made ({error.message}); take the source out of the"
                    " policy, or give the policy a shorter suffix"
                ) from error
