"""spring.yaml: what Spring Boot takes from configuration, and as comments the Java that names kafkade's topics.

Keys: spring-configuration-metadata.json of spring-boot-kafka 4.1 (spring-boot-autoconfigure 3.4 and 3.5 have the same, but
for jitter). Configuration alone cannot name the topics: Spring's are <topic>-retry-0 and <topic>-dlt.
"""

from __future__ import annotations

from collections.abc import Iterable

from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec, RetryStrategy
from kafkade.dlq.backoff import delays, milliseconds
from kafkade.dlq.render_action import one_action, retries

_HEAD = """\
# For Spring Boot 3.4 and newer: spring.config.import=file:<where this ConfigMap is mounted>/spring.yaml
# A record that cannot be deserialized reaches the Java below only with spring.kafka.consumer.value-deserializer set to
# org.springframework.kafka.support.serializer.ErrorHandlingDeserializer and the property
# spring.deserializer.value.delegate.class set to the deserializer of your own.
"""

_POLL_INTERVAL = 300_000
"""Kafka's default of max.poll.interval.ms; who waits longer between two polls is put out of the group."""

_INT_MAX = 2**31 - 1


def spring_yaml(spec: KafkaDLQPolicySpec) -> str:
    """The file's text. It holds for all source topics, whose names are made from the topic of the record in hand."""
    if retries(spec) and spec.retry.strategy is RetryStrategy.RETRY_TOPICS:
        return _HEAD + "spring:\n  kafka:\n" + _retry_topics(spec) + _comment(_names_provider(spec))
    return _HEAD + "spring:\n  kafka:\n" + _in_place(spec) + _comment(_error_handler(spec))


def _retry_topics(spec: KafkaDLQPolicySpec) -> str:
    backoff = spec.retry.backoff
    longest = milliseconds(backoff.max_delay)
    initial = min(milliseconds(backoff.initial), longest)
    lines = [
        "    retry:",
        "      topic:",
        "        enabled: true",
        f"        attempts: {spec.retry.max_attempts}",
        "        backoff:",
        f"          delay: {initial}ms",
        f"          multiplier: {backoff.multiplier}",
        f"          max-delay: {longest}ms",
    ]
    if backoff.jitter:
        lines.append(f"          jitter: {round(initial * backoff.jitter)}ms  # Spring Boot 4.0 and newer")
    return "".join(f"{line}\n" for line in lines)


def _in_place(spec: KafkaDLQPolicySpec) -> str:
    text = "    retry:\n      topic:\n        enabled: false\n"
    longest = max(delays(spec.retry), default=0)
    if retries(spec) and longest > _POLL_INTERVAL // 2:
        interval = min(_INT_MAX, _POLL_INTERVAL + longest)
        text += f"    consumer:\n      max-poll-interval: {interval}ms  # the longest delay, and the time of the work\n"
    return text


def _error_handler(spec: KafkaDLQPolicySpec) -> list[str]:
    """A bean that Spring Boot hands to its listener containers (spring-kafka 3.3 and newer)."""
    action = one_action(spec)
    if action is ErrorAction.STOP:
        body = ["return new CommonContainerStoppingErrorHandler();"]
        return [
            *_says("stops at a record that fails"),
            "@Bean CommonErrorHandler errorHandler() {",
            *_indent(body),
            "}",
        ]
    if action is ErrorAction.SKIP:
        body = ["return new DefaultErrorHandler(new FixedBackOff(0L, 0L));"]
        return [
            *_says("skips every record that fails"),
            "@Bean CommonErrorHandler errorHandler() {",
            *_indent(body),
            "}",
        ]
    # with a number of partitions of their own, dead letters go where the producer puts them
    partition = "record.partition()" if spec.dead_letter_topics.partitions is None else "-1"
    body = [
        *_backoff(spec),
        "var recoverer = new DeadLetterPublishingRecoverer(template,",
        f'        (record, error) -> new TopicPartition(record.topic() + "{spec.suffix}", {partition}));',
        "var handler = new DefaultErrorHandler(recoverer, backOff);",
        *_classes(spec),
        "return handler;",
    ]
    return [
        "The bean that tries again and writes dead letters as the policy says; SKIP and STOP of single classes are yours",
        "to add:",
        "@Bean CommonErrorHandler errorHandler(KafkaTemplate<?, ?> template) {",
        *_indent(body),
        "}",
    ]


def _says(what: str) -> list[str]:
    return [f"The policy {what}:"]


def _backoff(spec: KafkaDLQPolicySpec) -> list[str]:
    waits = delays(spec.retry) if retries(spec) else ()
    if not any(waits):
        return [f"var backOff = new FixedBackOff(0L, {len(waits)}L);"]
    return [
        f"var backOff = new ExponentialBackOffWithMaxRetries({len(waits)});",
        f"backOff.setInitialInterval({waits[0]}L);",
        f"backOff.setMultiplier({spec.retry.backoff.multiplier});",
        f"backOff.setMaxInterval({milliseconds(spec.retry.backoff.max_delay)}L);",
    ]


def _classes(spec: KafkaDLQPolicySpec) -> list[str]:
    """Which classes are tried again, as far as the order of the routes does not matter."""
    if not retries(spec):
        return []
    again, never = _java_classes(spec, retried=True), _java_classes(spec, retried=False)
    if spec.default_action is ErrorAction.RETRY:
        return [f"handler.addNotRetryableExceptions({', '.join(never)});"] if never else []
    return ["handler.defaultFalse();", f"handler.addRetryableExceptions({', '.join(again)});"]


def _java_classes(spec: KafkaDLQPolicySpec, *, retried: bool) -> list[str]:
    """Class literals of the routes that are, or are not, RETRY; the first route of a class counts."""
    first = {route.exception: route.action for route in reversed(spec.routes)}
    return [
        # $ is how the JVM, and . how Java's source, names a class within a class
        f"{name.replace('$', '.')}.class"
        for name in dict.fromkeys(route.exception for route in spec.routes)
        if (first[name] is ErrorAction.RETRY) == retried
    ]


def _names_provider(spec: KafkaDLQPolicySpec) -> list[str]:
    """A configuration class that gives retry and dead-letter topics the policy's names."""
    never = _java_classes(spec, retried=False)
    fatal = [
        "@Override protected void manageNonBlockingFatalExceptions(List<Class<? extends Throwable>> classes) {",
        # Spring's own are in it already, and it does not start with one twice
        *_indent(f"if (!classes.contains({name})) classes.add({name});" for name in never),
        "}",
    ]
    body = [
        "@Override protected RetryTopicComponentFactory createComponentFactory() {",
        "    return new RetryTopicComponentFactory() {",
        "        @Override public RetryTopicNamesProviderFactory retryTopicNamesProviderFactory() {",
        "            return to -> new SuffixingRetryTopicNamesProviderFactory.SuffixingRetryTopicNamesProvider(to) {",
        "                @Override public String getTopicName(String topic) {",
        f'                    if (to.isDltTopic()) return topic + "{spec.suffix}";',
        "                    if (to.isMainEndpoint()) return topic;",
        '                    String index = to.suffix().replaceAll("[^0-9]", "");',
        f'                    return topic + "{spec.retry.suffix}" + (index.isEmpty() ? 1 : Integer.parseInt(index) + 1);',
        "                }",
        "            };",
        "        }",
        "    };",
        "}",
        # without one, or a TaskScheduler of the application, it does not start
        "@Bean RetryTopicSchedulerWrapper retryTopicScheduler() {",
        "    return new RetryTopicSchedulerWrapper(new ThreadPoolTaskScheduler());",
        "}",
        *(fatal if never else []),
    ]
    return [
        "Needed with it: Spring would write to <topic>-retry-0 and <topic>-dlt, which nobody makes. Spring puts attempts",
        "with the same delay into one topic. SKIP and STOP of single classes are yours to add.",
        "@Configuration class KafkadeTopics extends RetryTopicConfigurationSupport {",
        *_indent(body),
        "}",
    ]


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)
