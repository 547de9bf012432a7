"""Values of fields: those that the schema tells of, and those that only the meaning of a field tells.

``{me}`` in a text stands for the resource's own name, ``{bootstrap}`` and ``{registry}`` for addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.transitions.fields import Field, Schema

_DURATIONS = ("30s", "90s", "1h30m", "24h")
_NO_DURATIONS = ("", "1", "5 minutes", "1d", "-1s", "1S", "9" * 40 + "s")
_UNICODE = "Größe ✓ 漢字 \U0001f600"
_AVRO = '{{"type": "record", "name": "Order", "fields": [{}]}}'
AVRO = _AVRO.format('{"name": "id", "type": "string"}')
AVRO_OWN = AVRO.replace("Order", "{me}")
AVRO_MORE = _AVRO.format(
    '{"name": "id", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": null}'
)
AVRO_OTHER = _AVRO.format('{"name": "number", "type": "long"}')
_RULE = {"name": "checked", "kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "true"}

VALID: Mapping[str, tuple[Any, ...]] = {
    # topics
    "KafkaTopic topicName": ("{me}.own", "{me}_own-2", "{me}" + "x" * 200),
    "KafkaTopic partitions": (1, 2, 4, 5),
    "KafkaTopic replicationFactor": (1, 2, 32767),
    "KafkaTopic config": (
        {},
        None,
        {"retention.ms": 60000},
        {"retention.ms": "-1", "cleanup.policy": "compact"},
        {"cleanup.policy": "delete", "min.insync.replicas": 1, "segment.bytes": 1048576},
        {"compression.type": "lz4", "unclean.leader.election.enable": True},
        {"max.message.bytes": 0},
        {"retention.ms": 9223372036854775807, "flush.ms": "9223372036854775807"},
        # refused by Kafka or by kafkade, not by the API server
        {"retention.ms": "never"},
        {"retention.mss": 1},
        {"cleanup.policy": "compost"},
        {"min.insync.replicas": 0},
        {"": "x"},
        {_UNICODE: _UNICODE},
        {"retention.ms": "x" * 5000},
        {"retention.ms": 1.5},
        {"retention.ms": [1]},
        {"retention.ms": None},
    ),
    # schemas
    "KafkaSchema subject": ("{me}-value", "{me}.a/b c", "{me}" + "x" * 200),
    "KafkaSchema topicRef.name": ("{me}source", "nowhere"),
    "KafkaSchema schema": (AVRO, AVRO_MORE, AVRO_OTHER, '"string"', "{", "[" * 2000, _UNICODE, " "),
    "KafkaSchema schemaFrom.configMapKeyRef.name": ("texts", "nowhere"),
    "KafkaSchema schemaFrom.configMapKeyRef.key": ("avro", "other", "nowhere"),
    "KafkaSchema references.[]": ({"name": "Order", "schemaRef": {"name": "referenced"}},),
    "KafkaSchema references.[].name": ("Order", "shop.Order"),
    "KafkaSchema references.[].subject": ("nowhere", "referenced"),
    "KafkaSchema references.[].version": (1, 2, 9007199254740993),
    "KafkaSchema references.[].schemaRef.name": ("referenced", "nowhere"),
    "KafkaSchema metadata.tags": ({}, {"a": ["PII"]}),
    "KafkaSchema ruleSet.migrationRules.[]": (_RULE,),
    "KafkaSchema ruleSet.domainRules.[]": (_RULE,),
    "KafkaSchema ruleSet.encodingRules.[]": (_RULE,),
    # policies
    "KafkaDLQPolicy topics.[]": ("{me}source", "{me}*", "nowhere-{me}", "{me}sourc?"),
    "KafkaDLQPolicy topicSelector.matchLabels": ({"of": "{me}"}, {"of": "nobody"}, {"of": "{me}", "and": "{me}"}),
    "KafkaDLQPolicy topicSelector.matchLabels.{}": ("{me}", "nobody"),
    "KafkaDLQPolicy suffix": (".dlq", "-dead", "_" + "x" * 60),
    "KafkaDLQPolicy deadLetterTopics.partitions": (1, 2, 3),
    "KafkaDLQPolicy deadLetterTopics.replicationFactor": (1, 3),
    "KafkaDLQPolicy deadLetterTopics.maxMessageBytesHeadroom": (0, 1, 65536, 1073741823),
    "KafkaDLQPolicy deadLetterTopics.config": ({}, {"compression.type": "zstd"}, {"retention.ms": 5}, {"retention.mss": 1}),
    "KafkaDLQPolicy retry.maxAttempts": (1, 2, 5),
    "KafkaDLQPolicy retry.suffix": (".retry.", "-again-"),
    "KafkaDLQPolicy routes.[].exception": ("java.lang.IllegalStateException", "ValueError", "A$B"),
    "KafkaDLQPolicy shareGroups.[].group": ("{me}-group", "{me}-other"),
    "KafkaDLQPolicy shareGroups.[].deadLetterTopic": ("{me}-letters",),
    "KafkaDLQPolicy configMapName": ("{me}-mounted", "{me}-elsewhere"),
    # redrives
    "KafkaDLQRedrive source": ({"topic": "{me}source"}, {"policyRef": {"name": "nowhere"}}),
    "KafkaDLQRedrive source.topic": ("{me}source", "nowhere.dlq"),
    "KafkaDLQRedrive source.policyRef.name": ("nowhere", "policy"),
    "KafkaDLQRedrive destination.topic": ("source", "nowhere"),
    "KafkaDLQRedrive filter.errorClass": (".*Exception", "^$", "(a+)+$", "[", "\\p{L}"),
    "KafkaDLQRedrive filter.errorMessage": (".*", "[", _UNICODE),
    "KafkaDLQRedrive filter.key": ("^order-", "(", "x" * 1024),
    "KafkaDLQRedrive filter.origin": ("source", "nowhere"),
    "KafkaDLQRedrive filter.since": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789+02:00"),
    "KafkaDLQRedrive filter.until": ("2026-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
    "KafkaDLQRedrive filter.offsets.[].first": (0, 5, 9007199254740993),
    "KafkaDLQRedrive filter.offsets.[].last": (9, 9223372036854775807),
    "KafkaDLQRedrive ttlSecondsAfterFinished": (3600, 9007199254740993),
    "KafkaDLQRedrive loopGuard.quarantineTopic": ("source", "nowhere"),
    "KafkaDLQRedrive headers.add": ({}, {"a": _UNICODE}, {"kafkade.redrive.count": "x"}),
    # bindings
    "KafkaServiceBinding serviceName": ("{me}", "{me}.Service_2"),
    "KafkaServiceBinding produces": ([{"topic": "{me}source"}], [{"prefix": "{me}"}, {"topic": "nowhere"}]),
    "KafkaServiceBinding produces.[]": ({"topic": "{me}source"}, {"prefix": "{me}"}, {"topicRef": {"name": "nowhere"}}),
    "KafkaServiceBinding produces.[].topicRef.name": ("{me}source", "nowhere"),
    "KafkaServiceBinding produces.[].topic": ("{me}source", "nowhere"),
    "KafkaServiceBinding produces.[].prefix": ("{me}", "nobody."),
    "KafkaServiceBinding consumes": ([{"topic": "{me}source"}], [{"prefix": "{me}"}, {"topic": "nowhere"}]),
    "KafkaServiceBinding consumes.[]": ({"topic": "{me}source"}, {"prefix": "{me}"}, {"topicRef": {"name": "nowhere"}}),
    "KafkaServiceBinding consumes.[].topicRef.name": ("{me}source", "nowhere"),
    "KafkaServiceBinding consumes.[].topic": ("{me}source", "nowhere"),
    "KafkaServiceBinding consumes.[].prefix": ("{me}", "nobody."),
    "KafkaServiceBinding groups": (["{me}-group"], ["{me}-a", "{me}-b"]),
    "KafkaServiceBinding groups.[]": ("{me}-group", "{me}:other"),
    "KafkaServiceBinding transactionalIdPrefix": ("{me}-tx", "{me}:"),
    "KafkaServiceBinding schemas.[]": ({"subject": "referenced"}, {"schemaRef": {"name": "referenced"}}),
    "KafkaServiceBinding schemas.[].subject": ("referenced", "nowhere"),
    "KafkaServiceBinding schemas.[].schemaRef.name": ("referenced", "nowhere"),
    "KafkaServiceBinding secretName": ("{me}-kafka", "{me}-own"),
    "KafkaServiceBinding credentials.generation": (1, 2, 1000000),
    # clusters
    "KafkaCluster bootstrapServers": ("{bootstrap}", "{bootstrap},127.0.0.1:1", "127.0.0.1:1", "nowhere.invalid:9092", "a:99999"),
    "KafkaCluster tls.caSecretRef.name": ("ca", "nowhere"),
    "KafkaCluster tls.caSecretRef.key": ("ca.crt", "nowhere"),
    "KafkaCluster tls.clientCertSecretRef.name": ("nowhere", "login"),
    "KafkaCluster sasl.credentialsSecretRef.name": ("login", "nowhere"),
    "KafkaCluster sasl.credentialsSecretRef.usernameKey": ("username", "nowhere"),
    "KafkaCluster sasl.credentialsSecretRef.passwordKey": ("password", "nowhere"),
    "KafkaCluster sasl.oauthBearer.tokenEndpointUrl": ("http://127.0.0.1:1/token", "https://nowhere.invalid/token"),
    "KafkaCluster sasl.oauthBearer.clientSecretRef.name": ("login", "nowhere"),
    "KafkaCluster clientConfig": ({}, {"socket.timeout.ms": "5000"}, {"socket.timeout.ms": "soon"}, {"sasl.password": "x"}),
    "KafkaCluster clientConfig.{}": ("5000", "soon", ""),
    "KafkaCluster schemaRegistry.urls.[]": ("{registry}", "http://127.0.0.1:1", "http://nowhere.invalid:8081/a?b#c"),
    "KafkaCluster schemaRegistry.basicAuthSecretRef.name": ("login", "nowhere"),
    "KafkaCluster schemaRegistry.bearerTokenSecretRef.name": ("login", "nowhere"),
    "KafkaCluster schemaRegistry.bearerTokenSecretRef.key": ("password", "nowhere"),
    "KafkaCluster schemaRegistry.tls.caSecretRef.name": ("ca", "nowhere"),
    "KafkaCluster schemaRegistry.tls.clientCertSecretRef.name": ("nowhere", "login"),
    "KafkaCluster schemaRegistry.context": (".team", ".", ".a-b_c"),
    "KafkaCluster brokerConfig": ({}, None, {"log.retention.mss": 1}, {"process.roles": "broker"}, {"": 1}, {"a": [1]}),
    "KafkaCluster topicDefaults.partitions": (1, 100000),
    "KafkaCluster topicDefaults.config": ({}, None, {"retention.ms": 5}, {"retention.mss": 5}, {"retention.ms": {}}),
    "KafkaCluster naming.pattern": ("[a-z]+", "[", "(a+)+$", ".*"),
    "KafkaCluster sasl": ({"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}},),
    "KafkaCluster sasl.mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    "KafkaCluster allowedNamespaces.namespaces.[].selector": ({"matchLabels": {"a": "b"}},),
    "KafkaCluster allowedNamespaces.namespaces.[].selector.matchLabels": ({"a": "b"}, {"kubernetes.io/metadata.name": "elsewhere"}),
    "KafkaCluster allowedNamespaces.namespaces": ([{"name": "elsewhere"}], [{"name": "a"}, {"name": "b"}]),
    "KafkaCluster allowedNamespaces.namespaces.[]": ({"name": "elsewhere"}, {"selector": {"matchLabels": {"a": "b"}}}),
    "KafkaCluster metrics.groups.[]": ("{me}-*", "*"),
    "KafkaCluster metrics.topics.[]": ("{me}-*", "*"),
    "KafkaCluster rolling.statefulSets.[].name": ("nowhere", "kafka"),
    "KafkaCluster serviceBindings.bootstrapServers": ("kafka.shop:9092", "a:1,b:2"),
    "KafkaCluster resyncInterval": ("30s", "1h30m", "90s", "24h"),
    "KafkaCluster finalizerReleaseAfter": ("1h", "24h"),
}  # fmt: skip
"""What a schema does not tell. Some of these Kafka, the registry or kafkade refuse: that is told by a condition, then."""


def valid(field: Field) -> tuple[Any, ...]:
    """Values that the schema allows."""
    if (found := VALID.get(str(field))) is not None:
        return found
    if field.path == "clusterRef.name":
        return ("main", "nowhere")
    if field.path == "clusterRef.namespace":
        return ("{namespace}", "elsewhere")
    return _by_schema(field.schema)


def _by_schema(schema: Schema) -> tuple[Any, ...]:
    if "enum" in schema:
        return tuple(schema["enum"])
    match schema["type"]:
        case "boolean":
            return (True, False)
        case "integer":
            low = schema.get("minimum", 0)
            high = schema.get("maximum", 2**53 + 1)
            return tuple(dict.fromkeys(n for n in (low, low + 1, low + 7, high) if n <= high))
        case "number":
            low, high = schema.get("minimum", 0.0), schema.get("maximum", 1e300)
            return (low, (low + high) / 2, high, int(low) + 1 if low + 1 <= high else low)
        case "string":
            return _texts(schema)
        case "array":
            return ([],) if not schema.get("minItems") else ()
        case _:
            return ({},) if not schema.get("required") and not schema.get("minProperties") else ()


def _texts(schema: Schema) -> tuple[str, ...]:
    pattern, longest = schema.get("pattern", ""), min(schema.get("maxLength", 1024), 4096)
    if "(ms|s|m|h)" in pattern:
        return _DURATIONS
    if pattern.startswith("^[a-z0-9]"):
        return ("nowhere",)
    if pattern:
        return ("a-b",)
    return ("a", "x" * longest, _UNICODE[: longest], " a\tb ")  # fmt: skip


def invalid(field: Field) -> tuple[Any, ...]:
    """Values that the schema does not allow, so that the API server must refuse them."""
    schema = field.schema
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return ("text", 5, [])
    if "enum" in schema:
        return ("Nonsense", "", schema["enum"][0].swapcase(), 5)
    match schema["type"]:
        case "boolean":
            return ("true", 1, [], "")
        case "integer":
            low = (schema["minimum"] - 1,) if "minimum" in schema else ()
            high = (schema["maximum"] + 1,) if "maximum" in schema else ()
            return (*low, *high, "3", 1.5, True, 2**63)
        case "number":
            low = (schema["minimum"] - 0.25,) if "minimum" in schema else ()
            high = (schema["maximum"] + 0.25,) if "maximum" in schema else ()
            return (*low, *high, "2.0", True)
        case "string":
            short = ("",) if schema.get("minLength") else ()
            long = ("x" * (schema["maxLength"] + 1),) if schema.get("maxLength", 10**6) < 10_000 else ()
            wrong = _NO_DURATIONS if "(ms|s|m|h)" in schema.get("pattern", "") else ()
            wrong += (_UNICODE, " ", "a b") if schema.get("pattern", "").startswith("^[a-z") else ()
            wrong += ("yesterday", "2026-13-01T00:00:00Z") if schema.get("format") == "date-time" else ()
            return (*short, *long, *wrong, 5, True, ["a"], {"a": "b"})
        case "array":
            none = ([],) if schema.get("minItems") else ()
            return (*none, "text", 5, {"a": 1})
        case _:
            open_ = isinstance(schema.get("additionalProperties"), Mapping)
            return ("text", 5, [], *(() if open_ else ({"nonsense": 1},)))
