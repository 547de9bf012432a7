"""The ConfigMap of a policy."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema
import pytest
import yaml

from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import InvalidSpec
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.naming import source_topics
from kafkade.dlq.render import MAX_BYTES, render
from kafkade.dlq.render_policy import SCHEMA_FILE, PolicyFile, json_schema, json_schema_text
from support.places import ROOT

REFERENCE = ROOT / "docs" / "reference"

ROUTES = [
    {"exception": "DeserializationException", "action": "DEAD_LETTER"},
    {"exception": "ProcessingException", "action": "RETRY"},
]


def policy(**fields: Any) -> KafkaDLQPolicySpec:
    """A policy by the names that its YAML has."""
    return KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": ["*"], **fields})


def rendered(spec: KafkaDLQPolicySpec, *topics: str) -> dict[str, str]:
    """The data for these topics, user-events by default."""
    return render(spec, [source_topics(topic, spec) for topic in topics or ("user-events",)])


def live(text: str) -> dict[str, str]:
    """The lines of a properties file that take effect."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def offered(text: str) -> list[str]:
    """The lines that take effect once their # is gone: sentences have a blank after it."""
    return [line[1:] for line in text.splitlines() if re.match(r"#\S", line)]


def java(text: str) -> str:
    """The Java in the comments of spring.yaml."""
    return "\n".join(line[2:] for line in text.splitlines() if line.startswith("# "))


def test_golden() -> None:
    data = rendered(policy(routes=ROUTES))
    assert json.loads(data["policy.json"]) == {
        "schemaVersion": "kafkade.io/dlq-policy/v1",
        "retry": {
            "maxAttempts": 3,
            "strategy": "InPlace",
            "backoff": {"initialMs": 100, "multiplier": 2.0, "maxDelayMs": 60_000, "jitter": 0.0},
        },
        "delaysMs": [100, 200],
        "routes": ROUTES,
        "defaultAction": "RETRY",
        "topics": {"user-events": {"deadLetterTopic": "user-events.dlq", "retryTopics": []}},
    }
    assert live(data["connect.properties"]) == {
        "errors.retry.timeout": "300",
        "errors.retry.delay.max.ms": "200",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    assert offered(data["connect.properties"]) == [
        "errors.tolerance=all",
        "errors.deadletterqueue.topic.name=user-events.dlq",
    ]
    assert live(data["streams.properties"]) == {}
    assert offered(data["streams.properties"]) == [
        "deserialization.exception.handler=org.apache.kafka.streams.errors.LogAndContinueExceptionHandler",
        "processing.exception.handler=org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler",
        "errors.dead.letter.queue.topic.name=user-events.dlq",
    ]
    assert yaml.safe_load(data["spring.yaml"]) == {"spring": {"kafka": {"retry": {"topic": {"enabled": False}}}}}
    assert 'record.topic() + ".dlq", record.partition()' in data["spring.yaml"]
    assert "new ExponentialBackOffWithMaxRetries(2)" in data["spring.yaml"]
    assert "addNotRetryableExceptions(DeserializationException.class)" in data["spring.yaml"]


def test_retry_topics() -> None:
    data = rendered(policy(routes=ROUTES, retry={"strategy": "RetryTopics", "backoff": {"jitter": 0.5}}))
    assert json.loads(data["policy.json"])["topics"]["user-events"]["retryTopics"] == [
        {"topic": "user-events.retry.1", "delayMs": 100},
        {"topic": "user-events.retry.2", "delayMs": 200},
    ]
    assert yaml.safe_load(data["spring.yaml"])["spring"]["kafka"] == {
        "retry": {
            "topic": {
                "enabled": True,
                "attempts": 3,
                "backoff": {"delay": "100ms", "multiplier": 2.0, "max-delay": "60000ms", "jitter": "50ms"},
            }
        }
    }
    assert '".dlq"' in data["spring.yaml"]
    assert '".retry."' in data["spring.yaml"]
    assert (
        "if (!classes.contains(DeserializationException.class)) classes.add(DeserializationException.class);"
        in data["spring.yaml"]
    )


def test_equal_input_gives_equal_bytes() -> None:
    names = [f"t{number}" for number in range(50)]
    spec = policy(routes=ROUTES)
    shuffled = random.Random(1).sample(names, len(names))
    assert rendered(spec, *names) == rendered(spec, *shuffled)
    assert list(rendered(spec, *names)) == list(rendered(spec, *shuffled))
    topics = list(json.loads(rendered(spec, *shuffled)["policy.json"])["topics"])
    assert topics == sorted(names)


def test_a_new_topic_is_a_line_more() -> None:
    before, after = rendered(policy(), "a", "c"), rendered(policy(), "a", "b", "c")
    for name in ("policy.json", "connect.properties", "streams.properties"):
        was, now = before[name].splitlines(), after[name].splitlines()
        assert len(now) == len(was) + 1, name
        assert [line for line in now if line in was] == was, name
    assert before["spring.yaml"] == after["spring.yaml"]


ACTIONS = [
    ("RETRY", [], "all", True, 300, "dead letters after retries"),
    ("DEAD_LETTER", [], "all", True, 0, "dead letters at once"),
    ("SKIP", [], "all", False, 0, "all is skipped"),
    ("STOP", [], "none", False, 0, "all stops"),
    ("STOP", ["SKIP"], "none", False, 0, "skip and stop cannot be told apart: stop loses nothing"),
    ("SKIP", ["STOP"], "none", False, 0, "the same the other way round"),
    ("SKIP", ["DEAD_LETTER"], "all", True, 0, "a record too many in the dead-letter topic is better than one too few"),
    ("STOP", ["RETRY"], "all", True, 300, "one route with retries"),
]


@pytest.mark.parametrize(
    ("default", "routes", "tolerance", "dead_letters", "timeout", "reason"), ACTIONS, ids=[case[5] for case in ACTIONS]
)
def test_software_with_one_answer(
    default: str, routes: list[str], tolerance: str, dead_letters: bool, timeout: int, reason: str
) -> None:
    data = rendered(policy(defaultAction=default, routes=[{"exception": "E", "action": action} for action in routes]))
    connect, streams = data["connect.properties"], data["streams.properties"]
    tolerances = [line for line in [*offered(connect), *connect.splitlines()] if line.startswith("errors.tolerance=")]
    assert tolerances == [f"errors.tolerance={tolerance}"], reason
    assert live(connect)["errors.retry.timeout"] == str(timeout), reason
    assert ("errors.deadletterqueue.topic.name=user-events.dlq" in offered(connect)) is dead_letters, reason
    assert ("errors.dead.letter.queue.topic.name=user-events.dlq" in offered(streams)) is dead_letters, reason
    assert ("LogAndFail" in streams) is (tolerance == "none"), reason
    assert ("DeadLetterPublishingRecoverer" in data["spring.yaml"]) is dead_letters, reason
    assert ("CommonContainerStoppingErrorHandler" in data["spring.yaml"]) is (tolerance == "none"), reason


def test_lines_as_they_are_lose_no_record() -> None:
    for default in ("RETRY", "DEAD_LETTER", "STOP"):
        data = rendered(policy(defaultAction=default))
        assert live(data["connect.properties"]).get("errors.tolerance") in (None, "none"), default
        assert "LogAndContinue" not in " ".join(live(data["streams.properties"]).values()), default


CONNECT = [
    ({}, {"timeout": "300", "delay.max.ms": "200"}, {}, "the defaults"),
    ({"retry": {"maxAttempts": 1}}, {"timeout": "0"}, {}, "one attempt"),
    (
        {"retry": {"backoff": {"initial": "0ms"}}},
        {"timeout": "0", "delay.max.ms": "1"},
        {},
        "Connect cannot draw a delay below 0",
    ),
    (
        {"deadLetterTopics": {"replicationFactor": 2}},
        {"timeout": "300", "delay.max.ms": "200"},
        {"errors.deadletterqueue.topic.replication.factor": "2"},
        "a replication factor of the policy",
    ),
    (
        {"retry": {"maxAttempts": 100, "backoff": {"initial": "9" * 31 + "h", "maxDelay": "9" * 31 + "h"}}},
        {"timeout": str(2**63 - 1), "delay.max.ms": str(2**63 - 1)},
        {},
        "the largest that Java's long takes",
    ),
]


@pytest.mark.parametrize(("fields", "retry", "more", "reason"), CONNECT, ids=[case[3] for case in CONNECT])
def test_connect(fields: dict[str, Any], retry: dict[str, str], more: dict[str, str], reason: str) -> None:
    expected = {f"errors.retry.{key}": value for key, value in retry.items()}
    expected |= {"errors.deadletterqueue.context.headers.enable": "true"} | more
    assert live(rendered(policy(**fields))["connect.properties"]) == expected, reason


SPRING = [
    ({}, "new ExponentialBackOffWithMaxRetries(2)", "backoff by default"),
    ({"retry": {"maxAttempts": 1}}, "new FixedBackOff(0L, 0L)", "one attempt"),
    ({"retry": {"backoff": {"initial": "0ms"}}}, "new FixedBackOff(0L, 2L)", "no delay"),
    ({"defaultAction": "DEAD_LETTER"}, "new FixedBackOff(0L, 0L)", "nothing is tried again"),
    ({"deadLetterTopics": {"partitions": 1}}, 'record.topic() + ".dlq", -1', "the producer chooses the partition"),
    ({"suffix": "-dead"}, 'record.topic() + "-dead"', "another suffix"),
    (
        {"defaultAction": "STOP", "routes": [{"exception": "com.acme.Slow$Down", "action": "RETRY"}]},
        "handler.defaultFalse();\n    handler.addRetryableExceptions(com.acme.Slow.Down.class);",
        "only routes are tried again",
    ),
    (
        {
            "routes": [
                {"exception": "A", "action": "RETRY"},
                {"exception": "A", "action": "DEAD_LETTER"},
                {"exception": "B", "action": "SKIP"},
            ]
        },
        "handler.addNotRetryableExceptions(B.class);",
        "the first route of a class counts",
    ),
    (
        {"retry": {"backoff": {"initial": "5m", "maxDelay": "10m"}}},
        "new ExponentialBackOffWithMaxRetries(2)",
        "long delays",
    ),
]


@pytest.mark.parametrize(("fields", "expected", "reason"), SPRING, ids=[case[2] for case in SPRING])
def test_spring(fields: dict[str, Any], expected: str, reason: str) -> None:
    assert expected in java(rendered(policy(**fields))["spring.yaml"]), reason


def test_spring_waits_longer_than_kafka_lets_a_consumer_be_silent() -> None:
    text = rendered(policy(retry={"backoff": {"initial": "5m", "maxDelay": "10m"}}))["spring.yaml"]
    assert yaml.safe_load(text)["spring"]["kafka"]["consumer"] == {"max-poll-interval": "900000ms"}


PYTHON = [
    ({}, {}, "short delays need nothing"),
    (
        {"retry": {"maxAttempts": 4, "backoff": {"initial": "1m", "maxDelay": "1h"}}},
        {"consumer.max.poll.interval.ms": "720000"},
        "in place a record has all delays, one after another",
    ),
    (
        {"retry": {"maxAttempts": 4, "backoff": {"initial": "1m", "maxDelay": "1h"}, "strategy": "RetryTopics"}},
        {"consumer.max.poll.interval.ms": "540000"},
        "in a retry topic it has one of them",
    ),
    (
        {"retry": {"maxAttempts": 100, "backoff": {"initial": "1h", "maxDelay": "1h"}}},
        {"consumer.max.poll.interval.ms": "86400000"},
        "librdkafka's upper limit",
    ),
    (
        {"retry": {"maxAttempts": 4, "backoff": {"initial": "1h", "maxDelay": "1h"}}, "defaultAction": "DEAD_LETTER"},
        {},
        "nothing is tried again",
    ),
]
DEAD_LETTERS = {"producer.enable.idempotence": "true", "producer.message.max.bytes": "1000000000"}


@pytest.mark.parametrize(("fields", "expected", "reason"), PYTHON)
def test_python(fields: dict[str, Any], expected: dict[str, str], reason: str) -> None:
    lines = live(rendered(policy(**fields))["python.properties"])
    assert lines == {"consumer.enable.auto.offset.store": "false", **expected, **DEAD_LETTERS}, reason


@pytest.mark.parametrize("action", ["SKIP", "STOP"])
def test_python_writes_no_dead_letter_where_the_policy_has_none(action: str) -> None:
    lines = live(rendered(policy(defaultAction=action))["python.properties"])
    assert lines == {"consumer.enable.auto.offset.store": "false"}


def test_the_published_schema_is_that_of_the_code() -> None:
    assert (REFERENCE / SCHEMA_FILE).read_text() == json_schema_text()


VALID = [
    (policy(), ("user-events",), "defaults"),
    (policy(routes=ROUTES), (), "no topics yet"),
    (policy(retry={"strategy": "RetryTopics", "maxAttempts": 100}), ("a", "b"), "many retry topics"),
    (
        policy(retry={"backoff": {"initial": "9" * 31 + "h", "maxDelay": "9" * 31 + "h", "jitter": 1.0}}),
        ("a",),
        "the longest delays",
    ),
    (policy(defaultAction="STOP", routes=[{"exception": "a.B$C", "action": "SKIP"}]), ("A.b_c-d",), "all characters"),
]


@pytest.mark.parametrize(("spec", "topics", "reason"), VALID, ids=[case[2] for case in VALID])
def test_policy_json_fits_its_schema(spec: KafkaDLQPolicySpec, topics: tuple[str, ...], reason: str) -> None:
    text = render(spec, [source_topics(topic, spec) for topic in topics])["policy.json"]
    value = json.loads(text)
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(value)
    assert PolicyFile.model_validate(value).model_dump(mode="json", by_alias=True) == value, reason


INVALID = [
    (("more",), 1, "a field more"),
    (("retry", "more"), 1, "a field more within"),
    (("topics", "user-events", "more"), 1, "a field more of a topic"),
    (("topics", "user events"), {"deadLetterTopic": "d", "retryTopics": []}, "a name that no topic can have"),
    (("schemaVersion",), "kafkade.io/dlq-policy/v2", "another version"),
    (("retry", "maxAttempts"), "3", "a number in quotes"),
    (("defaultAction",), "IGNORE", "an action that there is not"),
    (("delaysMs",), [-1], "a delay below 0"),
]


@pytest.mark.parametrize(("path", "value", "reason"), INVALID, ids=[case[2] for case in INVALID])
def test_the_schema_refuses(path: tuple[str, ...], value: object, reason: str) -> None:
    content = json.loads(rendered(policy())["policy.json"])
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(content), reason


def test_two_thousand_topics_fit() -> None:
    spec = policy(routes=ROUTES, retry={"strategy": "RetryTopics"})
    names = [f"team-{number % 40:02}.domain-events-{number:04}" for number in range(2000)]
    data = rendered(spec, *names)
    size = sum(len(key.encode()) + len(text.encode()) for key, text in data.items())
    assert size <= MAX_BYTES
    assert len(json.loads(data["policy.json"])["topics"]) == 2000
    assert sum(line.startswith("#errors.deadletterqueue") for line in data["connect.properties"].splitlines()) == 2000
    assert sum(line.startswith("#errors.dead.letter") for line in data["streams.properties"].splitlines()) == 2000


def test_too_much_for_a_config_map_is_refused_with_the_way_out() -> None:
    topics = [SourceTopics(f"{'x' * 240}{number}", f"{'x' * 240}{number}.dlq") for number in range(2000)]
    with pytest.raises(InvalidSpec, match=r"2,000 topics, and 1,000,000 fit: divide the topics among several policies"):
        render(policy(), topics)


def test_keys_are_keys_of_a_config_map() -> None:
    for key, text in rendered(policy(retry={"strategy": "RetryTopics"}), "x" * 240).items():
        assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key)
        assert text.isascii(), key
        assert text.endswith("\n"), key
        assert not re.search(r"\t|[ ]\n", text), f"{key}: kubectl would show it as one line"
