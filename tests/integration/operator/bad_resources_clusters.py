"""Bad KafkaClusters. Secrets that they name are made by the test; see ``SECRETS``."""

from __future__ import annotations

from typing import Any

from integration.operator.bad_resources import HOME, IDLE, Bad, Spec

PLAINTEXT = "{PLAINTEXT}"
CA = {"caSecretRef": {"name": "ca"}}

SECRETS: dict[str, dict[str, str]] = {
    "ca": {"ca.crt": "{CA}"},
    "other-ca": {"ca.crt": "{OTHER_CA}"},
    "no-ca": {"ca.crt": "this is no certificate"},
    "client": {"tls.crt": "{CLIENT_CERT}", "tls.key": "{CLIENT_KEY}"},
    "stranger": {"tls.crt": "{OTHER_CERT}", "tls.key": "{OTHER_KEY}"},
    "not-a-pair": {"tls.crt": "{CLIENT_CERT}", "tls.key": "{OTHER_KEY}"},
    "wrong-password": {"username": "admin", "password": "{WRONG_PASSWORD}"},
    "nobody": {"username": "nobody", "password": "{WRONG_PASSWORD}"},
    "no-password": {"username": "admin", "passwort": "{WRONG_PASSWORD}"},
}
"""Name to data; ``{…}`` are filled in."""


def _spec(bootstrap: str, fields: dict[str, Any]) -> Spec:
    return {"bootstrapServers": bootstrap, "resyncInterval": "2s", **fields}


def refused(id_: str, *says: str, bootstrap: Any = PLAINTEXT, **fields: Any) -> Bad:
    """The API server says no."""
    return Bad(id=id_, kind="KafkaCluster", spec=_spec(bootstrap, fields), says=says)


def bad(id_: str, reason: str, *says: str, bootstrap: str = PLAINTEXT, **fields: Any) -> Bad:
    """The operator says no."""
    return Bad(id=id_, kind="KafkaCluster", spec=_spec(bootstrap, fields), reason=reason, says=says)


def login(id_: str, reason: str, mechanism: str, secret: str, *says: str, **fields: Any) -> Bad:
    """Something is wrong with the credentials."""
    sasl = {"mechanism": mechanism, "credentialsSecretRef": {"name": secret}}
    return bad(id_, reason, *says, bootstrap="{SASL_PLAINTEXT}", sasl=sasl, **fields)


def tls(id_: str, *says: str, bootstrap: str = "{SSL}", **fields: Any) -> Bad:
    """The handshake fails."""
    return bad(id_, "TLSFailed", *says, bootstrap=bootstrap, tls=fields)


REFUSED = (
    refused("cluster-bootstrap-missing", "spec.bootstrapServers", "Required value", bootstrap=None),
    refused("cluster-bootstrap-without-port", "spec.bootstrapServers", "should match", bootstrap="kafka"),
    refused("cluster-bootstrap-a-url", "spec.bootstrapServers", "should match", bootstrap="http://kafka:9092"),
    refused("cluster-bootstrap-with-spaces", "spec.bootstrapServers", "should match", bootstrap="a:9092, b:9092"),
    refused("cluster-bootstrap-a-list", ".spec.bootstrapServers", "expected string", bootstrap=["kafka:9092"]),
    refused(
        "cluster-insecure-with-a-ca",
        "insecureSkipVerify: true turns caSecretRef off; give one of the two",
        tls={"insecureSkipVerify": True, **CA},
    ),
    refused("cluster-sasl-without-password", "SCRAM-SHA-512 take credentialsSecretRef", sasl={"mechanism": "PLAIN"}),
    refused("cluster-sasl-mechanism-unknown", "spec.sasl.mechanism", '"PLAIN"', sasl={"mechanism": "GSSAPI"}),
    refused(
        "cluster-client-setting-not-allowed",
        "clientConfig takes only connection settings",
        "security settings go into tls and sasl",
        clientConfig={"sasl.password": "x"},
    ),
    refused(
        "cluster-client-setting-not-text",
        ".spec.clientConfig.socket.timeout.ms",
        "expected string",
        clientConfig={"socket.timeout.ms": 5},
    ),
    refused(
        "cluster-registry-without-scheme",
        "spec.schemaRegistry.urls[0]",
        "should match",
        schemaRegistry={"urls": ["registry:8081"]},
    ),
    refused(
        "cluster-registry-with-password-in-url", "should match", schemaRegistry={"urls": ["http://me:secret@registry"]}
    ),
    refused("cluster-registry-nowhere", "spec.schemaRegistry.urls", "at least 1 items", schemaRegistry={"urls": []}),
    refused("cluster-resync-in-words", "spec.resyncInterval", "should match", resyncInterval="2 minutes"),
    refused(
        "cluster-namespaces-without-list",
        "from: Selected takes a list of namespaces",
        allowedNamespaces={"from": "Selected"},
    ),
    refused("cluster-defaults-zero-partitions", "greater than or equal to 1", topicDefaults={"partitions": 0}),
)

WAY = (
    bad("cluster-nothing-listens", "ClusterUnreachable", IDLE, "refused", bootstrap=IDLE),
    bad(
        "cluster-host-unknown",
        "ClusterUnreachable",
        "does not resolve",
        "check spec.bootstrapServers",
        bootstrap="no-such-host.invalid:9092",
    ),
    tls("cluster-other-ca", "not signed by the CA in tls.caSecretRef", caSecretRef={"name": "other-ca"}),
    tls("cluster-system-cas", "certificate"),
    tls("cluster-ca-is-no-certificate", "certificates of spec.tls", "not in PEM format", caSecretRef={"name": "no-ca"}),
    tls(
        "cluster-tls-on-a-plaintext-port",
        "answer without TLS on this port",
        "take spec.tls away",
        bootstrap=PLAINTEXT,
        **CA,
    ),
    bad("cluster-plaintext-on-a-tls-port", "TLSFailed", "set spec.tls", bootstrap="{SSL}"),
    tls("cluster-client-certificate-missing", "set spec.tls.clientCertSecretRef", bootstrap="{MTLS}", **CA),
    tls(
        "cluster-client-certificate-of-another-ca",
        "spec.tls.clientCertSecretRef",
        bootstrap="{MTLS}",
        clientCertSecretRef={"name": "stranger"},
        **CA,
    ),
    tls(
        "cluster-client-key-of-another",
        "certificate",
        bootstrap="{MTLS}",
        clientCertSecretRef={"name": "not-a-pair"},
        **CA,
    ),
    bad("cluster-login-missing", "AuthenticationFailed", "set spec.sasl", bootstrap="{SASL_PLAINTEXT}"),
    login("cluster-wrong-password-plain", "AuthenticationFailed", "PLAIN", "wrong-password", "User:admin", "spec.sasl"),
    login("cluster-wrong-password-scram-256", "AuthenticationFailed", "SCRAM-SHA-256", "wrong-password", "User:admin"),
    login("cluster-wrong-password-scram-512", "AuthenticationFailed", "SCRAM-SHA-512", "wrong-password", "User:admin"),
    login("cluster-user-unknown", "AuthenticationFailed", "SCRAM-SHA-512", "nobody", "User:nobody"),
)

SECRET = (
    login("cluster-secret-missing", "SecretNotFound", "PLAIN", "no-such-secret", f"{HOME}/no-such-secret", "spec.sasl"),
    login(
        "cluster-secret-without-key", "SecretNotFound", "PLAIN", "no-password", f"{HOME}/no-password", "key password"
    ),
    bad(
        "cluster-ca-secret-missing",
        "SecretNotFound",
        f"{HOME}/no-such-ca",
        "spec.tls",
        bootstrap="{SSL}",
        tls={"caSecretRef": {"name": "no-such-ca"}},
    ),
    bad(
        "cluster-ca-key-missing",
        "SecretNotFound",
        f"{HOME}/ca",
        "key ca.pem",
        bootstrap="{SSL}",
        tls={"caSecretRef": {"name": "ca", "key": "ca.pem"}},
    ),
    bad(
        "cluster-client-secret-missing",
        "SecretNotFound",
        f"{HOME}/no-such-client",
        bootstrap="{MTLS}",
        tls={"clientCertSecretRef": {"name": "no-such-client"}, **CA},
    ),
    bad(
        "cluster-registry-secret-missing",
        "SecretNotFound",
        f"{HOME}/no-such-registry-user",
        "spec.schemaRegistry",
        schemaRegistry={"urls": ["{REGISTRY}"], "basicAuthSecretRef": {"name": "no-such-registry-user"}},
    ),
)

BROKER = (
    bad(
        "broker-static-setting",
        "StaticBrokerConfig",
        "auto.create.topics.enable",
        brokerConfig={"auto.create.topics.enable": True},
    ),
    bad(
        "broker-setting-misspelt",
        "InvalidConfig",
        "mesage.max.bytes",
        "message.max.bytes",
        brokerConfig={"mesage.max.bytes": 5},
    ),
    bad(
        "broker-setting-in-words",
        "InvalidConfig",
        "message.max.bytes",
        "abc",
        brokerConfig={"message.max.bytes": "abc"},
    ),
    bad(
        "broker-setting-that-fails-inside-the-broker",
        "InvalidConfig",
        "log.cleaner.threads",
        "by zero",
        brokerConfig={"log.cleaner.threads": 0},
    ),
    bad("broker-setting-negative", "InvalidConfig", "message.max.bytes", "-1", brokerConfig={"message.max.bytes": -1}),
    bad(
        "broker-good-and-bad-settings",
        "InvalidConfig",
        "background.threads",
        brokerConfig={"message.max.bytes": 2_000_000, "background.threads": 0},
    ),
    bad(
        "broker-setting-a-list",
        "InvalidSpec",
        "spec.brokerConfig.message.max.bytes",
        "a string, an integer or a boolean",
        brokerConfig={"message.max.bytes": [5]},
    ),
    bad(
        "naming-pattern-broken",
        "InvalidSpec",
        "spec.naming.pattern",
        "not a regular expression",
        naming={"pattern": "[a-z"},
    ),
)

REGISTRY = (
    bad(
        "registry-nothing-listens",
        "RegistryUnreachable",
        IDLE,
        schemaRegistry={"urls": [f"http://{IDLE}"]},
    ),
    bad(
        "registry-is-something-else",
        "RegistryUnreachable",
        "is the URL that of a schema registry?",
        schemaRegistry={"urls": ["{NOT_A_REGISTRY}"]},
    ),
)

CLUSTERS = (*REFUSED, *WAY, *SECRET, *BROKER, *REGISTRY)
