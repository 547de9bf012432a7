"""Every CEL rule against the real API server: a spec that it lets in and one that it refuses, with its message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from integration.api.examples import MINIMAL, Spec
from integration.api.offline import problems
from kafkade.api import API_VERSION
from kafkade.api.crd import crd
from kafkade.api.kinds import KINDS
from kafkade.local.admission import forbidden_changes
from support.api import Api

CREDENTIALS = {"name": "kafka-user"}
OAUTH = {"tokenEndpointUrl": "https://login.example/token", "clientSecretRef": {"name": "kafka-client"}}
URL = "https://registry:8081"
MAIN, OTHER, ELSEWHERE = {"name": "main"}, {"name": "other"}, {"name": "main", "namespace": "kafka"}
LONG_NAME = "a" * 250

BOTH_TLS = "insecureSkipVerify: true turns caSecretRef off"
SASL = "OAUTHBEARER takes oauthBearer"
CLIENT_CONFIG = "clientConfig takes only connection settings of librdkafka"
REGISTRY_AUTH = "give basicAuthSecretRef or bearerTokenSecretRef, not both"
NAME_OR_SELECTOR = "give name or selector, one of the two"
NAMESPACES = "from: Selected takes a list of namespaces"
PREFIXES = "topicPrefixes, subjectPrefixes and groupPrefixes belong to from: All"
DOTS = "a topic cannot be named . or .."
LONG = "metadata.name is longer than the 249 characters"
REFERENCE = "a reference takes schemaRef, or subject and version"
SUBJECT = "give subject or topicRef, one of the two"
TEXT = "give schema or schemaFrom, one of the two"
PART = "part and namingStrategy belong to topicRef"
CLUSTER_FIXED = "clusterRef is immutable"
NAME_FIXED = "topicName is immutable"
GROW = "partitions can only grow"
SUBJECT_FIXED = "subject is immutable"
TOPIC_REF_FIXED = "topicRef is immutable"
PART_FIXED = "part is immutable"
NAMING_FIXED = "namingStrategy is immutable"
WHICH_TOPICS = "say which topics the policy is for"
GROUP_TOPIC = "no topic can be named after this group"
INTERNAL_TOPIC = "brokers refuse a name that starts with __"
TWICE = "Duplicate value"
SUFFIX_FIXED = "suffix is immutable"
ONE_SOURCE = "give topic or policyRef, one of the two"
QUARANTINE = "action: Quarantine takes a quarantineTopic, and action: Skip takes none"
SOURCE_FIXED = "source is immutable"
DESTINATION_FIXED = "destination is immutable"
FILTER_FIXED = "filter is immutable"
HEADERS_FIXED = "headers is immutable"
DRY_RUN_FIXED = "dryRun is immutable"
MAX_RECORDS_FIXED = "maxRecords is immutable"
LOOP_GUARD_FIXED = "loopGuard is immutable"
ONE_TOPIC = "give topicRef, topic or prefix, one of the three"
ONE_SUBJECT = "give schemaRef or subject, one of the two"
WHICH_SERVICE_TOPICS = "say which topics the service uses"
TRANSACTIONS = "transactionalIdPrefix belongs to a service that produces"
SECRET_FIXED = "secretName is immutable"
NEWER = "credentials.generation can only grow"
LONG_BINDING = "metadata.name is longer than 200 characters"
CANCELLED = "a cancelled redrive cannot go on"


class Case(NamedTuple):
    """``refused``: a part of the message, or None when the API server must let it in."""

    id: str
    kind: str
    spec: Spec
    refused: str | None = None
    name: str = "case"


def cluster(id_: str, refused: str | None = None, **fields: Any) -> Case:
    return Case(f"cluster: {id_}", "KafkaCluster", MINIMAL["KafkaCluster"] | fields, refused)


def topic(id_: str, refused: str | None = None, name: str = "case", **fields: Any) -> Case:
    return Case(f"topic: {id_}", "KafkaTopic", MINIMAL["KafkaTopic"] | fields, refused, name)


def schema(id_: str, refused: str | None = None, **fields: Any) -> Case:
    return Case(f"schema: {id_}", "KafkaSchema", _schema(**fields), refused)


def policy(id_: str, refused: str | None = None, **fields: Any) -> Case:
    return Case(f"policy: {id_}", "KafkaDLQPolicy", {"clusterRef": MAIN, **fields}, refused)


def redrive(id_: str, refused: str | None = None, **fields: Any) -> Case:
    return Case(f"redrive: {id_}", "KafkaDLQRedrive", MINIMAL["KafkaDLQRedrive"] | fields, refused)


def bound(id_: str, refused: str | None = None, name: str = "case", **fields: Any) -> Case:
    return Case(f"binding: {id_}", "KafkaServiceBinding", {"clusterRef": MAIN, **fields}, refused, name)


def _schema(**fields: Any) -> Spec:
    """The minimal schema with ``fields``; None takes a field out."""
    spec = MINIMAL["KafkaSchema"] | fields
    return {name: value for name, value in spec.items() if value is not None}


def reference(**fields: Any) -> dict[str, Any]:
    return {"references": [{"name": "common.avsc", **fields}]}


def allowed(from_: str, **fields: Any) -> dict[str, Any]:
    return {"allowedNamespaces": {"from": from_, **fields}}


def one_namespace(**fields: Any) -> dict[str, Any]:
    return allowed("Selected", namespaces=[fields])


CREATED = [
    cluster("tls with nothing in it", tls={}),
    cluster("tls without a check", tls={"insecureSkipVerify": True}),
    cluster("tls with a CA", tls={"caSecretRef": {"name": "ca"}, "insecureSkipVerify": False}),
    cluster(
        "tls with a CA that is not looked at", BOTH_TLS, tls={"caSecretRef": {"name": "ca"}, "insecureSkipVerify": True}
    ),
    cluster(
        "registry's tls with a CA that is not looked at",
        BOTH_TLS,
        schemaRegistry={"urls": [URL], "tls": {"caSecretRef": {"name": "ca"}, "insecureSkipVerify": True}},
    ),
    cluster("PLAIN", sasl={"mechanism": "PLAIN", "credentialsSecretRef": CREDENTIALS}),
    cluster("SCRAM-SHA-256", sasl={"mechanism": "SCRAM-SHA-256", "credentialsSecretRef": CREDENTIALS}),
    cluster("SCRAM-SHA-512", sasl={"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": CREDENTIALS}),
    cluster("OAUTHBEARER", sasl={"mechanism": "OAUTHBEARER", "oauthBearer": OAUTH}),
    cluster("PLAIN without a password", SASL, sasl={"mechanism": "PLAIN"}),
    cluster("PLAIN with tokens", SASL, sasl={"mechanism": "PLAIN", "oauthBearer": OAUTH}),
    cluster(
        "SCRAM with tokens too",
        SASL,
        sasl={"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": CREDENTIALS, "oauthBearer": OAUTH},
    ),
    cluster("OAUTHBEARER without a place for tokens", SASL, sasl={"mechanism": "OAUTHBEARER"}),
    cluster(
        "OAUTHBEARER with a password too",
        SASL,
        sasl={"mechanism": "OAUTHBEARER", "credentialsSecretRef": CREDENTIALS, "oauthBearer": OAUTH},
    ),
    cluster("no client settings", clientConfig={}),
    cluster("client settings of the list", clientConfig={"socket.keepalive.enable": "true", "client.dns.lookup": "x"}),
    cluster("a password in client settings", CLIENT_CONFIG, clientConfig={"sasl.password": "secret"}),
    cluster("a plugin in client settings", CLIENT_CONFIG, clientConfig={"plugin.library.paths": "x"}),
    cluster(
        "one wrong client setting among good ones",
        CLIENT_CONFIG,
        clientConfig={"socket.timeout.ms": "1000", "bootstrap.servers": "elsewhere:9092"},
    ),
    cluster("registry without authentication", schemaRegistry={"urls": [URL]}),
    cluster("registry with a password", schemaRegistry={"urls": [URL], "basicAuthSecretRef": CREDENTIALS}),
    cluster("registry with a token", schemaRegistry={"urls": [URL], "bearerTokenSecretRef": {"name": "token"}}),
    cluster(
        "registry with both",
        REGISTRY_AUTH,
        schemaRegistry={"urls": [URL], "basicAuthSecretRef": CREDENTIALS, "bearerTokenSecretRef": {"name": "token"}},
    ),
    cluster("from Same", **allowed("Same")),
    cluster("from All", **allowed("All")),
    cluster("from All with prefixes", **allowed("All", topicPrefixes=["a-"], subjectPrefixes=["a-"])),
    cluster("from Selected by name", **one_namespace(name="shop")),
    cluster("from Selected by label", **one_namespace(selector={"matchLabels": {"a": "b"}}, topicPrefixes=["b-"])),
    cluster("neither name nor selector", NAME_OR_SELECTOR, **one_namespace(topicPrefixes=["b-"])),
    cluster("name and selector", NAME_OR_SELECTOR, **one_namespace(name="shop", selector={"matchLabels": {"a": "b"}})),
    cluster("from Selected without a list", NAMESPACES, **allowed("Selected")),
    cluster("from Selected with an empty list", NAMESPACES, **allowed("Selected", namespaces=[])),
    cluster("from Same with a list", NAMESPACES, **allowed("Same", namespaces=[{"name": "shop"}])),
    cluster("from All with a list", NAMESPACES, **allowed("All", namespaces=[{"name": "shop"}])),
    cluster("from Same with topic prefixes", PREFIXES, **allowed("Same", topicPrefixes=["a-"])),
    cluster("from Same with subject prefixes", PREFIXES, **allowed("Same", subjectPrefixes=["a-"])),
    cluster(
        "from Selected with prefixes beside the list",
        PREFIXES,
        **allowed("Selected", namespaces=[{"name": "shop"}], topicPrefixes=["a-"]),
    ),
    cluster("two StatefulSets", rolling={"statefulSets": [{"name": "kafka"}, {"name": "kafka-controller"}]}),
    cluster("a StatefulSet twice", TWICE, rolling={"statefulSets": [{"name": "a"}, {"name": "a", "firstNodeId": 5}]}),
    topic("a name with dots", topicName="...a"),
    topic("three dots", topicName="..."),
    topic("one dot", DOTS, topicName="."),
    topic("two dots", DOTS, topicName=".."),
    topic("a resource name as long as Kafka's limit", name=LONG_NAME[:249]),
    topic("a longer resource name with a topicName", name=LONG_NAME, topicName="short"),
    topic("a longer resource name", LONG, name=LONG_NAME),
    schema("a reference to a resource", **reference(schemaRef={"name": "common"})),
    schema("a reference to a subject", **reference(subject="common", version=1)),
    schema("a reference to nothing", REFERENCE, **reference()),
    schema("a reference without a version", REFERENCE, **reference(subject="common")),
    schema("a reference without a subject", REFERENCE, **reference(version=1)),
    schema("a reference to both", REFERENCE, **reference(subject="common", version=1, schemaRef={"name": "common"})),
    schema("a reference to a resource's version", REFERENCE, **reference(version=1, schemaRef={"name": "common"})),
    schema("a subject"),
    schema("a topic", subject=None, topicRef={"name": "orders"}),
    schema("a topic's key", subject=None, topicRef={"name": "orders"}, part="key", namingStrategy="RecordName"),
    schema("no subject", SUBJECT, subject=None),
    schema("subject and topic", SUBJECT, topicRef={"name": "orders"}),
    schema("text from a ConfigMap", schema=None, schemaFrom={"configMapKeyRef": {"name": "schemas", "key": "a"}}),
    schema("no text", TEXT, schema=None),
    schema("two texts", TEXT, schemaFrom={"configMapKeyRef": {"name": "schemas", "key": "a"}}),
    schema("part of a subject", PART, part="key"),
    schema("naming of a subject", PART, namingStrategy="TopicName"),
    policy("topics", topics=["user-events", "order-*"]),
    policy("a selector", topicSelector={"matchLabels": {"a": "b"}}),
    policy("both", topics=["user-events"], topicSelector={"matchLabels": {"a": "b"}}),
    policy("neither", WHICH_TOPICS),
    policy("share groups alone", shareGroups=[{"group": "a"}, {"group": "b", "copyRecord": True, "maxAttempts": 2}]),
    policy("a group that no topic can be named after", GROUP_TOPIC, shareGroups=[{"group": "my workers"}]),
    policy("a group whose topic would have too long a name", GROUP_TOPIC, shareGroups=[{"group": "a" * 246}]),
    policy("the longest group", shareGroups=[{"group": "a" * 245}]),
    policy("the same with a topic", shareGroups=[{"group": "my workers", "deadLetterTopic": "dlq.mine"}]),
    policy("an internal topic", INTERNAL_TOPIC, shareGroups=[{"group": "a", "deadLetterTopic": "__a"}]),
    policy("a group twice", TWICE, shareGroups=[{"group": "a"}, {"group": "a", "copyRecord": True}]),
    cluster("from Same with group prefixes", PREFIXES, **allowed("Same", groupPrefixes=["a-"])),
    bound("producer", produces=[{"topic": "a"}]),
    bound("consumer", consumes=[{"topicRef": {"name": "a"}}, {"prefix": "b"}]),
    bound("no topics", WHICH_SERVICE_TOPICS),
    bound("a topic that is none", ONE_TOPIC, produces=[{}]),
    bound("a topic named twice", ONE_TOPIC, consumes=[{"topic": "a", "topicRef": {"name": "a"}}]),
    bound("transactions", produces=[{"topic": "a"}], transactionalIdPrefix="a-"),
    bound("transactions of a consumer", TRANSACTIONS, consumes=[{"topic": "a"}], transactionalIdPrefix="a-"),
    bound("a subject that is none", ONE_SUBJECT, produces=[{"topic": "a"}], schemas=[{}]),
    bound(
        "a subject named twice",
        ONE_SUBJECT,
        produces=[{"topic": "a"}],
        schemas=[{"subject": "a", "schemaRef": {"name": "a"}}],
    ),
    bound("a name that just fits", produces=[{"topic": "a"}], name="a" * 200),
    bound("a name that is too long", LONG_BINDING, produces=[{"topic": "a"}], name="a" * 201),
    redrive("a topic"),
    redrive("a policy", source={"policyRef": {"name": "shop"}}),
    redrive("no source", ONE_SOURCE, source={}),
    redrive("two sources", ONE_SOURCE, source={"topic": "a.dlq", "policyRef": {"name": "shop"}}),
    redrive("a guard with its defaults", loopGuard={}),
    redrive("a guard that skips", loopGuard={"action": "Skip", "maxRedrives": 1}),
    redrive("a guard with a quarantine", loopGuard={"action": "Quarantine", "quarantineTopic": "parked"}),
    redrive("a quarantine without a topic", QUARANTINE, loopGuard={"action": "Quarantine"}),
    redrive("a topic for what is skipped", QUARANTINE, loopGuard={"action": "Skip", "quarantineTopic": "parked"}),
    redrive("a topic without an action", QUARANTINE, loopGuard={"quarantineTopic": "parked"}),
]


@pytest.mark.parametrize("case", CREATED, ids=lambda case: case.id)
def test_what_may_be_created(api: Api, case: Case) -> None:
    answer = api.create(case.kind, case.spec, case.name, dry_run=True)
    offline = problems(case.kind, case.spec, case.name)

    if case.refused is None:
        assert answer.status == 201, answer.message
        assert offline == []
    else:
        assert answer.status == 422
        assert case.refused in answer.message
        assert len(answer.causes) == 1, "one mistake, one message"
        assert len(offline) == 1, "kafkade validate says the same"
        assert case.refused in offline[0] or case.refused == TWICE


class Change(NamedTuple):
    """``old`` is stored, ``new`` replaces it."""

    id: str
    kind: str
    old: Spec
    new: Spec
    refused: str | None = None


def topic_change(id_: str, old: Spec, new: Spec, refused: str | None = None) -> Change:
    base = MINIMAL["KafkaTopic"]
    return Change(f"topic: {id_}", "KafkaTopic", base | old, base | new, refused)


def bound_change(id_: str, old: Spec, new: Spec, refused: str | None = None) -> Change:
    base = MINIMAL["KafkaServiceBinding"]
    return Change(f"binding: {id_}", "KafkaServiceBinding", base | old, base | new, refused)


def policy_change(id_: str, old: Spec, new: Spec, refused: str | None = None) -> Change:
    base = MINIMAL["KafkaDLQPolicy"]
    return Change(f"policy: {id_}", "KafkaDLQPolicy", base | old, base | new, refused)


def redrive_change(id_: str, old: Spec, new: Spec, refused: str | None = None) -> Change:
    base = MINIMAL["KafkaDLQRedrive"]
    return Change(f"redrive: {id_}", "KafkaDLQRedrive", base | old, base | new, refused)


def schema_change(id_: str, old: Spec, new: Spec, refused: str | None = None) -> Change:
    return Change(f"schema: {id_}", "KafkaSchema", _schema(**old), _schema(**new), refused)


ORDERS = {"subject": None, "topicRef": {"name": "orders"}}
USERS = {"subject": None, "topicRef": {"name": "users"}}

CHANGED = [
    bound_change("other topics", {}, {"produces": [{"topic": "a"}], "consumes": [{"prefix": "b"}]}),
    bound_change("another cluster", {}, {"clusterRef": OTHER}, CLUSTER_FIXED),
    bound_change("another Secret", {"secretName": "a"}, {"secretName": "b"}, SECRET_FIXED),
    bound_change("a Secret's name at last", {}, {"secretName": "b"}, SECRET_FIXED),
    bound_change("the first generation by its number", {}, {"credentials": {"generation": 1}}),
    bound_change("another generation", {}, {"credentials": {"generation": 2}}),
    bound_change("a generation before", {"credentials": {"generation": 2}}, {"credentials": {"generation": 1}}, NEWER),
    bound_change("no generation any more", {"credentials": {"generation": 2}}, {}, NEWER),
    topic_change("nothing", {"topicName": "a", "partitions": 3}, {"topicName": "a", "partitions": 3}),
    topic_change("everything that may change", {}, {"partitions": 1, "replicationFactor": 2, "config": {"a": 1}}),
    topic_change("another cluster", {}, {"clusterRef": OTHER}, CLUSTER_FIXED),
    topic_change("a cluster in another namespace", {}, {"clusterRef": ELSEWHERE}, CLUSTER_FIXED),
    topic_change("back to this namespace's cluster", {"clusterRef": ELSEWHERE}, {"clusterRef": MAIN}, CLUSTER_FIXED),
    topic_change("another name", {"topicName": "a"}, {"topicName": "b"}, NAME_FIXED),
    topic_change("a name at last", {}, {"topicName": "b"}, NAME_FIXED),
    topic_change("no name any more", {"topicName": "a"}, {}, NAME_FIXED),
    topic_change("more partitions", {"partitions": 3}, {"partitions": 4}),
    topic_change("partitions at last", {}, {"partitions": 1}),
    topic_change("no partitions any more", {"partitions": 3}, {}),
    topic_change("fewer partitions", {"partitions": 3}, {"partitions": 2}, GROW),
    topic_change("fewer replicas", {"replicationFactor": 3}, {"replicationFactor": 1}),
    schema_change("another text", {}, {"schema": '"int"'}),
    schema_change(
        "text moves to a ConfigMap", {}, {"schema": None, "schemaFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    ),
    schema_change("another cluster", {}, {"clusterRef": OTHER}, CLUSTER_FIXED),
    schema_change("a cluster in another namespace", {}, {"clusterRef": ELSEWHERE}, CLUSTER_FIXED),
    schema_change("another subject", {}, {"subject": "other"}, SUBJECT_FIXED),
    schema_change("the same topic", ORDERS, ORDERS | {"compatibility": "FULL"}),
    schema_change("another topic", ORDERS, USERS, TOPIC_REF_FIXED),
    schema_change("from subject to topic", {}, ORDERS, SUBJECT_FIXED),
    schema_change("from topic to subject", ORDERS, {}, TOPIC_REF_FIXED),
    schema_change("the default part by its name", ORDERS, ORDERS | {"part": "value"}),
    schema_change("another part", ORDERS | {"part": "value"}, ORDERS | {"part": "key"}, PART_FIXED),
    schema_change("another part than the default", ORDERS, ORDERS | {"part": "key"}, PART_FIXED),
    schema_change("the key's part left out", ORDERS | {"part": "key"}, ORDERS, PART_FIXED),
    schema_change("the default naming by its name", ORDERS, ORDERS | {"namingStrategy": "TopicName"}),
    schema_change("another naming", ORDERS, ORDERS | {"namingStrategy": "RecordName"}, NAMING_FIXED),
    policy_change("other topics, other limits", {}, {"topics": ["*"], "alert": {"depth": 1}}),
    policy_change("another cluster", {}, {"clusterRef": OTHER}, CLUSTER_FIXED),
    policy_change("the default suffix by its name", {}, {"suffix": ".dlq"}),
    policy_change("another suffix", {"suffix": ".dead"}, {"suffix": ".dlq"}, SUFFIX_FIXED),
    policy_change("another suffix than the default", {}, {"suffix": ".dead"}, SUFFIX_FIXED),
    policy_change("the suffix left out", {"suffix": ".dead"}, {}, SUFFIX_FIXED),
    redrive_change(
        "everything that may change",
        {"destination": {"topic": "a"}, "filter": {"key": "a"}, "headers": {"remove": ["a"]}, "maxRecords": 1},
        {
            "destination": {"topic": "a"},
            "filter": {"key": "a"},
            "headers": {"remove": ["a"]},
            "maxRecords": 1,
            "cancel": True,
            "paused": True,
            "managementPolicy": "Observe",
            "rateLimit": 1,
            "ttlSecondsAfterFinished": 0,
        },
    ),
    redrive_change("another cluster", {}, {"clusterRef": OTHER}, CLUSTER_FIXED),
    redrive_change("another source", {}, {"source": {"topic": "b.dlq"}}, SOURCE_FIXED),
    redrive_change("a policy in place of a topic", {}, {"source": {"policyRef": {"name": "b"}}}, SOURCE_FIXED),
    redrive_change(
        "another destination", {"destination": {"topic": "a"}}, {"destination": {"topic": "b"}}, DESTINATION_FIXED
    ),
    redrive_change("a destination at last", {}, {"destination": {"topic": "a"}}, DESTINATION_FIXED),
    redrive_change("no destination any more", {"destination": {"topic": "a"}}, {}, DESTINATION_FIXED),
    redrive_change("another filter", {"filter": {"key": "a"}}, {"filter": {"key": "b"}}, FILTER_FIXED),
    redrive_change(
        "one more part of the filter", {"filter": {"key": "a"}}, {"filter": {"key": "a", "origin": "a"}}, FILTER_FIXED
    ),
    redrive_change("no filter any more", {"filter": {"key": "a"}}, {}, FILTER_FIXED),
    redrive_change("other headers", {"headers": {"add": {"a": "b"}}}, {"headers": {"add": {"a": "c"}}}, HEADERS_FIXED),
    redrive_change("headers at last", {}, {"headers": {"remove": ["a"]}}, HEADERS_FIXED),
    redrive_change("in earnest", {"dryRun": True}, {"dryRun": False}, DRY_RUN_FIXED),
    redrive_change("in earnest, the field left out", {"dryRun": True}, {}, DRY_RUN_FIXED),
    redrive_change("in earnest, spelt out", {}, {"dryRun": False}),
    redrive_change("more records", {"maxRecords": 1}, {"maxRecords": 2}, MAX_RECORDS_FIXED),
    redrive_change("any number of records", {"maxRecords": 1}, {}, MAX_RECORDS_FIXED),
    redrive_change(
        "another guard", {"loopGuard": {"maxRedrives": 1}}, {"loopGuard": {"maxRedrives": 2}}, LOOP_GUARD_FIXED
    ),
    redrive_change("a guard at last", {}, {"loopGuard": {}}, LOOP_GUARD_FIXED),
    redrive_change("a cancel taken back", {"cancel": True}, {"cancel": False}, CANCELLED),
    redrive_change("a cancel left out", {"cancel": True}, {}, CANCELLED),
    schema_change("the naming left out", ORDERS | {"namingStrategy": "TopicRecordName"}, ORDERS, NAMING_FIXED),
]


@pytest.mark.parametrize("change", CHANGED, ids=lambda change: change.id)
def test_what_may_be_changed(api: Api, change: Change) -> None:
    with api.stored(change.kind, change.old) as stored:
        answer = api.replace(stored | {"spec": change.new}, dry_run=True)
    offline = [refusal.message for refusal in forbidden_changes(change.kind, "case", change.old, change.new)]

    if change.refused is None:
        assert answer.status == 200, answer.message
        assert offline == []
    else:
        assert answer.status == 422
        assert change.refused in answer.message
        assert {cause.message.partition(": ")[2] for cause in answer.causes} == set(offline)


METADATA = [
    ("a number as a label", {"labels": {"team": 1}}),
    ("a label with a space", {"labels": {"team": "a b"}}),
    ("a label that ends in a dot", {"labels": {"team": "a."}}),
    ("a label that is too long", {"labels": {"team": "a" * 64}}),
    ("a number as an annotation", {"annotations": {"kafkade.io/reconcile-now": 1}}),
]
SHAPES = [
    ("KafkaTopic", {"replication_factor": 3}, "snake case"),
    ("KafkaTopic", {"clusterRef": {"name": "main", "nam": "a"}}, "a field of an object that is unknown"),
    ("KafkaCluster", {"naming": {"denied": [None]}}, "null in a list"),
    ("KafkaTopic", {"clusterRef": None}, "null for what must be there"),
    ("KafkaCluster", {"reassignment": {"throttleBytesPerSecond": 2**63}}, "more than 64 bits"),
    ("KafkaDLQRedrive", {"filter": {"since": "yesterday"}}, "no time"),
    ("KafkaDLQRedrive", {"filter": {"since": "2026-11-01"}}, "a date"),
    ("KafkaDLQRedrive", {"filter": {"since": "2026-13-01T00:00:00Z"}}, "no such month"),
    ("KafkaDLQRedrive", {"filter": {"since": "2026-11-01T00:00:00"}}, "no time zone"),
    ("KafkaDLQRedrive", {"filter": {"since": "2026-11-01T24:00:00Z"}}, "no such hour"),
]
TAKEN = [
    ("KafkaTopic", {"config": None}, "null for settings"),
    ("KafkaTopic", {"partitions": None}, "null for a number"),
    ("KafkaTopic", {"topicName": None}, "null for a text"),
    ("KafkaCluster", {"rolling": None}, "null for an object"),
    ("KafkaCluster", {"naming": {"denied": None}}, "null for a list"),
    ("KafkaCluster", {"clientConfig": {"socket.timeout.ms": None}}, "null in a map"),
    ("KafkaDLQPolicy", {"retry": {"backoff": None}}, "null for an object with defaults"),
    ("KafkaCluster", {"reassignment": {"throttleBytesPerSecond": 2**63 - 1}}, "64 bits"),
    ("KafkaDLQRedrive", {"filter": {"since": "2026-11-01t00:00:00.123456+01:00"}}, "a time"),
]


@pytest.mark.parametrize(("kind", "fields", "what"), SHAPES, ids=lambda value: value if isinstance(value, str) else "")
def test_shapes_that_are_refused(api: Api, kind: str, fields: Spec, what: str) -> None:
    spec = MINIMAL[kind] | fields
    assert api.create(kind, spec, dry_run=True).status in (400, 422), what
    assert problems(kind, spec), "kafkade validate says the same"


@pytest.mark.parametrize(("kind", "fields", "what"), TAKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_shapes_that_are_taken(api: Api, kind: str, fields: Spec, what: str) -> None:
    spec = MINIMAL[kind] | fields
    answer = api.create(kind, spec, dry_run=True)
    assert answer.status == 201, f"{what}: {answer.message}"
    assert problems(kind, spec) == []


@pytest.mark.parametrize(("what", "metadata"), METADATA, ids=[row[0] for row in METADATA])
def test_metadata_that_is_refused(api: Api, what: str, metadata: dict[str, Any]) -> None:
    body = {"apiVersion": API_VERSION, "kind": "KafkaTopic", "metadata": {"name": "case", **metadata}}
    answer = api.call("POST", api.path("KafkaTopic"), body | {"spec": MINIMAL["KafkaTopic"]}, dryRun="All")
    assert answer.status in (400, 422), what
    assert problems("KafkaTopic", MINIMAL["KafkaTopic"], **metadata), "kafkade validate says the same"


def test_partitions_taken_out_and_put_back_smaller_pass_admission(api: Api) -> None:
    """The rule sees one step at a time; the operator must refuse this one itself (PartitionShrinkRefused)."""
    base = MINIMAL["KafkaTopic"]
    with api.stored("KafkaTopic", base | {"partitions": 3}) as stored:
        between = api.replace(stored | {"spec": base})
        assert between.status == 200, between.message
        after = api.replace(between.body | {"spec": base | {"partitions": 1}})
        assert after.status == 200, after.message


def _rules(node: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, str]]]:
    for rule in node.get("x-kubernetes-validations", ()):
        yield where, rule
    for name, child in node.get("properties", {}).items():
        yield from _rules(child, f"{where}.{name}")
    if "items" in node:
        yield from _rules(node["items"], f"{where}[]")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_tables_have_a_refusal_for_every_rule(kind: str) -> None:
    root = crd(KINDS[kind])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    tried = [case.refused for case in CREATED if case.kind == kind and case.refused]
    tried += [change.refused for change in CHANGED if change.kind == kind and change.refused]
    untried = [where for where, rule in _rules(root, kind) if not any(part in rule["message"] for part in tried)]
    assert untried == []
