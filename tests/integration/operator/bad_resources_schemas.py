"""Bad KafkaSchemas."""

from __future__ import annotations

import json
from typing import Any

from integration.operator.bad_resources import FINE, GUEST, HOME, ID, STRANGER, Bad, Spec, record

MAIN = {"name": "main"}
HOMES = {"name": "main", "namespace": HOME}
PROTO = 'syntax = "proto3";\npackage shop;\n'


def _spec(id_: str, fields: dict[str, Any]) -> Spec:
    """A subject of its own and an Avro record, under ``fields``; None takes a field out."""
    spec = {"clusterRef": MAIN, "subject": f"{id_}-value", "schema": record(ID), **fields}
    return {k: v for k, v in spec.items() if v is not None}


def refused(id_: str, *says: str, was: Spec | None = None, **fields: Any) -> Bad:
    """The API server says no."""
    good = None if was is None else _spec(id_, was)
    return Bad(id=id_, kind="KafkaSchema", spec=_spec(id_, fields), says=says, good=good)


def bad(id_: str, reason: str, *says: str, namespace: str = HOME, silent: bool = False, **fields: Any) -> Bad:
    """The operator says no."""
    return Bad(
        id=id_,
        kind="KafkaSchema",
        spec=_spec(id_, fields),
        reason=reason,
        says=says,
        namespace=namespace,
        silent=silent,
    )


def broken(id_: str, kind: str, text: str, *says: str) -> Bad:
    """A text that is no schema."""
    return bad(id_, "InvalidSchema", *says, schemaType=kind, schema=text)


def incompatible(id_: str, kind: str, level: str, old: str, new: str, *says: str) -> Bad:
    """A subject that was fine, and a text that its compatibility level does not let follow."""
    good = _spec(id_, {"schemaType": kind, "schema": old, "compatibility": level})
    spec = good | {"schema": new}
    return Bad(id=id_, kind="KafkaSchema", spec=spec, reason="IncompatibleSchema", says=(level, *says), good=good)


def json_schema(**properties: Any) -> str:
    """A closed object."""
    return json.dumps({"type": "object", "properties": properties, "additionalProperties": False})


REFUSED = (
    refused("schema-without-subject", "give subject or topicRef, one of the two", subject=None),
    refused("schema-subject-and-topic", "give subject or topicRef, one of the two", topicRef={"name": FINE}),
    refused("schema-without-text", "give schema or schemaFrom, one of the two", schema=None),
    refused(
        "schema-two-texts",
        "give schema or schemaFrom, one of the two",
        schemaFrom={"configMapKeyRef": {"name": "texts", "key": "order.avsc"}},
    ),
    refused("schema-empty", "spec.schema", "at least 1 chars", schema=""),
    refused("schema-text-as-object", ".spec.schema", "expected string", schema={"type": "string"}),
    refused("schema-type-unknown", "spec.schemaType", '"AVRO", "JSON", "PROTOBUF"', schemaType="THRIFT"),
    refused("schema-level-unknown", "spec.compatibility", '"BACKWARD"', compatibility="SIDEWARD"),
    refused("schema-part-of-a-subject", "part and namingStrategy belong to topicRef", part="key"),
    refused(
        "schema-reference-to-both",
        "a reference takes schemaRef, or subject and version",
        references=[{"name": "a", "schemaRef": {"name": FINE}, "subject": "a", "version": 1}],
    ),
    refused(
        "schema-reference-to-version-zero",
        "spec.references[0].version",
        "greater than or equal to 1",
        references=[{"name": "a", "subject": "a", "version": 0}],
    ),
    refused("schema-renamed", "subject is immutable", was={}, subject="fine-other-value"),
)

TEXTS = (
    broken("avro-not-json", "AVRO", '{"type": "record",\n "name": }', "Avro schema is not JSON", "line 2, column 10"),
    broken(
        "avro-type-unknown",
        "AVRO",
        record(ID, {"name": "buyer", "type": {"type": "array", "items": "Custmer"}}),
        "Order.buyer[]",
        'unknown type "Custmer"',
    ),
    broken("avro-field-twice", "AVRO", record(ID, ID), "Order.id"),
    broken("avro-field-without-type", "AVRO", record(ID, {"name": "note"}), "Order.note", 'has no "type"'),
    broken("avro-name-illegal", "AVRO", record(ID, name="my-order"), "my-order"),
    broken(
        "avro-default-of-wrong-type",
        "AVRO",
        record(ID, {"name": "count", "type": "int", "default": "none"}),
        "Order.count",
        "default 'none' does not fit int",
    ),
    broken("json-not-json", "JSON", '{"type": "object",}', "JSON Schema is not JSON", "line 1, column 19"),
    broken("json-type-unknown", "JSON", json_schema(id={"type": "text"}), "$.properties.id.type", "'text'"),
    broken(
        "json-keyword-of-wrong-type", "JSON", json_schema(id={"minLength": "3"}), "$.properties.id.minLength", "'3'"
    ),
    broken(
        "json-ref-leads-nowhere",
        "JSON",
        json_schema(id={"$ref": "#/definitions/id"}),
        "$.properties.id",
        '$ref "#/definitions/id" leads nowhere',
    ),
    broken("proto-syntax", "PROTOBUF", PROTO + "message Order {\n  string id 1;\n}\n", "line 4, column 13"),
    broken(
        "proto-type-unknown",
        "PROTOBUF",
        PROTO + "message Order {\n  Custmer buyer = 1;\n}\n",
        "line 4, column 3",
        "Custmer",
    ),
    broken(
        "proto-number-twice",
        "PROTOBUF",
        PROTO + "message Order {\n  string id = 1;\n  string note = 1;\n}\n",
        "line 5",
        "'1' is already used",
    ),
    broken(
        "proto-import-missing",
        "PROTOBUF",
        PROTO + 'import "shop/customer.proto";\nmessage Order {}\n',
        "line 3",
        "shop/customer.proto",
    ),
)

INCOMPATIBLE = (
    incompatible(
        "avro-backward",
        "AVRO",
        "BACKWARD",
        record(ID),
        record(ID, {"name": "email", "type": "string"}),
        "Order.email",
        "added without a default",
        "give it a default",
    ),
    incompatible(
        "avro-forward",
        "AVRO",
        "FORWARD",
        record(ID, {"name": "email", "type": "string"}),
        record(ID),
        "Order.email",
        "was removed and has no default in version 1",
    ),
    incompatible(
        "avro-full",
        "AVRO",
        "FULL",
        record(ID, {"name": "count", "type": "int", "default": 0}),
        record(ID, {"name": "count", "type": "string", "default": ""}),
        "Order.count",
        "type changed from int to string",
    ),
    incompatible(
        "avro-transitive",
        "AVRO",
        "BACKWARD_TRANSITIVE",
        record(ID, {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}}),
        record(ID, {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW"]}}),
        "Order.state",
        "PAID removed from enum State",
    ),
    incompatible(
        "json-backward",
        "JSON",
        "BACKWARD",
        json_schema(id={"type": "string"}, count={"type": "integer"}),
        json_schema(id={"type": "string"}, count={"type": "string"}),
        "$.count",
    ),
    incompatible(
        "json-forward",
        "JSON",
        "FORWARD",
        json_schema(id={"type": "string"}),
        json_schema(id={"type": "string"}, email={"type": "string"}),
        "$.email",
    ),
    incompatible(
        "proto-backward",
        "PROTOBUF",
        "BACKWARD",
        PROTO + "message Order { string id = 1; int32 count = 2; }\n",
        PROTO + "message Order { string id = 1; string count = 2; }\n",
        "Order.count (number 2)",
        "type changed from int32 to string",
        "use a new field number",
    ),
    incompatible(
        "proto-forward",
        "PROTOBUF",
        "FORWARD",
        PROTO + "message Order { string id = 1; }\n",
        PROTO + "message Order { string id = 1; }\nmessage Buyer { string id = 1; }\n",
        "Buyer",
    ),
)

REFERENCES = (
    bad(
        "reference-to-no-resource",
        "ReferenceNotReady",
        "reference shop.Customer",
        f"KafkaSchema {HOME}/no-such-schema does not exist",
        schema=record(ID, {"name": "buyer", "type": "shop.Customer"}),
        references=[{"name": "shop.Customer", "schemaRef": {"name": "no-such-schema"}}],
        silent=True,
    ),
    bad(
        "reference-to-no-subject",
        "ReferenceNotReady",
        "reference shop.Customer",
        "no-such-subject",
        schema=record(ID, {"name": "buyer", "type": "shop.Customer"}),
        references=[{"name": "shop.Customer", "subject": "no-such-subject", "version": 1}],
        silent=True,
    ),
    bad(
        "reference-to-no-version",
        "ReferenceNotReady",
        f"{FINE}-value",
        "version 99",
        schema=record(ID, {"name": "other", "type": "shop.Order"}, name="Pair"),
        references=[{"name": "shop.Order", "subject": f"{FINE}-value", "version": 99}],
        silent=True,
    ),
    bad(
        "reference-to-a-broken-one",
        "ReferenceNotReady",
        f"{HOME}/avro-not-json",
        "not registered",
        schema=record(ID, {"name": "buyer", "type": "shop.Customer"}),
        references=[{"name": "shop.Customer", "schemaRef": {"name": "avro-not-json"}}],
        silent=True,
    ),
    bad(
        "reference-to-itself",
        "ReferenceCycle",
        f"{HOME}/reference-to-itself -> {HOME}/reference-to-itself",
        "take one of these references out",
        references=[{"name": "shop.Order", "schemaRef": {"name": "reference-to-itself"}}],
    ),
    *(
        bad(
            f"reference-circle-{mine}",
            "ReferenceCycle",
            f"{HOME}/reference-circle-{mine} -> {HOME}/reference-circle-{other}",
            schema=record(ID, {"name": "other", "type": f"shop.{other.title()}"}, name=mine.title()),
            references=[{"name": f"shop.{other.title()}", "schemaRef": {"name": f"reference-circle-{other}"}}],
        )
        for mine, other in (("one", "two"), ("two", "three"), ("three", "one"))
    ),
    bad(
        "reference-not-declared",
        "InvalidSchema",
        "Order.buyer",
        'unknown type "shop.Customer"',
        schema=record(ID, {"name": "buyer", "type": "shop.Customer"}),
    ),
)

PLACES = (
    bad(
        "schema-config-map-missing",
        "ConfigMapNotFound",
        f"ConfigMap {HOME}/no-such-map does not exist",
        "spec.schemaFrom",
        schema=None,
        schemaFrom={"configMapKeyRef": {"name": "no-such-map", "key": "order.avsc"}},
    ),
    bad(
        "schema-config-map-without-key",
        "ConfigMapNotFound",
        "has no key ordr.avsc",
        "it has broken.avsc, order.avsc",
        schema=None,
        schemaFrom={"configMapKeyRef": {"name": "texts", "key": "ordr.avsc"}},
    ),
    bad(
        "schema-config-map-broken",
        "InvalidSchema",
        "Avro schema is not JSON",
        schema=None,
        schemaFrom={"configMapKeyRef": {"name": "texts", "key": "broken.avsc"}},
    ),
    bad(
        "schema-of-no-topic",
        "TopicNotFound",
        f"KafkaTopic {HOME}/no-such-topic does not exist",
        subject=None,
        topicRef={"name": "no-such-topic"},
    ),
    bad(
        "schema-without-a-record-name",
        "InvalidSpec",
        "spec.namingStrategy RecordName",
        "give spec.subject",
        subject=None,
        topicRef={"name": FINE},
        namingStrategy="RecordName",
        schema='"string"',
    ),
    bad(
        "schema-of-no-cluster",
        "ClusterNotFound",
        f"KafkaCluster {HOME}/nowhere does not exist",
        clusterRef={"name": "nowhere"},
    ),
    bad(
        "schema-of-a-cluster-without-registry",
        "InvalidSpec",
        f"KafkaCluster {HOME}/strict has no spec.schemaRegistry",
        clusterRef={"name": "strict"},
    ),
    bad(
        "schema-of-an-unreachable-registry",
        "RegistryUnreachable",
        "127.0.0.1:1",
        clusterRef={"name": "registry-nothing-listens"},
    ),
    bad(
        "schema-of-a-stranger", "NotAllowed", f"namespace {STRANGER} may not use", namespace=STRANGER, clusterRef=HOMES
    ),
    bad(
        "schema-without-the-prefix",
        "NotAllowed",
        "subject schema-without-the-prefix-value",
        "start with guest.",
        namespace=GUEST,
        clusterRef=HOMES,
    ),
    bad(
        "schema-of-another-namespace",
        "SubjectConflict",
        "subject guest.taken-value",
        f"{HOME}/fine-for-guest",
        namespace=GUEST,
        clusterRef=HOMES,
        subject="guest.taken-value",
        schema=record(ID, name="Stolen"),
        compatibility="NONE",
        deletionPolicy="HardDelete",
    ),
    bad(
        "schema-taken-through-another-cluster-resource",
        "SubjectConflict",
        f"subject {FINE}-value",
        f"{HOME}/{FINE}",
        namespace=GUEST,
        clusterRef={"name": "own"},
        subject=f"{FINE}-value",
        schema=record(ID, name="Stolen"),
        deletionPolicy="HardDelete",
    ),
    bad(
        "schema-taken-twice",
        "SubjectConflict",
        f"subject {FINE}-value",
        f"{HOME}/{FINE}",
        "another subject",
        subject=f"{FINE}-value",
        deletionPolicy="HardDelete",
    ),
    bad(
        "schema-metadata-on-apicurio",
        "NotSupportedByCluster",
        "Apicurio takes spec.metadata and does not store it",
        "take it out",
        metadata={"properties": {"owner": "shop"}},
    ),
    bad(
        "schema-rules-on-apicurio",
        "NotSupportedByCluster",
        "spec.ruleSet",
        "take it out",
        ruleSet={"domainRules": [{"name": "short", "type": "CEL", "expr": "size(message.id) < 9"}]},
    ),
)

SCHEMAS = (*REFUSED, *TEXTS, *INCOMPATIBLE, *REFERENCES, *PLACES)
