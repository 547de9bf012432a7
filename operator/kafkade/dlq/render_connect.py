"""connect.properties: lines for the sink connectors of Kafka Connect.

Keys: org.apache.kafka.connect.runtime.ConnectorConfig and SinkConnectorConfig, the same from Kafka 3.5 to 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec
from kafkade.dlq.backoff import LONGEST, delays
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.render_action import one_action, retries

_HEAD = """\
# For sink connectors of Kafka Connect. Source connectors have no dead-letter topic.
# Connect has one answer for all errors of converters and transformations, and for records that the connector reports.
# Only RetriableException is tried again: for errors.retry.timeout in all, after 300 ms first, then twice as long each
# time up to errors.retry.delay.max.ms. Connect counts no attempts and has no retry topics.
"""

_DEAD_LETTER = """\
# A connector has one dead-letter topic: take the line of the topic that it reads, and errors.tolerance with it, both
# without their #. errors.tolerance=all without a dead-letter topic loses each record that fails.
#errors.tolerance=all
"""


def connect_properties(spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics]) -> str:
    """The file's text. No line that takes effect by itself can lose a record, unless the policy says SKIP."""
    text = _HEAD + "".join(f"{key}={value}\n" for key, value in _retry(spec).items())
    match one_action(spec):
        case ErrorAction.SKIP:
            return text + "# The policy skips every record that fails.\nerrors.tolerance=all\n"
        case ErrorAction.STOP:
            return text + "# The policy stops at a record that fails.\nerrors.tolerance=none\n"
    text += "errors.deadletterqueue.context.headers.enable=true\n"
    if (replicas := spec.dead_letter_topics.replication_factor) is not None:
        text += f"errors.deadletterqueue.topic.replication.factor={replicas}\n"
    lines = (f"#errors.deadletterqueue.topic.name={entry.dead_letter_topic}\n" for entry in topics)
    return f"{text}\n{_DEAD_LETTER}{''.join(lines)}"


def _retry(spec: KafkaDLQPolicySpec) -> dict[str, int]:
    """The time that the policy's delays take together, and the longest of them."""
    if not retries(spec):
        return {"errors.retry.timeout": 0}
    waits = delays(spec.retry)
    # Connect draws a delay below the longest one, and ends with an exception when that is 0
    return {
        "errors.retry.timeout": min(LONGEST, sum(waits)),
        "errors.retry.delay.max.ms": max(1, *waits),
    }
