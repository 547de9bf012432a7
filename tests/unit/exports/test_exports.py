"""From facts to specs: what is exported, and what is left out with a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.errors import AuthorizationFailed, InvalidSpec
from kafkade.api.topic import KafkaTopicSpec
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles
from kafkade.clients.model import ConfigEntry, ConfigSource, Partition, PartitionMove, TopicDescription
from kafkade.clients.registry import RegistryAuth
from kafkade.clusters.connect import RegistryAccess
from kafkade.clusters.observe import BrokerSettings
from kafkade.exports.cluster import cluster_draft
from kafkade.exports.model import Target
from kafkade.exports.select import Selection, internal
from kafkade.exports.topics import topic_drafts
from kafkade.topics.observe import TopicFacts

TARGET = Target("shop", "main")
NO_SETTINGS = BrokerSettings({}, {})


def topic(name: str, *replicas: int, **config: str | ConfigEntry | None) -> TopicFacts:
    """A topic with so many replicas by partition; a plain value is the topic's own setting."""
    partitions = tuple(Partition(tuple(range(n)), tuple(range(n)), 0) for n in replicas)
    entries = {
        key.replace("_", "."): v if isinstance(v, ConfigEntry) else ConfigEntry(v, ConfigSource.TOPIC)
        for key, v in config.items()
    }
    return TopicFacts(TopicDescription(name, "id", partitions), entries)


def spec_of(facts: TopicFacts, target: Target = TARGET) -> tuple[dict[str, Any], list[str]]:
    """The only spec, and notes."""
    assert facts.description is not None
    found = topic_drafts({facts.description.name: facts}, target, frozenset())
    (draft,) = found.drafts
    KafkaTopicSpec.model_validate(draft.spec)
    return dict(draft.spec), found.notes


def test_a_topic_has_what_is_its_own() -> None:
    facts = topic(
        "Orders",
        3,
        3,
        retention_ms="1000",
        cleanup_policy=ConfigEntry("delete", ConfigSource.DEFAULT),
        max_message_bytes=ConfigEntry("2000000", ConfigSource.DEFAULT_BROKER),
        preallocate="false",
    )
    assert spec_of(facts) == (
        {
            "clusterRef": {"name": "main"},
            "topicName": "Orders",
            "partitions": 2,
            "replicationFactor": 3,
            "config": {"preallocate": False, "retention.ms": 1000},
        },
        [],
    )


def test_without_the_cluster_each_topic_says_how_it_is_taken_over() -> None:
    spec, _ = spec_of(topic("a", 1), replace(TARGET, with_cluster=False))
    assert (spec["adoptionPolicy"], spec["deletionPolicy"]) == ("IfIdentical", "Retain")


@pytest.mark.parametrize(
    ("facts", "lacks", "note"),
    [
        (topic("a", 3, 2), "replicationFactor", "different numbers of replicas"),
        (
            replace(topic("a", 3), moves={0: PartitionMove((0, 1, 2), (2,), ())}),
            "replicationFactor",
            "replicas are being moved",
        ),
        (topic("a", 1, min_insync_replicas="2"), "config", "it is 2 and the replication factor 1"),
        (topic("a", 1, leader_replication_throttled_replicas="*"), "config", "reassignment"),
        (topic("a", 1, secret=None), "config", "do not show its value"),
    ],
)
def test_what_cannot_be_said_is_left_out_with_a_reason(facts: TopicFacts, lacks: str, note: str) -> None:
    spec, notes = spec_of(facts)
    assert lacks not in spec
    assert len(notes) == 1
    assert notes[0].startswith("topic a: ")
    assert note in notes[0]


def test_what_may_not_be_read_is_a_failure_and_what_is_gone_is_none() -> None:
    found = topic_drafts({"no": AuthorizationFailed("not yours"), "gone": TopicFacts(None)}, TARGET, frozenset())
    assert found.drafts == []
    assert found.failed == ["topic no: not yours"]
    assert found.notes == ["topic gone: left out, it was deleted meanwhile"]


@pytest.mark.parametrize(
    ("security", "spec"),
    [
        (Security("a:1, b"), {"bootstrapServers": "a:1,b:9092"}),
        (Security("a:1", TlsFiles()), {"bootstrapServers": "a:1", "tls": {}}),
        (
            Security("a:1", TlsFiles("CA", "CERT", "KEY")),
            {"tls": {"caSecretRef": {"name": "main-ca"}, "clientCertSecretRef": {"name": "main-client"}}},
        ),
        (Security("a:1", TlsFiles("CA", verify=False)), {"tls": {"insecureSkipVerify": True}}),
        (
            Security("a:1", sasl=SaslPassword("PLAIN", "bob", "hunter2"), client_config={"socket.timeout.ms": "9000"}),
            {
                "sasl": {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "main-credentials"}},
                "clientConfig": {"socket.timeout.ms": "9000"},
            },
        ),
        (
            Security("a:1", sasl=SaslOAuth("https://id/token", "app", "hunter2", "kafka")),
            {
                "sasl": {
                    "mechanism": "OAUTHBEARER",
                    "oauthBearer": {
                        "tokenEndpointUrl": "https://id/token",
                        "scope": "kafka",
                        "clientSecretRef": {"name": "main-oauth-client"},
                    },
                }
            },
        ),
    ],
)
def test_a_cluster_names_secrets_and_has_none(security: Security, spec: dict[str, Any]) -> None:
    registry = RegistryAccess(("https://r",), RegistryAuth.basic("bob", "hunter2"), TlsFiles("CA"))
    (draft,) = cluster_draft(security, registry, NO_SETTINGS, TARGET).drafts
    KafkaClusterSpec.model_validate(draft.spec)
    assert draft.spec.items() >= spec.items()
    assert draft.spec["schemaRegistry"]["tls"] == {"caSecretRef": {"name": "main-registry-ca"}}
    for secret in ("hunter2", "CERT", "KEY", "bob"):
        assert secret not in draft.text
    named = [line.split()[6] for line in draft.comment if "create secret" in line]
    assert len(named) == len(set(named))


def test_credentials_in_the_token_endpoint_are_left_out() -> None:
    sasl = SaslOAuth("https://app:hunter2@id.example.com/token?a=@b", "app", "hunter2")
    found = cluster_draft(Security("a:1", sasl=sasl), None, NO_SETTINGS, TARGET)
    assert found.drafts[0].spec["sasl"]["oauthBearer"]["tokenEndpointUrl"] == "https://id.example.com/token?a=@b"
    assert "hunter2" not in found.drafts[0].text + "".join(found.notes)
    assert "the credentials in spec.sasl.oauthBearer.tokenEndpointUrl are left out" in found.notes[0]


def test_an_address_that_no_cluster_can_have_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="bootstrapServers"):
        cluster_draft(Security("[::1]:9092"), None, NO_SETTINGS, TARGET)


def test_broker_settings_that_are_set_for_all_are_the_clusters() -> None:
    def entry(value: str | None, *, read_only: bool = False, sensitive: bool = False) -> ConfigEntry:
        return ConfigEntry(value, ConfigSource.DEFAULT_BROKER, read_only, sensitive)

    known = {
        "message.max.bytes": entry("9"),
        "log.dirs": entry("x", read_only=True),
        "num.partitions": entry("1"),
        "default.replication.factor": entry("3"),
    }
    dynamic = {
        "message.max.bytes": entry("2000000"),
        "log.dirs": entry("x"),
        "ssl.key.password": entry(None, sensitive=True),
        "old.setting": entry("1"),
    }
    found = cluster_draft(Security("a:1"), None, BrokerSettings(known, dynamic), TARGET)
    spec = found.drafts[0].spec
    assert spec["brokerConfig"] == {"message.max.bytes": 2000000}
    assert spec["topicDefaults"]["partitions"] == 1
    assert "replicationFactor" not in spec["topicDefaults"], "it is kafkade's own default"
    assert [note.split()[1] for note in found.notes] == ["log.dirs", "old.setting", "ssl.key.password"]


@pytest.mark.parametrize(
    ("include", "exclude", "name", "chosen"),
    [
        ([], [], "anything", True),
        (["shop.*"], [], "shop.orders", True),
        (["shop.*"], [], "my.shop.orders", False),
        (["shop.?"], [], "shopXa", False),
        (["/shop-\\d+/"], [], "shop-12", True),
        (["/shop-\\d+/"], [], "shop-12x", False),
        (["a", "b"], [], "b", True),
        (["*"], ["*-test"], "orders-test", False),
    ],
)
def test_patterns_choose(include: list[str], exclude: list[str], name: str, chosen: bool) -> None:
    assert (name in Selection.of(include, exclude, "--topics")) is chosen


def test_a_pattern_that_is_none_is_said() -> None:
    with pytest.raises(InvalidSpec, match=r"--exclude /\(/: not a regular expression"):
        Selection.of([], ["/(/"], "--topics")


@pytest.mark.parametrize(
    ("name", "is_internal"),
    [
        ("__consumer_offsets", True),
        ("_schemas", True),
        ("_confluent-metrics", True),
        ("shop-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog", True),
        ("shop-KTABLE-SUPPRESS-STATE-STORE-0000000003-changelog", True),
        ("customer-changelog", False),
        ("_mine", False),
    ],
)
def test_internal_topics_are_known_by_their_names(name: str, is_internal: bool) -> None:
    assert internal(name) is is_internal
