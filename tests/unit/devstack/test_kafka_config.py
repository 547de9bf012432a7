"""What brokers are told."""

from __future__ import annotations

from pathlib import Path

from kafkade.devstack.kafka_config import (
    BrokerPlace,
    ClusterOptions,
    server_properties,
    to_properties,
)

PLACE = BrokerPlace(1, None, {"PLAINTEXT": 20001, "CONTROLLER": 20002}, Path("/data"))


def test_a_single_broker_needs_no_replicas() -> None:
    properties = server_properties(PLACE, ClusterOptions({1: 20002}))
    assert properties["offsets.topic.replication.factor"] == "1"
    assert properties["transaction.state.log.min.isr"] == "1"
    assert properties["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert "broker.rack" not in properties


def test_three_brokers_keep_their_own_topics_thrice() -> None:
    properties = server_properties(PLACE, ClusterOptions({1: 20002, 2: 20012, 3: 20022}))
    assert properties["offsets.topic.replication.factor"] == "3"
    assert properties["transaction.state.log.min.isr"] == "2"
    assert properties["controller.quorum.voters"] == ("1@127.0.0.1:20002,2@127.0.0.1:20012,3@127.0.0.1:20022")


def test_the_caller_has_the_last_word() -> None:
    options = ClusterOptions({1: 20002}, config={"auto.create.topics.enable": "true"})
    assert server_properties(PLACE, options)["auto.create.topics.enable"] == "true"


def test_values_of_several_lines_stay_one() -> None:
    assert to_properties({"key": "a\nb\\c"}) == "key=a\\nb\\\\c\n"
