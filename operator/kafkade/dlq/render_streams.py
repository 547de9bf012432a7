"""streams.properties: lines for Kafka Streams from 4.2 on, which writes dead letters by itself (KIP-1034).

Keys: org.apache.kafka.streams.StreamsConfig; handlers: org.apache.kafka.streams.errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.render_action import one_action

_ERRORS = "org.apache.kafka.streams.errors"

GO_ON = (
    f"deserialization.exception.handler={_ERRORS}.LogAndContinueExceptionHandler",
    f"processing.exception.handler={_ERRORS}.LogAndContinueProcessingExceptionHandler",
)
FAIL = (
    f"deserialization.exception.handler={_ERRORS}.LogAndFailExceptionHandler",
    f"processing.exception.handler={_ERRORS}.LogAndFailProcessingExceptionHandler",
)

_HEAD = """\
# For Kafka Streams 4.2 and newer. Streams has one answer for all errors, and tries no record again.
"""

_DEAD_LETTER = """\
# An application has one dead-letter topic: take the line of one of the topics that it reads, and the handlers with it,
# all without their #. These handlers without a dead-letter topic lose each record that fails.
# production.exception.handler stays as it is: the one that Streams has, DefaultProductionExceptionHandler, writes the
# dead letter and ends the application.
"""


def streams_properties(spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics]) -> str:
    """The file's text. No line that takes effect by itself can lose a record, unless the policy says SKIP."""
    match one_action(spec):
        case ErrorAction.SKIP:
            return f"{_HEAD}# The policy skips every record that fails.\n{_lines(GO_ON)}"
        case ErrorAction.STOP:
            return f"{_HEAD}# The policy stops at a record that fails.\n{_lines(FAIL)}"
    names = (f"#errors.dead.letter.queue.topic.name={entry.dead_letter_topic}" for entry in topics)
    return f"{_HEAD}{_DEAD_LETTER}{_lines(f'#{line}' for line in GO_ON)}{_lines(names)}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
