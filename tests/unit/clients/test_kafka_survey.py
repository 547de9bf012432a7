"""Answers about many topics, read piece by piece: as kafka-python reads them whole, whatever the version."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kafka import errors as foreign
from kafka.protocol.admin import DescribeConfigsResponse
from kafka.protocol.frame import KafkaBytes
from kafka.protocol.metadata import MetadataResponse

from kafkade.clients.kafka_pieces import ConfigsInPieces, MetadataInPieces, Pieces
from kafkade.clients.kafka_survey import AT_ONCE, PER_TOPIC, Refused, overview, survey
from kafkade.clients.model import BrokerNode, ConfigEntry, ConfigSource, Health, Partition, TopicState

BROKER = MetadataResponse.MetadataResponseBroker
TOPIC = MetadataResponse.MetadataResponseTopic
PARTITION = TOPIC.MetadataResponsePartition
RESULT = DescribeConfigsResponse.DescribeConfigsResult
ENTRY = RESULT.DescribeConfigsResourceResult
ID = uuid.UUID("c4232597-13f3-41c4-83a6-914e1fa6328c")
DENIED, GONE = 29, 3


def in_bytes(answer: Any, version: int) -> KafkaBytes:
    """An answer as kafka-python has it when it came."""
    encoded = answer.encode(version=version)
    data = KafkaBytes(len(encoded))
    data.write(encoded)
    data.seek(0)
    return data


def topic(name: str, code: int = 0) -> Any:
    partitions = [
        PARTITION(
            error_code=0,
            partition_index=number,
            leader_id=leader,
            leader_epoch=0,
            replica_nodes=[1, 2],
            isr_nodes=[1],
            offline_replicas=[2],
        )
        for number, leader in ((1, -1), (0, 1))
    ]
    return TOPIC(error_code=code, name=name, topic_id=ID, is_internal=False, partitions=[] if code else partitions)


def configured(name: str, code: int = 0, **values: str) -> Any:
    configs = [
        ENTRY(
            name=key.replace("_", "."),
            value=value,
            read_only=False,
            config_source=1,
            is_sensitive=False,
            synonyms=[],
            config_type=5,
            documentation=None,
        )
        for key, value in values.items()
    ]
    return RESULT(
        error_code=code, error_message="no" if code else None, resource_type=2, resource_name=name, configs=configs
    )


class Broker:
    """In place of kafka-python's connections: answers with what it is to answer, and keeps what it was asked."""

    def __init__(self, topics: list[Any], results: list[Any], versions: tuple[int, int] = (12, 4)) -> None:
        self._metadata = MetadataResponse(
            throttle_time_ms=7,
            brokers=[BROKER(node_id=1, host="h", port=1, rack="r")],
            cluster_id="c",
            controller_id=1,
            topics=topics,
        )
        self._configs = DescribeConfigsResponse(throttle_time_ms=7, results=results)
        self._versions = versions
        self.asked: list[tuple[str, int, float]] = []
        self._manager = self

    def send(self) -> None:
        """Named by whoever asks."""

    def run(self, _: Any, request: Any, node: None = None, within: float = 0.0) -> Pieces:
        """One request."""
        if isinstance(request, MetadataInPieces):
            self.asked.append(("Metadata", len(request.topics or ()), within))
            assert request.allow_auto_topic_creation is False
            return Pieces(MetadataResponse[self._versions[0]], in_bytes(self._metadata, self._versions[0]))
        assert isinstance(request, ConfigsInPieces)
        self.asked.append(("DescribeConfigs", len(request.resources), within))
        return Pieces(DescribeConfigsResponse[self._versions[1]], in_bytes(self._configs, self._versions[1]))


@pytest.mark.parametrize("metadata", [10, 11, 12])
@pytest.mark.parametrize("configs", [1, 2, 3, 4])
def test_each_topic_has_its_own_answer(metadata: int, configs: int) -> None:
    broker = Broker(
        [topic("a"), topic("b"), topic("denied", DENIED), topic("hidden")],
        [configured("a", retention_ms="1"), configured("b", retention_ms="1"), configured("hidden", DENIED)],
        (metadata, configs),
    )
    found = survey(broker, {name: {"retention.ms"} for name in ("a", "b", "denied", "hidden")}, 2.0)
    a, b = found["a"], found["b"]
    assert isinstance(a, TopicState)
    assert isinstance(b, TopicState)
    assert (a.description.name, a.description.topic_id) == ("a", "xCMllxPzQcSDppFOH6YyjA")
    assert a.description.partitions == (Partition((1, 2), (1,), 1), Partition((1, 2), (1,), None))
    assert a.configs == {"retention.ms": ConfigEntry("1", ConfigSource.TOPIC)}
    assert a.configs is b.configs, "kept once"
    assert a.description.partitions is b.description.partitions
    assert found["denied"] == Refused(DENIED, None, settings=False)
    assert found["hidden"] == Refused(DENIED, "no", settings=True)
    assert broker.asked == [
        ("Metadata", 4, 1000 * (2.0 + 4 * PER_TOPIC)),
        ("DescribeConfigs", 3, 1000 * (2.0 + 4 * PER_TOPIC)),
    ]


@pytest.mark.parametrize("metadata", [8, 9, 12])
def test_the_overview_counts(metadata: int) -> None:
    found = overview(Broker([topic("a"), topic("b")], [], (metadata, 4)))
    assert found.brokers == (BrokerNode(1, "h", 1, "r"),)
    assert (found.cluster_id, found.controller) == ("c", 1)
    assert found.health == Health(topics=2, partitions=4, under_replicated=4, offline=2)


def test_without_settings_there_is_one_request() -> None:
    broker = Broker([topic("a"), topic("gone", GONE)], [])
    found = survey(broker, {"a": (), "gone": {"retention.ms"}}, 2.0)
    assert isinstance(found["a"], TopicState)
    assert found["a"].configs == {}
    assert isinstance(found["gone"], Refused)
    assert [name for name, *_ in broker.asked] == ["Metadata"]


def test_requests_are_bounded() -> None:
    broker = Broker([], [])
    survey(broker, {f"t{n}": {"retention.ms"} for n in range(2 * AT_ONCE + 1)}, 2.0)
    assert [count for _, count, _ in broker.asked] == [AT_ONCE, AT_ONCE, 1]


def test_an_answer_that_is_cut_off() -> None:
    whole = in_bytes(Broker([topic("a"), topic("b")], [])._metadata, 12)
    cut = KafkaBytes(len(whole) - 40)
    cut.write(bytes(whole)[:-40])
    cut.seek(0)
    pieces = Pieces(MetadataResponse[12], cut)
    assert pieces.throttle_time_ms == 7
    with pytest.raises(foreign.KafkaProtocolError, match="cannot be read"):
        list(pieces)


def test_requests_are_the_ones_that_kafka_python_would_send() -> None:
    request = MetadataInPieces(
        topics=[MetadataInPieces.MetadataRequestTopic(name="a")], allow_auto_topic_creation=False
    )
    request.API_VERSION = 12
    request.with_header(3, "kafkade")
    assert bytes(request.encode(framed=True, header=True)).startswith(b"\x00\x00\x00")
    reader = request.header.get_response_class()
    data = in_bytes(Broker([topic("a")], [])._metadata, 12)
    assert [each.name for each in reader.decode(data)] == ["a"]
