"""Every limit of every field against the real API server: just kept, and just broken."""

from __future__ import annotations

from typing import Any

import pytest

from integration.api.examples import EXAMPLES, MINIMAL, Spec
from integration.api.limits import Limit, declared, fields, limits
from integration.api.offline import problems
from kafkade.api.common import parse
from kafkade.api.crd import structural
from kafkade.api.errors import InvalidSpec
from kafkade.api.kinds import KINDS
from support.api import Api

SCHEMAS: dict[str, dict[str, Any]] = {name: structural(kind.spec) for name, kind in KINDS.items()}
LIMITS = [limit for kind, schema in SCHEMAS.items() for limit in limits(kind, schema)]
VALID = [(kind, spec) for kind in KINDS for spec in [MINIMAL[kind], *EXAMPLES[kind]]]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_examples_use_every_field(kind: str) -> None:
    used = {name for spec in EXAMPLES[kind] for name, _, _, _ in fields(SCHEMAS[kind], spec)}
    assert set(declared(SCHEMAS[kind])) - used == set()


@pytest.mark.parametrize(("kind", "spec"), VALID)
def test_examples_are_let_in_and_come_back_as_they_were(api: Api, kind: str, spec: dict[str, Any]) -> None:
    """No default, nothing pruned: what GitOps tools compare must be what was applied."""
    with api.stored(kind, spec) as stored:
        assert stored["spec"] == spec
    parse(KINDS[kind].spec, spec)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.id)
def test_limit(api: Api, limit: Limit) -> None:
    if limit.kept is not None:
        answer = api.create(limit.kind, limit.kept, dry_run=True)
        assert answer.status == 201, answer.message
        assert problems(limit.kind, limit.kept) == []

    answer = api.create(limit.kind, limit.broken, dry_run=True)

    assert answer.status == 422, "the API server let it in"
    assert [cause for cause in answer.causes if cause.field == limit.cause and limit.message in cause.message], (
        answer.causes
    )
    with pytest.raises(InvalidSpec):
        parse(KINDS[limit.kind].spec, limit.broken)
    assert problems(limit.kind, limit.broken), "kafkade validate says the same"


def _registry(**fields: Any) -> dict[str, Any]:
    return {"schemaRegistry": {"urls": ["https://registry"], **fields}}


INTENDED = [
    ("KafkaTopic", {"partitions": 1}, {"partitions": 0}, "a topic has a partition"),
    ("KafkaTopic", {"partitions": 3}, {"partitions": "3"}, "a number is not a text"),
    ("KafkaTopic", {"replicationFactor": 1}, {"replicationFactor": 0}, "a partition has a replica"),
    ("KafkaTopic", {"replicationFactor": 32_767}, {"replicationFactor": 32_768}, "Kafka's int16"),
    ("KafkaTopic", {"topicName": "a" * 249}, {"topicName": "a" * 250}, "Kafka's limit on names"),
    ("KafkaTopic", {"topicName": "A_b.c-1"}, {"topicName": "a/b"}, "Kafka's characters in names"),
    ("KafkaTopic", {"clusterRef": {"name": "a.b-c"}}, {"clusterRef": {"name": "A"}}, "names of Kubernetes objects"),
    ("KafkaTopic", {"config": {}}, {"config": "retention.ms=1"}, "settings are a map"),
    ("KafkaCluster", {"bootstrapServers": "a:1,b:65535"}, {"bootstrapServers": "a"}, "no port"),
    ("KafkaCluster", {"bootstrapServers": "a.b:9092"}, {"bootstrapServers": "a:1,"}, "a comma too many"),
    ("KafkaCluster", {"resyncInterval": "1h30m"}, {"resyncInterval": "90"}, "a time without its unit"),
    ("KafkaCluster", {"resyncInterval": "500ms"}, {"resyncInterval": "1d"}, "no days in Go durations"),
    ("KafkaCluster", _registry(), _registry(urls=["https://user:password@registry"]), "no password in a URL"),
    ("KafkaCluster", _registry(urls=["http://a:8081/b"]), _registry(urls=["ftp://a"]), "HTTP only"),
    ("KafkaCluster", _registry(context=".a"), _registry(context="a"), "contexts begin with a dot"),
    ("KafkaSchema", {"schemaType": "PROTOBUF"}, {"schemaType": "Protobuf"}, "as registries spell it"),
    ("KafkaSchema", {"compatibility": "FULL_TRANSITIVE"}, {"compatibility": "STRICT"}, "the seven levels"),
    ("KafkaSchema", {"deletionPolicy": "HardDelete"}, {"deletionPolicy": "Delete"}, "a topic's word"),
    ("KafkaSchema", {"schema": "{}"}, {"schema": ""}, "a schema has a text"),
]


@pytest.mark.parametrize(("kind", "good", "bad", "reason"), INTENDED, ids=[row[3] for row in INTENDED])
def test_intended(api: Api, kind: str, good: Spec, bad: Spec, reason: str) -> None:
    """By hand: the limits above come from the schema, and would not miss one that it lost."""
    answer = api.create(kind, MINIMAL[kind] | good, dry_run=True)
    assert answer.status == 201, answer.message
    assert api.create(kind, MINIMAL[kind] | bad, dry_run=True).status == 422, reason
    assert problems(kind, MINIMAL[kind] | good) == []
    assert problems(kind, MINIMAL[kind] | bad), "kafkade validate says the same"


@pytest.mark.parametrize("value", [None, {"a": 1}, ["a"], 1.5])
def test_settings_of_a_wrong_type_are_for_the_operator_to_refuse(api: Api, value: Any) -> None:
    """A structural schema cannot say "string, integer or boolean": what the API server lets in, parsing must not."""
    spec = MINIMAL["KafkaTopic"] | {"config": {"retention.ms": value}}
    assert api.create("KafkaTopic", spec, dry_run=True).status == 201
    with pytest.raises(InvalidSpec, match=r"spec\.config\.retention\.ms"):
        parse(KINDS["KafkaTopic"].spec, spec)
