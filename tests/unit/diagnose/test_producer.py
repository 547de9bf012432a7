"""Checks of what producers write, by what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed, InvalidSpec
from kafkade.clients.kafka_batches import Batch
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.model import Partition, TopicDescription
from kafkade.diagnose.client_metrics import ClientMetrics, of_statistics, read
from kafkade.diagnose.finding import Severity
from kafkade.diagnose.observe_producer import plain_size
from kafkade.diagnose.producer import Keys, Limits, ProducerFacts, diagnose, percentiles

OK, WARNING, PROBLEM, UNKNOWN = Severity.OK, Severity.WARNING, Severity.PROBLEM, Severity.UNKNOWN
NOW = 1_000_000_000
TOPIC = TopicDescription("orders", "id", (Partition((1, 2, 3), (1, 2, 3), 1),) * 2)


def batch(**changes: Any) -> Batch:
    made = Batch(0, 99, 16_000, 100, "zstd", NOW - 1005, NOW - 1000, False, False, False, 7)
    return replace(made, **changes)


def both(*batches: Batch) -> dict[int, tuple[Batch, ...]]:
    return {0: batches, 1: batches}


CLIENT = ClientMetrics("Java", 0.0, 0.0, 0.01, 0.05, 0.001, 16_000, 100, 0.25, 0.0, 0.0)
WELL = ProducerFacts(
    TOPIC,
    both(*[batch()] * 20),
    plain=400_000,
    packed=100_000,
    keys=Keys(1000, 1000, 900, 0.01, "k"),
    last_hour={0: 5000, 1: 5100},
    settings={"max.message.bytes": "1048588", "min.insync.replicas": "2", "message.timestamp.type": "CreateTime"},
    delays=(0.01, 0.02, 0.03),
    window=10.0,
    client=CLIENT,
    now=NOW,
)


def test_all_is_well() -> None:
    assert {f.severity for f in diagnose(WELL, Limits()).findings} == {OK}


END = batch(control=True, records=1, codec="none", size=78)


@pytest.mark.parametrize(
    ("changes", "check", "severity", "says"),
    [
        pytest.param({"batches": {}}, "records", UNKNOWN, "no records", id="an empty topic"),
        pytest.param(
            {"batches": both(*[batch(records=1, last_offset=0)] * 20)}, "batch-size", WARNING, "1.0 records", id="alone"
        ),
        pytest.param({"batches": both(*[batch(size=500)] * 20)}, "batch-size", WARNING, "500 B", id="small, and many"),
        pytest.param(
            {"batches": both(*[batch(size=500)] * 20), "last_hour": {0: 9}},
            "batch-size",
            OK,
            "500 B",
            id="small, and few",
        ),
        pytest.param(
            {"batches": both(*[batch(codec="none")] * 20)}, "compression", WARNING, "100% of the batches", id="plain"
        ),
        pytest.param({"plain": 100_000}, "compression", WARNING, "next to nothing", id="compressed in vain"),
        pytest.param({"plain": 0, "packed": 0}, "compression", OK, "zstd: 40 batches", id="records may not be read"),
        pytest.param({"batches": both(batch(size=1_000_000))}, "record-size", WARNING, "95%", id="large"),
        pytest.param(
            {"batches": both(batch(max_timestamp=NOW + 7_200_000))}, "timestamps", PROBLEM, "2 h ahead", id="the future"
        ),
        pytest.param(
            {"batches": both(batch(first_timestamp=-1, max_timestamp=-1))},
            "timestamps",
            WARNING,
            "no timestamp",
            id="none",
        ),
        pytest.param({"last_hour": {0: 9900, 1: 100}}, "key-skew", WARNING, "99% go to one", id="one partition"),
        pytest.param(
            {"keys": Keys(1000, 1000, 3, 0.9, "me")}, "key-skew", WARNING, "unevenly", id="one key has most records"
        ),
        pytest.param(
            {"batches": both(*[batch(producer_id=-1)] * 20)},
            "idempotence",
            WARNING,
            "not idempotent",
            id="not idempotent",
        ),
        pytest.param(
            {"batches": both(batch(), END, replace(END, aborts=True))},
            "failure-rate",
            WARNING,
            "50% of the transactions",
            id="aborted",
        ),
        pytest.param(
            {"client": replace(CLIENT, failed=0.2)}, "failure-rate", PROBLEM, "20.0%", id="it says that it fails"
        ),
        pytest.param({"client": replace(CLIENT, retried=0.2)}, "failure-rate", WARNING, "sent again", id="retries"),
        pytest.param({"client": None}, "failure-rate", UNKNOWN, "is not known", id="it says nothing"),
        pytest.param({"client": replace(CLIENT, latency=3.0)}, "latency", PROBLEM, "3 s", id="slow requests"),
        pytest.param({"delays": (0.1, 5.0, 5.0)}, "latency", PROBLEM, "5 s", id="slow records"),
        pytest.param({"delays": (), "client": None}, "latency", UNKNOWN, "is not known", id="nothing came"),
        pytest.param({"delays": (200_000.0,)}, "latency", UNKNOWN, "are old", id="old records are copied"),
        pytest.param({"client": replace(CLIENT, throttled=0.5)}, "throttled", WARNING, "500 ms", id="quota"),
        pytest.param({"client": replace(CLIENT, full=0.95)}, "queue-full", PROBLEM, "95%", id="full"),
        pytest.param(
            {"topic": TopicDescription("orders", "id", (Partition((1, 2, 3), (1,), 1),))},
            "durability",
            PROBLEM,
            "NOT_ENOUGH_REPLICAS",
            id="under min ISR",
        ),
        pytest.param({"settings": {"min.insync.replicas": "1"}}, "durability", WARNING, "acks=1", id="min ISR 1"),
        pytest.param(
            {"unread": {"records": AuthorizationFailed("may not")}}, "unread", UNKNOWN, "could not be read", id="ACLs"
        ),
    ],
)
def test_findings(changes: Mapping[str, Any], check: str, severity: Severity, says: str) -> None:
    found = [f for f in diagnose(replace(WELL, **changes), Limits()).findings if f.check == check]
    assert [f.severity for f in found] == [severity]
    assert says in found[0].says
    if severity in (WARNING, PROBLEM):
        assert found[0].cause
        assert found[0].remedy


def test_percentiles() -> None:
    assert percentiles([3.0]) == (3.0, 3.0)
    assert percentiles([float(n) for n in range(101)]) == (50.0, 95.0)


def test_size_of_a_record() -> None:
    """As kafka-python's builder makes them: length, attributes, deltas, key, value, headers."""
    assert plain_size(Record(0, 0, 0, None, b"x" * 10, [])) == 1 + (1 + 2 + 1 + 1 + 0 + 1 + 10 + 1)
    assert plain_size(Record(0, 0, 0, b"key", b"x" * 100, [("h", b"v")])) == 2 + (1 + 3 + 1 + 3 + 2 + 100 + 1 + 4)


LIBRDKAFKA = """{"name": "rdkafka#producer-1", "client_id": "shop", "type": "producer", "msg_cnt": 50, "msg_max": 100,
 "brokers": {"b/1": {"tx": 90, "txerrs": 5, "req_timeouts": 4, "txretries": 10, "rtt": {"avg": 2000, "p99": 9000, "cnt": 9},
 "int_latency": {"avg": 5000, "cnt": 9}, "throttle": {"avg": 0, "cnt": 9}}, "b/2": {"tx": 0, "rtt": {"avg": 0, "cnt": 0}}},
 "topics": {"orders": {"batchsize": {"avg": 800, "cnt": 9}, "batchcnt": {"avg": 4, "cnt": 9}}}}"""


def test_statistics_of_librdkafka() -> None:
    metrics = read('{"msg_cnt": 0, "brokers": {}}\n' + LIBRDKAFKA.replace("\n", ""), "f")
    assert metrics == ClientMetrics(
        "librdkafka shop", 0.1, 10 / 90, 0.002, 0.009, 0.005, 800.0, 4.0, None, None, 0.5, 9
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            '{"record-send-total": 90, "record-error-total": 10, "request-latency-avg": 5, "batch-size-avg": 700}',
            id="flat",
        ),
        pytest.param(
            '{"kafka.producer:type=producer-metrics,client-id=a": {"record-send-total": 90.0, "record-error-total": 10.0,'
            ' "request-latency-avg": 5.0, "batch-size-avg": 700.0, "request-latency-max": "NaN"}}',
            id="by MBean",
        ),
        pytest.param(
            '[{"name": "record-send-total", "value": 90}, {"name": "record-error-total", "value": 10},'
            ' {"name": "request-latency-avg", "value": 5}, {"name": "batch-size-avg", "value": 700}]',
            id="a list",
        ),
        pytest.param(
            "record-send-total=90\nrecord-error-total=10\nrequest-latency-avg=5.0\nbatch-size-avg=700\n", id="lines"
        ),
        pytest.param(
            '# HELP x\nkafka_producer_record_send_total{client_id="a"} 90.0\nkafka_producer_record_error_total 10.0\n'
            'kafka_producer_request_latency_avg{client_id="a"} 5.0\nkafka_producer_batch_size_avg 700.0 1700000000000\n',
            id="Prometheus",
        ),
    ],
)
def test_metrics_of_java(text: str) -> None:
    metrics = read(text, "f")
    assert (metrics.failed, metrics.latency, metrics.batch_bytes) == (0.1, 0.005, 700.0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "kafka_producer_record_send_total 90\nkafka_producer_record_error_total 10\n"
            "kafka_producer_request_latency_avg 5\nkafka_producer_topic_record_send_total 1\n"
            "kafka_producer_topic_record_error_total 1\nkafka_producer_node_request_latency_avg 70\n",
            id="by name",
        ),
        pytest.param(
            'record_send_total{client_id="a-topic-b"} 80\nrecord_send_total{client_id="a"} 10\n'
            'record_error_total{client_id="a"} 10\nrequest_latency_avg 5\n'
            'record_send_total{client_id="a", topic="b"} 1\nrequest_latency_avg{client_id="a",node_id="node-1"} 70\n'
            'record_error_total{type="producer-topic-metrics"} 7\n',
            id="by label",
        ),
        pytest.param(
            '{"kafka.producer:type=producer-metrics,client-id=a-topic-b": {"record-send-total": 90, "record-error-total": 10,'
            ' "request-latency-avg": 5}, "kafka.producer:type=producer-topic-metrics,client-id=a,topic=b":'
            ' {"record-send-total": 1, "record-error-total": 1}, "kafka.producer:type=producer-node-metrics,client-id=a":'
            ' {"request-latency-avg": 70}}',
            id="by MBean",
        ),
        pytest.param(
            '[{"name": "record-send-total", "group": "producer-metrics", "value": 90}, {"name": "record-error-total",'
            ' "value": 10}, {"name": "request-latency-avg", "value": 5}, {"name": "record-send-total", "group":'
            ' "producer-topic-metrics", "value": 1}]',
            id="by group",
        ),
        pytest.param(
            'record_send_total{client_id="a"} 60\nrecord_send_total{client_id="b"} 30\nrecord_error_total{client_id="a"} 0\n'
            'record_error_total{client_id="b"} 10\nrequest_latency_avg{client_id="a"} 5\n'
            'request_latency_avg{client_id="b"} 1\n',
            id="two clients",
        ),
        pytest.param(
            "kafka_producer_topic_record_send_total 90\nkafka_producer_topic_record_error_total 10\n"
            "kafka_producer_node_request_latency_avg 5\n",
            id="nothing else",
        ),
    ],
)
def test_metrics_of_java_by_topic_node_and_client(text: str) -> None:
    metrics = read(text, "f")
    assert (metrics.failed, metrics.latency) == (0.1, 0.005)


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"record-send-total": "NaN"}', "[1, 2]", '"a"', "\0"])
def test_a_file_without_metrics(text: str) -> None:
    with pytest.raises(InvalidSpec, match="--client-metrics f has no metrics of a producer"):
        read(text, "f")


def statistics(sent: int, plain: int, packed: int, failed: int = 0) -> dict[str, Any]:
    """As librdkafka tells them: totals since its start, but for windows of batches."""
    topic = {
        "batchsize": {"avg": packed / 2, "sum": packed, "cnt": 2},
        "batchcnt": {"avg": 50, "sum": 100, "cnt": 2},
        "partitions": {"0": {"txbytes": plain}},
    }
    broker = {"tx": sent, "txerrs": failed, "rtt": {"avg": 2000, "p99": 9000, "cnt": 3}}
    other = {"batchsize": {"avg": 9e6, "sum": 9e6, "cnt": 1}, "partitions": {"0": {"txbytes": 9e6}}}
    return {"client_id": "shop", "brokers": {"b": broker}, "topics": {"orders": topic, "other": other}}


def test_statistics_of_a_producer_that_runs_are_those_since_the_last_ones() -> None:
    first = of_statistics(statistics(10, 1000, 500, failed=5), {}, "orders")
    assert (first.failed, first.compressed, first.batch_bytes) == (0.5, 0.5, 250.0)
    later = of_statistics(statistics(20, 3000, 500, failed=6), statistics(10, 1000, 500, failed=5), "orders")
    assert (later.failed, later.compressed, later.batch_records, later.batches) == (0.1, 0.25, 50.0, 2)
    assert of_statistics(statistics(20, 3000, 500), statistics(20, 3000, 500), "elsewhere").compressed is None


@pytest.mark.parametrize(
    ("client", "check", "severity", "says"),
    [
        (CLIENT, "batch-size", OK, "100.0 records and 15.6 KiB a batch"),
        (replace(CLIENT, batch_records=1.0, batches=50), "batch-size", WARNING, "batches are small: 1.0 records"),
        (replace(CLIENT, batch_records=1.0, batches=3), "batch-size", OK, "1.0 records"),
        (CLIENT, "compression", OK, "compressed 4.0 to 1"),
        (replace(CLIENT, compressed=0.99), "compression", WARNING, "saves next to nothing"),
        (replace(CLIENT, failed=0.5), "failure-rate", PROBLEM, "50.0% of what the producer sends fails"),
        (CLIENT, "unread", UNKNOWN, "could not be read"),
    ],
)
def test_a_producer_that_may_not_read_its_topic(
    client: ClientMetrics, check: str, severity: Severity, says: str
) -> None:
    facts = replace(WELL, batches={}, delays=(), client=client, unread={"records": AuthorizationFailed("no Read")})
    found = {one.check: one for one in diagnose(facts, Limits()).findings}
    assert (found[check].severity, says in found[check].says) == (severity, True), found[check]
    assert "records" not in found
