"""Files: manifests, schemas, what other tools wrote, a state that somebody edited, clients' properties."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fuzz.target import Target, parts, text, whole
from kafkade.api.errors import InvalidSchema, InvalidSpec
from kafkade.api.kinds import KINDS
from kafkade.api.schema import Compatibility
from kafkade.cli.connection import access_from
from kafkade.cli.properties import jaas, load
from kafkade.imports import jikkou, ns4kafka, strimzi, terraform, topicctl
from kafkade.imports.model import Target as Names
from kafkade.local import state as states
from kafkade.local.checks.run import Sources, check
from kafkade.local.documents import documents_of
from kafkade.local.manifests import manifests_of
from kafkade.local.writing import stream
from kafkade.schemas.compatibility import violations
from kafkade.schemas.parse import parse
from kafkade.schemas.source import Source

_FOLDER = tempfile.TemporaryDirectory(prefix="kafkade-fuzz-")
"""Goes with the process."""


def _file(name: str, data: bytes) -> Path:
    path = Path(_FOLDER.name, name)
    path.write_bytes(data)
    return path


def manifests(data: bytes) -> None:
    """Manifests: each is read, or is a problem with its file; `kafkade validate` says so too, and raises nothing."""
    found = manifests_of(*documents_of([("a.yaml", data)], foreign=True), "default")
    assert all(problem.place.file == "a.yaml" for problem in found.problems)
    path = str(_file("a.yaml", data))
    checked = check(Sources((path,), "default"))
    assert {str(problem) for problem in found.problems} <= {str(p).replace(path, "a.yaml") for p in checked.problems}


_CONVERTERS = {
    "strimzi": strimzi.convert,
    "jikkou": lambda documents, names: jikkou.convert(documents, names, lambda *_: '"string"'),
    "topicctl": topicctl.convert,
    "ns4kafka": lambda documents, names: ns4kafka.convert(documents, names, lambda *_: None),
    "terraform": terraform.convert,
}


def imports(data: bytes) -> None:
    """Files of another tool: all in them is a resource, a warning or a problem, and what is written can be read again.

    The parts: the tool; the file.
    """
    tool, content = parts(data, 2)
    for name, convert in _CONVERTERS.items():
        if tool and name != whole(tool):
            continue
        documents, _ = documents_of([("a.yaml", content)])
        imported = convert(documents, Names(None, None))
        drafts = imported.drafts()
        if drafts and not imported.problems:
            again = manifests_of(*documents_of([("b.yaml", stream(drafts).encode())]), "default")
            assert again.problems == [], again.problems
            assert len(again.resources) == len(drafts)


def schemas(data: bytes) -> None:
    """A schema's text: parses, or InvalidSchema with a place within it; two that parse are compatible or have reasons.

    The parts: AVRO, JSON or PROTOBUF; the text; an older version's; what both reference.
    """
    schema_type, content, older, reference = (text(part) for part in parts(data, 4))
    references = (("other", Source(reference, schema_type)),) if reference else ()
    try:
        new = parse(Source(content, schema_type, references))
        old = parse(Source(older, schema_type, references))
    except InvalidSchema as error:
        assert error.at is None or min(error.at) >= 1  # noqa: PT017
        assert "\n" not in error.message[:200] or schema_type  # noqa: PT017
        return
    for violation in violations(Compatibility.FULL_TRANSITIVE, new, [(1, old)]):
        assert str(violation)


def state(data: bytes) -> None:
    """A state file of SQLite: read, or InvalidSpec. What does not begin as SQLite does is put into one as a resource's body."""
    path = _file("state.db", data)
    if not data.startswith(b"SQLite format 3"):
        path.unlink()
        made = states.State(path)
        made._database.execute("INSERT INTO objects VALUES ('KafkaTopic', 'shop', 'orders', ?)", (whole(data),))
        made.commit()
        made.close()
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    try:
        states.read(path)
        states.State(path).close()
    except InvalidSpec as error:
        assert path.name in error.message  # noqa: PT017


def properties(data: bytes) -> None:
    """A client's properties: read, or InvalidSpec that names the file; each login line of JAAS is one or is None."""
    path = _file("client.properties", data)
    found = load(path)
    for key in found:
        jaas(found.text(key))
    try:
        access_from("localhost:9092", path, "http://localhost:8081")
    except InvalidSpec as error:
        assert path.name in error.message  # noqa: PT017


_FIELDS = sorted({field.alias or name for kind in KINDS.values() for name, field in kind.spec.model_fields.items()})

TARGETS = (
    Target(
        "manifests",
        manifests,
        (
            *(b"apiVersion: kafkade.io/v1alpha1\n", b"kind: ", b"metadata: {name: a, namespace: b}\n", b"spec:\n  ", b"---\n"),
            *(b"clusterRef: {name: main}\n", b"apiVersion: v1\n", b"kind: List\nitems:\n", b"&a ", b"*a", b"<<: ", b"!!int "),
            *(b"!!binary ", b"|\n", b">\n", b"? ", b"\xef\xbb\xbf", *(name.encode() + b": " for name in _FIELDS)),
            *(kind.encode() for kind in KINDS),
        ),
    ),
    Target(
        "imports",
        imports,
        (
            *(b"\n%%\n", *(name.encode() + b"\n%%\n" for name in _CONVERTERS), b"apiVersion: kafka.strimzi.io/v1beta2\n"),
            *(b"kind: KafkaTopic\n", b"metadata:\n", b"spec:\n", b"  name: a\n", b"  partitions: 3\n", b"  replicas: 1\n"),
            *(b"  config: {retention.ms: 1}\n", b"apiVersion: kafka.jikkou.io/v1beta2\n", b"kind: KafkaTopicList\nitems:\n"),
            *(b"apiVersion: ns4kafka.com/v1\n", b"meta:\n", b"settings:\n", b'{"values": {"root_module": {"resources": ['),
            *(b'"type": "kafka_topic"', b'"version": 4, "resources": [', b'"instances": [', b'"attributes": {', b'"index_key"'),
        ),
    ),
    Target(
        "schemas",
        schemas,
        (
            *(b"\n%%\n", b"AVRO", b"JSON", b"PROTOBUF", b'{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}'),
            *(b'"type"', b'"name"', b'"fields"', b'"items"', b'"symbols"', b'"default"', b'"namespace"', b'"aliases"'),
            *(b'"$ref": "#"', b'"$ref": "other"', b'"properties": {', b'"additionalProperties": false', b'"oneOf": ['),
            *(b'"$id"', b'"$schema": "http://json-schema.org/draft-07/schema#"', b'"enum": [', b'"required": [', b'"pattern"'),
            *(b'"$dynamicRef"', b'syntax = "proto3";', b"message A {", b"string a = 1;", b"reserved 1;", b"enum E { X = 0; }"),
            *(b'import "other";', b"oneof c {", b"map<string, int32> m = 2;", b"extend", b"service S { rpc R (A) returns (A); }"),
        ),
    ),
    Target("state", state, (b'{"metadata": {', b'"spec": {', b'"status": {', b"}", b"[" * 50, b"SQLite format 3\0", b"\\ud800")),
    Target(
        "properties",
        properties,
        (
            *(b"sasl.mechanism=", b"security.protocol=SASL_SSL\n", b"sasl.jaas.config=", b"\\\n", b"\\u0041", b"\\u", b"ssl."),
            *(b"org.apache.kafka.common.security.scram.ScramLoginModule required ", b'username="a" ', b"password='b';"),
            *(b"SCRAM-SHA-512\n", b"PLAIN\n", b"OAUTHBEARER\n", b"ssl.truststore.location=/dev/null\n", b"ssl.truststore.type=PEM\n"),
            *(b"ssl.truststore.certificates=-----BEGIN CERTIFICATE-----", b"ssl.endpoint.identification.algorithm=", b"schema.registry."),
            *(b"basic.auth.user.info=", b"sasl.oauthbearer.token.endpoint.url=https://", b"ssl.keystore.key=-----BEGIN PRIVATE KEY-----"),
        ),
    ),
)  # fmt: skip
