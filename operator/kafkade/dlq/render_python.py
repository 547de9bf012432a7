"""python.properties: lines for consumers and producers of confluent-kafka, and of everything else that is made with librdkafka.

Keys and ranges: librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec, RetryStrategy
from kafkade.dlq.backoff import delays
from kafkade.dlq.render_action import one_action, retries

_HEAD = """\
# For consumers and producers of confluent-kafka: consumer.* and producer.* without their prefix. The client tries nothing
# again and writes no dead letter by itself: policy.json says when to, after which delays, and to which topic.
# An offset is stored by the application (store_offsets) once its record is done: processed, skipped, or acknowledged in the
# topic that it went to. Until then it comes again after a crash.
consumer.enable.auto.offset.store=false
"""

_WAITS = """\
# 300000 for the work, as by default, and as long as a record waits for its next attempts.
consumer.max.poll.interval.ms={interval}
"""

_WAITS_LONGER = """\
# The longest that there is, and a record can wait longer than that: poll meanwhile, with the partition paused.
consumer.max.poll.interval.ms={interval}
"""

_PRODUCER = """\
# A dead letter is written once, before the offset is stored. How large it may be is for its topic to say: by default the
# client refuses more than 1000000 bytes, which is less than what a topic takes.
producer.enable.idempotence=true
producer.message.max.bytes=1000000000
"""

_POLL_INTERVAL, _LONGEST_INTERVAL = 300_000, 86_400_000
"""Default and upper limit of max.poll.interval.ms."""


def python_properties(spec: KafkaDLQPolicySpec) -> str:
    """The file's text. No line of it can lose a record."""
    text = _HEAD
    if retries(spec):
        text += _interval(spec)
    writes = one_action(spec) is ErrorAction.DEAD_LETTER
    return text + _PRODUCER if writes else text


def _interval(spec: KafkaDLQPolicySpec) -> str:
    """Who waits longer between two polls is put out of the group."""
    waits = delays(spec.retry)
    # a retry topic has one of the delays
    longest = max(waits) if spec.retry.strategy is RetryStrategy.RETRY_TOPICS else sum(waits)
    if longest <= _POLL_INTERVAL // 2:
        return ""
    interval = _POLL_INTERVAL + longest
    if interval > _LONGEST_INTERVAL:
        return _WAITS_LONGER.format(interval=_LONGEST_INTERVAL)
    return _WAITS.format(interval=interval)
