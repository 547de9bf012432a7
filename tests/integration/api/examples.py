"""Specs that between them use every field of every kind, each of them valid. The limits are tried around these."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

MINIMAL: dict[str, Spec] = {
    "KafkaCluster": {"bootstrapServers": "kafka:9092"},
    "KafkaTopic": {"clusterRef": {"name": "main"}},
    "KafkaSchema": {"clusterRef": {"name": "main"}, "subject": "orders-value", "schema": '"string"'},
    "KafkaDLQPolicy": {"clusterRef": {"name": "main"}, "topics": ["user-events"]},
    "KafkaDLQRedrive": {"clusterRef": {"name": "main"}, "source": {"topic": "user-events.dlq"}},
    "KafkaServiceBinding": {"clusterRef": {"name": "main"}, "consumes": [{"topic": "user-events"}]},
}
"""The least that each kind takes."""

_CREDENTIALS: Spec = {"name": "kafka-user", "usernameKey": "user", "passwordKey": "pass"}
_TLS: Spec = {
    "caSecretRef": {"name": "kafka-ca", "key": "ca.pem"},
    "clientCertSecretRef": {"name": "kafka-client", "certKey": "client.crt", "keyKey": "client.key"},
    "insecureSkipVerify": False,
}
_MANAGED: Spec = {"paused": False, "managementPolicy": "Full"}

_CLUSTER_WITH_PASSWORDS: Spec = {
    **_MANAGED,
    "bootstrapServers": "kafka-0.kafka:9092,kafka-1.kafka:9092",
    "tls": _TLS,
    "sasl": {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": _CREDENTIALS},
    "clientConfig": {"socket.timeout.ms": "30000"},
    "schemaRegistry": {
        "urls": ["https://registry.example:8081/apis/ccompat/v7", "http://registry"],
        "basicAuthSecretRef": _CREDENTIALS,
        "tls": _TLS,
        "context": ".shop",
    },
    "brokerConfig": {"message.max.bytes": 2_000_000, "log.cleaner.enable": True, "compression.type": "zstd"},
    "topicDefaults": {
        "partitions": 6,
        "replicationFactor": 2,
        "config": {"retention.ms": "604800000", "min.insync.replicas": 1, "preallocate": False},
        "deletionPolicy": "Retain",
        "adoptionPolicy": "Never",
    },
    "schemaDefaults": {"compatibility": "FULL_TRANSITIVE", "deletionPolicy": "SoftDelete"},
    "naming": {"pattern": "[a-z]+-[a-z.-]+", "denied": ["test"], "message": "ask the platform team", "mode": "Warn"},
    "allowedNamespaces": {
        "from": "Selected",
        "namespaces": [
            {"name": "shop", "topicPrefixes": ["shop-"], "subjectPrefixes": ["shop-"], "groupPrefixes": ["shop-"]},
            {"selector": {"matchLabels": {"team": "payments"}}},
        ],
    },
    "reassignment": {"throttleBytesPerSecond": 50_000_000},
    "rolling": {"statefulSets": [{"name": "kafka", "firstNodeId": 100}]},
    "metrics": {"groups": ["invoices", "reports-*"], "topics": ["orders.*"], "interval": "30s", "maxSeries": 500},
    "serviceBindings": {
        "credentials": "Managed",
        "mechanism": "SCRAM-SHA-256",
        "bootstrapServers": "kafka:9094",
        "registryCredentialsSecretRef": _CREDENTIALS,
    },
    "resyncInterval": "1h30m",
    "finalizerReleaseAfter": "24h",
}
_CLUSTER_WITH_TOKENS: Spec = {
    "bootstrapServers": "kafka:9092",
    "sasl": {
        "mechanism": "OAUTHBEARER",
        "oauthBearer": {
            "tokenEndpointUrl": "https://login.example/token",
            "scope": "kafka",
            "clientSecretRef": _CREDENTIALS,
        },
    },
    "schemaRegistry": {"urls": ["https://registry"], "bearerTokenSecretRef": {"name": "registry", "key": "jwt"}},
    "allowedNamespaces": {
        "from": "All",
        "topicPrefixes": ["public-"],
        "subjectPrefixes": ["public-"],
        "groupPrefixes": ["public-"],
    },
}
_TOPIC: Spec = {
    **_MANAGED,
    "clusterRef": {"name": "main", "namespace": "kafka"},
    "topicName": "Shop.user_events-v1",
    "partitions": 12,
    "replicationFactor": 3,
    "config": {"retention.ms": 604_800_000, "cleanup.policy": "compact,delete", "preallocate": True},
    "deletionPolicy": "Retain",
    "adoptionPolicy": "Always",
}
_DLQ_POLICY: Spec = {
    **_MANAGED,
    "clusterRef": {"name": "main", "namespace": "kafka"},
    "topics": ["user-events", "order-*"],
    "topicSelector": {"matchLabels": {"dead-letters": "kept"}},
    "suffix": ".dead",
    "deadLetterTopics": {
        "partitions": 6,
        "replicationFactor": 3,
        "retention": "336h",
        "maxMessageBytesHeadroom": 100_000,
        "config": {"compression.type": "zstd", "segment.bytes": 1_048_576, "preallocate": False},
        "deletionPolicy": "Retain",
    },
    "retry": {
        "maxAttempts": 3,
        "strategy": "RetryTopics",
        "backoff": {"initial": "100ms", "multiplier": 2.5, "maxDelay": "1m", "jitter": 0.25},
        "suffix": ".again.",
    },
    "routes": [
        {"exception": "DeserializationException", "action": "DEAD_LETTER"},
        {"exception": "com.example.ProcessingException", "action": "RETRY"},
        {"exception": "DuplicateException", "action": "SKIP"},
        {"exception": "OutOfMemoryError", "action": "STOP"},
    ],
    "defaultAction": "RETRY",
    "shareGroups": [
        {"group": "order-workers", "deadLetterTopic": "dlq.orders", "copyRecord": True, "maxAttempts": 5},
        {"group": "invoices"},
    ],
    "alert": {"depth": 100, "age": "24h", "growthPerMinute": 10},
    "configMapName": "orders-dead-letters",
}
_DLQ_REDRIVE: Spec = {
    **_MANAGED,
    "clusterRef": {"name": "main", "namespace": "kafka"},
    "source": {"topic": "user-events.dlq"},
    "destination": {"topic": "user-events"},
    "filter": {
        "errorClass": "Deserialization.*",
        "errorMessage": "timed out",
        "origin": "user-events",
        "key": "^user-[0-9]+$",
        "headers": [{"name": "tenant", "value": "shop"}],
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-25T08:00:00.5+01:00",
        "partitions": [0, 2],
        "offsets": [{"partition": 0, "first": 10, "last": 20}],
    },
    "rateLimit": 100,
    "maxRecords": 1000,
    "dryRun": True,
    "headers": {"remove": ["__connect.errors.*"], "add": {"redriven-by": "shop"}},
    "loopGuard": {"maxRedrives": 5, "action": "Quarantine", "quarantineTopic": "user-events.parked"},
    "cancel": False,
    "ttlSecondsAfterFinished": 3600,
}
_SERVICE_BINDING: Spec = {
    **_MANAGED,
    "clusterRef": {"name": "main", "namespace": "kafka"},
    "serviceName": "User.service",
    "produces": [{"topicRef": {"name": "user-events"}}, {"topic": "audit"}, {"prefix": "metrics-"}],
    "consumes": [{"topicRef": {"name": "order-events"}}, {"topic": "audit"}, {"prefix": "raw-"}],
    "groups": ["user-service-group", "user-service:reports"],
    "transactionalIdPrefix": "user-service-",
    "schemas": [{"schemaRef": {"name": "user-event"}}, {"subject": "audit-value"}],
    "dlqPolicyRef": {"name": "orders"},
    "secretName": "user-service-kafka",
    "credentials": {"generation": 2, "overlap": "1h"},
}
_RULE: Spec = {
    "name": "checkLen",
    "doc": "no empty names",
    "kind": "CONDITION",
    "mode": "WRITE",
    "type": "CEL",
    "tags": ["PII"],
    "params": {"a": "b"},
    "expr": "message.name != ''",
    "onSuccess": "NONE",
    "onFailure": "DLQ",
    "disabled": False,
}
_SCHEMA_OF_TOPIC: Spec = {
    **_MANAGED,
    "clusterRef": {"name": "main", "namespace": "kafka"},
    "topicRef": {"name": "user-events"},
    "part": "key",
    "namingStrategy": "TopicRecordName",
    "schemaType": "JSON",
    "schemaFrom": {"configMapKeyRef": {"name": "schemas", "key": "user-events.json"}},
    "references": [
        {"name": "common.json", "subject": "common", "version": 3},
        {"name": "address.json", "schemaRef": {"name": "address"}},
    ],
    "compatibility": "BACKWARD",
    "normalize": True,
    "metadata": {"tags": {"**.name": ["PII"]}, "properties": {"owner": "shop"}, "sensitive": ["secret"]},
    "ruleSet": {"migrationRules": [_RULE], "domainRules": [_RULE], "encodingRules": [_RULE], "enableAt": "2030-01-01"},
    "deletionPolicy": "HardDelete",
}

EXAMPLES: dict[str, list[Spec]] = {
    "KafkaCluster": [_CLUSTER_WITH_PASSWORDS, _CLUSTER_WITH_TOKENS],
    "KafkaTopic": [_TOPIC],
    "KafkaSchema": [_SCHEMA_OF_TOPIC, MINIMAL["KafkaSchema"]],
    "KafkaDLQPolicy": [_DLQ_POLICY],
    "KafkaServiceBinding": [_SERVICE_BINDING],
    "KafkaDLQRedrive": [_DLQ_REDRIVE, {"clusterRef": {"name": "main"}, "source": {"policyRef": {"name": "shop"}}}],
}
"""Between them every field of a kind; where fields exclude each other it takes more than one."""
