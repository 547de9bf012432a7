"""KafkaServiceBindings on a broker that checks: what a binding's Secret lets a real client do, and what it does not."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from integration.dlq import java_tools
from kafkade.api import binding as keys
from kafkade.devstack.kafka import Kafka, java
from kafkade.devstack.kafka_config import ADMIN
from support.audit import writes
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, manifest
from support.places import DEPLOY
from support.stack import Stack, own_stack, secret
from support.waiting import until

NAMESPACE = "shop"
MAIN = {"clusterRef": {"name": "main"}}

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bound:
    """A Kafka with an authorizer, and a KafkaCluster ``main`` over TLS and SCRAM that gives users to services."""

    stack: Stack
    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView

    def apply(self, kind: str, name: str, **spec: Any) -> None:
        """Apply one of the namespace's resources."""
        self.kubectl.apply(manifest(kind, name, {**MAIN, **spec}, NAMESPACE))

    def bind(self, name: str, **spec: Any) -> dict[str, str]:
        """Apply a binding, wait until it is Ready; its Secret."""
        self.apply("KafkaServiceBinding", name, **spec)
        self.kubectl.wait_ready("KafkaServiceBinding", name)
        return self.secret(f"{name}-binding")

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        found = self.kubectl.get("secrets", name)
        assert found is not None
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def status(self, name: str) -> dict[str, Any]:
        """A binding's status."""
        found = self.kubectl.get("KafkaServiceBinding", name)
        assert found is not None
        return dict(found["status"])

    def users(self) -> set[str]:
        """All SCRAM users."""
        return set(self.view.admin.describe_user_scram_credentials().result(20))

    def acls(self, user: str) -> set[tuple[str, str, str, str]]:
        """A user's ACLs: kind, name, LITERAL or PREFIXED, operation."""
        wanted = AclBindingFilter(
            ResourceType.ANY,
            None,  # type: ignore[arg-type]
            ResourcePatternType.ANY,
            f"User:{user}",
            None,  # type: ignore[arg-type]
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        found = self.view.admin.describe_acls(wanted).result(20)
        return {(a.restype.name, a.name, a.resource_pattern_type.name, a.operation.name) for a in found}

    def may(self, user: str, acls: set[tuple[str, str, str, str]]) -> None:
        """Wait until a user has just these ACLs: the broker may learn of them a moment after the controller."""
        until(lambda: self.acls(user) == acls, lambda: f"{user} has {self.acls(user)}, not {acls}", timeout=5)


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bound]:
    """An API server, an operator and a Kafka of their own."""
    log = tmp_path_factory.mktemp("bindings") / "operator.log"
    with (
        own_stack(log, ("--all-namespaces", "--log-level", "DEBUG")) as stack,
        Kafka(security=True, authorizer=True) as kafka,
    ):
        bound = Bound(stack, stack.namespace(NAMESPACE), kafka, KafkaView(kafka.bootstrap))
        bound.kubectl.apply(secret("ca", NAMESPACE, ca_crt=kafka.ca_pem))
        bound.kubectl.apply(secret("admin", NAMESPACE, username=ADMIN[0], password=ADMIN[1]))
        spec = {
            "bootstrapServers": kafka.sasl_ssl_bootstrap,
            "tls": {"caSecretRef": {"name": "ca"}},
            "sasl": {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "admin"}},
            "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            "serviceBindings": {"credentials": "Managed"},
            "resyncInterval": "2s",
        }
        bound.kubectl.apply(manifest("KafkaCluster", "main", spec, NAMESPACE))
        for name in ("user-events", "order-events", "audit"):
            bound.apply("KafkaTopic", name)
        for name in ("user-events", "order-events", "audit"):
            bound.kubectl.wait_ready("KafkaTopic", name)
        yield bound


def send(settings: dict[str, str], topic: str, value: bytes = b"x", timeout: float = 15.0) -> str | None:
    """Write a record; the error's name where that is refused, or where ``timeout`` (in seconds) is over."""
    told: list[KafkaError | None] = []
    producer = Producer({**settings, "log_level": 0, "message.timeout.ms": int(timeout * 1000)})
    try:
        producer.produce(topic, value, on_delivery=lambda error, _: told.append(error))
    except KafkaException as error:
        return str(error.args[0].name())
    producer.flush(20)
    error = told[0] if told else None
    return None if error is None else error.name()


def receive(settings: dict[str, str], topic: str) -> bytes | str:
    """Read one record, or the error's name."""
    consumer = Consumer({**settings, "log_level": 0})
    try:
        consumer.subscribe([topic])
        end = time.monotonic() + 60
        while time.monotonic() < end:
            message = consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message.value() or b""
            if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
                return str(error.name())
        raise AssertionError("neither a record nor a refusal")
    except KafkaException as error:
        return str(error.args[0].name())
    finally:
        consumer.close()


def test_without_the_right_to_write_secrets_the_rule_is_named(bound: Bound) -> None:
    bound.apply("KafkaServiceBinding", "user-service", consumes=[{"topicRef": {"name": "user-events"}}])
    found = bound.kubectl.wait_reason("KafkaServiceBinding", "user-service", "SecretsForbidden")
    assert "deploy/rbac/bindings.yaml" in condition(found)["message"]
    assert "binding" not in found["status"]
    assert "shop.user-service.1" not in bound.users(), "its password would be nowhere"
    bound.kubectl.run("apply", "--server-side", "-n", NAMESPACE, "-f", str(DEPLOY / "rbac" / "bindings.yaml"))


def test_the_secret_lets_a_client_do_what_was_declared_and_nothing_else(bound: Bound) -> None:
    data = bound.bind(
        "user-service",
        produces=[{"topic": "order-events"}],
        consumes=[{"topicRef": {"name": "user-events"}}],
        transactionalIdPrefix="user-service-",
    )
    assert (data["type"], data["provider"], data["username"]) == ("kafka", "kafkade", "shop.user-service.1")
    found = bound.status("user-service")
    assert found["binding"] == {"name": "user-service-binding"}
    assert found["credentials"]["username"] == data["username"]
    rights = {
        ("TOPIC", "order-events", "LITERAL", "WRITE"),
        ("TOPIC", "order-events", "LITERAL", "DESCRIBE"),
        ("TOPIC", "user-events", "LITERAL", "READ"),
        ("TOPIC", "user-events", "LITERAL", "DESCRIBE"),
        ("GROUP", "user-service-group", "LITERAL", "READ"),
        ("TRANSACTIONAL_ID", "user-service-", "PREFIXED", "WRITE"),
        ("TRANSACTIONAL_ID", "user-service-", "PREFIXED", "DESCRIBE"),
    }
    bound.may(data["username"], rights)
    assert found["acls"] == 7
    client = json.loads(data[keys.KEY_LIBRDKAFKA_JSON])
    assert send(client["producer"], "order-events", b"first") is None
    bound_admin = {"bootstrap.servers": bound.kafka.bootstrap}
    assert send(bound_admin, "user-events", b"hello") is None
    assert receive(client["consumer"], "user-events") == b"hello"

    assert send(client["producer"], "user-events") == "TOPIC_AUTHORIZATION_FAILED"
    assert send(client["producer"], "audit") == "TOPIC_AUTHORIZATION_FAILED"
    assert receive(client["consumer"], "order-events") == "TOPIC_AUTHORIZATION_FAILED"
    assert receive({**client["consumer"], "group.id": "other"}, "user-events") == "GROUP_AUTHORIZATION_FAILED"

    producer = Producer({**client["producer"], "transactional.id": "user-service-0", "log_level": 0})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce("order-events", b"second")
    producer.commit_transaction(20)
    stranger = Producer({**client["producer"], "transactional.id": "others-0", "log_level": 0})
    with pytest.raises(KafkaException, match=r"[Tt]ransactional"):
        stranger.init_transactions(20)
    admin = AdminClient({**client["client"], "log_level": 0})
    with pytest.raises(KafkaException, match=r"[Aa]uthorization"):
        admin.delete_topics(["order-events"])["order-events"].result(20)
    assert bound.view.exists("order-events")


def test_java_clients_go_by_its_properties(bound: Bound, tmp_path: Path) -> None:
    data = bound.secret("user-service-binding")
    config = tmp_path / "client.properties"
    config.write_text(data[keys.KEY_JAVA_PRODUCER])
    done = _console_producer(bound.kafka, config, "order-events", "from java\n")
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr + done.stdout
    client = {"bootstrap.servers": bound.kafka.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = Consumer({**client, "log_level": 0})
    consumer.subscribe(["order-events"])
    seen: set[bytes | None] = set()
    until(lambda: _take(consumer, seen) or b"from java" in seen, "the record is there", timeout=20)
    consumer.close()
    refused = _console_producer(bound.kafka, config, "audit", "from java\n")
    assert "TopicAuthorizationException" in refused.stderr + refused.stdout


def _take(consumer: Consumer, seen: set[bytes | None]) -> None:
    message = consumer.poll(0.2)
    if message is not None and message.error() is None:
        seen.add(message.value())


def _console_producer(kafka: Kafka, config: Path, topic: str, text: str) -> subprocess.CompletedProcess[str]:
    where = ("--bootstrap-server", kafka.sasl_ssl_bootstrap, "--topic", topic, "--producer.config", str(config))
    tools = java_tools.jars(f"tools-{kafka.version}")
    command = [*java(kafka.version, *tools), "org.apache.kafka.tools.ConsoleProducer", *where]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_what_leaves_the_spec_is_refused_from_then_on_and_the_neighbour_stays(bound: Bound) -> None:
    other = bound.bind("order-service", produces=[{"prefix": "order-"}])
    bound.bind("user-service", consumes=[{"topicRef": {"name": "user-events"}}])
    left = {
        ("TOPIC", "user-events", "LITERAL", "READ"),
        ("TOPIC", "user-events", "LITERAL", "DESCRIBE"),
        ("GROUP", "user-service-group", "LITERAL", "READ"),
    }
    until(lambda: bound.acls("shop.user-service.1") == left, "the other ACLs are gone")
    client = json.loads(bound.secret("user-service-binding")[keys.KEY_LIBRDKAFKA_JSON])
    assert send(client["producer"], "order-events") == "TOPIC_AUTHORIZATION_FAILED"
    neighbour = json.loads(other[keys.KEY_LIBRDKAFKA_JSON])
    assert send(neighbour["producer"], "order-events") is None
    assert send(neighbour["producer"], "user-events") == "TOPIC_AUTHORIZATION_FAILED"


def test_dead_letters_and_retry_topics_of_the_policy_are_allowed(bound: Bound) -> None:
    retry = {"strategy": "RetryTopics", "maxAttempts": 2}
    bound.apply("KafkaDLQPolicy", "users", topics=["user-events", "audit"], retry=retry)
    bound.kubectl.wait_ready("KafkaDLQPolicy", "users")
    data = bound.bind("reader", consumes=[{"topicRef": {"name": "user-events"}}], dlqPolicyRef={"name": "users"})
    retries = ("TOPIC", "user-events.retry.1", "LITERAL")
    rights = {
        ("TOPIC", "user-events", "LITERAL", "READ"),
        ("TOPIC", "user-events", "LITERAL", "DESCRIBE"),
        ("GROUP", "reader-group", "LITERAL", "READ"),
        ("GROUP", "reader-group-retry", "PREFIXED", "READ"),
        *((*retries, operation) for operation in ("READ", "WRITE", "DESCRIBE")),
        ("TOPIC", "user-events.dlq", "LITERAL", "WRITE"),
        ("TOPIC", "user-events.dlq", "LITERAL", "DESCRIBE"),
    }
    bound.may("shop.reader.1", rights)
    policy = json.loads(data["policy.json"])
    assert list(policy["topics"]) == ["user-events"], "audit is not the service's"
    client = json.loads(data[keys.KEY_LIBRDKAFKA_JSON])
    assert send(client["producer"], "user-events.dlq") is None
    assert receive(client["consumer"], "user-events.dlq") == "TOPIC_AUTHORIZATION_FAILED"
    assert send(client["producer"], "user-events.retry.1", b"again") is None
    retrying = {**client["consumer"], "group.id": f"{json.loads(data['binding.json'])['retryGroupPrefix']}-0"}
    assert receive(retrying, "user-events.retry.1") == b"again"
    bound.kubectl.delete("KafkaServiceBinding", "reader")
    bound.kubectl.delete("KafkaDLQPolicy", "users")


def test_a_steady_binding_writes_nothing(bound: Bound) -> None:
    time.sleep(3)
    before = len(writes(bound.stack.control_plane))
    secret_before = bound.kubectl.get("secrets", "user-service-binding")
    time.sleep(6)
    assert [e.resource for e in writes(bound.stack.control_plane)[before:]] == []
    assert bound.kubectl.get("secrets", "user-service-binding") == secret_before


def test_rotation_lets_the_old_user_work_until_it_is_told(bound: Bound) -> None:
    topics = [{"topic": "audit"}]
    old = json.loads(bound.bind("rotates", produces=topics)[keys.KEY_LIBRDKAFKA_JSON])
    bound.apply("KafkaServiceBinding", "rotates", produces=topics, credentials={"generation": 2})
    until(lambda: bound.secret("rotates-binding")["username"] == "shop.rotates.2", "the Secret has another user")
    bound.kubectl.wait_ready("KafkaServiceBinding", "rotates")
    data = bound.secret("rotates-binding")
    new = json.loads(data[keys.KEY_LIBRDKAFKA_JSON])
    assert old["producer"]["sasl.password"] != new["producer"]["sasl.password"]
    assert send(old["producer"], "audit") is None, "pods of before are not cut off"
    assert send(new["producer"], "audit") is None
    assert [p["username"] for p in bound.status("rotates")["credentials"]["previous"]] == ["shop.rotates.1"]

    bound.apply("KafkaServiceBinding", "rotates", produces=topics, credentials={"generation": 2, "overlap": "0s"})
    until(lambda: "shop.rotates.1" not in bound.users(), "the user before is gone")
    until(lambda: bound.acls("shop.rotates.1") == set(), "and its ACLs")
    assert send(old["producer"], "audit", timeout=3) is not None
    assert send(new["producer"], "audit") is None
    until(lambda: "previous" not in bound.status("rotates")["credentials"], "the status says so")


def test_a_lost_secret_gives_a_new_password_and_a_changed_one_is_put_right(bound: Bound) -> None:
    before = bound.secret("rotates-binding")
    bound.kubectl.run("-n", NAMESPACE, "delete", "secret", "rotates-binding")
    until(lambda: bound.kubectl.get("secrets", "rotates-binding") is not None, "it is made anew")
    after = bound.secret("rotates-binding")
    assert after["username"] == before["username"]
    assert after["password"] != before["password"]
    client = json.loads(after[keys.KEY_LIBRDKAFKA_JSON])
    until(lambda: send(client["producer"], "audit") is None, "the new password works", timeout=20)

    patch = {"data": {"password": base64.b64encode(b"guessed").decode()}}
    bound.kubectl.run("-n", NAMESPACE, "patch", "secret", "rotates-binding", "-p", json.dumps(patch))
    until(lambda: bound.secret("rotates-binding")["password"] not in ("guessed", after["password"]), "it is another")
    found = json.loads(bound.secret("rotates-binding")[keys.KEY_LIBRDKAFKA_JSON])
    until(lambda: send(found["producer"], "audit") is None, "and works", timeout=20)


def test_a_user_and_acls_that_go_by_hand_come_back_and_others_stay(bound: Bound) -> None:
    allow, deny = AclPermissionType.ALLOW, AclPermissionType.DENY
    topic, literal = ResourceType.TOPIC, ResourcePatternType.LITERAL
    more = AclBinding(topic, "user-events", literal, "User:shop.rotates.2", "*", AclOperation.ALL, allow)
    denied = AclBinding(topic, "user-events", literal, "User:shop.rotates.2", "*", AclOperation.ALTER, deny)
    other = AclBinding(topic, "user-events", literal, "User:bob", "*", AclOperation.READ, allow)
    for future in bound.view.admin.create_acls([more, denied, other]).values():
        future.result(20)
    wanted = {
        ("TOPIC", "audit", "LITERAL", "WRITE"),
        ("TOPIC", "audit", "LITERAL", "DESCRIBE"),
        ("TOPIC", "user-events", "LITERAL", "ALTER"),
    }
    until(lambda: bound.acls("shop.rotates.2") == wanted, "what is too much goes, what is denied stays")
    assert bound.acls("bob") == {("TOPIC", "user-events", "LITERAL", "READ")}


def test_a_foreign_user_and_a_foreign_secret_are_kept(bound: Bound) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    made = UserScramCredentialUpsertion("shop.taken.1", info, b"somebody-s")
    bound.view.admin.alter_user_scram_credentials([made])["shop.taken.1"].result(20)
    until(lambda: "shop.taken.1" in bound.users(), "the broker knows the user")
    bound.apply("KafkaServiceBinding", "taken", produces=[{"topic": "audit"}])
    found = bound.kubectl.wait_reason("KafkaServiceBinding", "taken", "UserConflict")
    assert "shop.taken.1" in condition(found)["message"]
    assert "credentials" not in found["status"]
    assert bound.kubectl.get("secrets", "taken-binding") is None
    bound.kubectl.delete("KafkaServiceBinding", "taken")
    mine = {
        **{"bootstrap.servers": bound.kafka.sasl_ssl_bootstrap, "security.protocol": "SASL_SSL"},
        **{"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "shop.taken.1", "sasl.password": "somebody-s"},
        "ssl.ca.pem": bound.kafka.ca_pem,
    }
    assert send(mine, "audit") == "TOPIC_AUTHORIZATION_FAILED", "the login still works, with no rights"

    bound.kubectl.apply(secret("foreign-binding", NAMESPACE, password="mine"))
    bound.apply("KafkaServiceBinding", "foreign", produces=[{"topic": "audit"}])
    bound.kubectl.wait_reason("KafkaServiceBinding", "foreign", "SecretConflict")
    assert bound.secret("foreign-binding") == {"password": "mine"}
    assert "shop.foreign.1" not in bound.users()
    bound.kubectl.delete("KafkaServiceBinding", "foreign")
    assert bound.secret("foreign-binding") == {"password": "mine"}


def test_another_namespace_gets_what_the_cluster_lets_it_have_and_no_longer(bound: Bound) -> None:
    team = bound.stack.namespace("team")
    bound.kubectl.run("apply", "--server-side", "-n", "team", "-f", str(DEPLOY / "rbac" / "bindings.yaml"))
    cluster = bound.kubectl.get("KafkaCluster", "main")
    assert cluster is not None

    def let_in(**namespace: Any) -> None:
        allowed = {"from": "Selected", "namespaces": [namespace]} if namespace else {"from": "Same"}
        spec = {**cluster["spec"], "allowedNamespaces": allowed}
        bound.kubectl.apply(manifest("KafkaCluster", "main", spec, NAMESPACE))
        # it comes by another watch than bindings, which would be refused by what was there before
        bound.kubectl.wait_ready("KafkaCluster", "main")

    def bind(name: str, **spec: Any) -> None:
        ref = {"clusterRef": {"name": "main", "namespace": NAMESPACE}}
        team.apply(manifest("KafkaServiceBinding", name, {**ref, **spec}, "team"))

    let_in(name="team", topicPrefixes=["order-", "audit"], groupPrefixes=["team-"])
    bind("reads", consumes=[{"topic": "order-events"}], groups=["of-others"])
    found = team.wait_reason("KafkaServiceBinding", "reads", "NotAllowed")
    assert "consumer group of-others" in condition(found)["message"]
    bind("writes", produces=[{"topic": "user-events"}])
    team.wait_reason("KafkaServiceBinding", "writes", "NotAllowed")
    assert not {user for user in bound.users() if user.startswith("team.")}

    both = [{"topic": "order-events"}, {"topic": "audit"}]
    bind("writes", produces=both)
    team.wait_ready("KafkaServiceBinding", "writes")
    until(lambda: {n for _, n, *_ in bound.acls("team.writes.1")} == {"order-events", "audit"}, "both are allowed")
    let_in(name="team", topicPrefixes=["order-"])
    team.wait_reason("KafkaServiceBinding", "writes", "NotAllowed")
    until(lambda: {name for _, name, *_ in bound.acls("team.writes.1")} == {"order-events"}, "audit is taken away")
    let_in()
    until(lambda: bound.acls("team.writes.1") == set(), "who is put out has no rights left")
    team.delete("KafkaServiceBinding", "writes")
    team.delete("KafkaServiceBinding", "reads")
    until(lambda: "team.writes.1" not in bound.users(), "its user is gone")
    bound.kubectl.apply(manifest("KafkaCluster", "main", cluster["spec"], NAMESPACE))


def test_a_killed_operator_leaves_nobody_whom_nobody_knows(bound: Bound) -> None:
    """Killed wherever it was, again and again, while users are made, rotated and taken away."""
    names = [f"many-{number}" for number in range(12)]
    for round_ in range(1, 4):
        spec = {**MAIN, "produces": [{"topic": "audit"}], "credentials": {"generation": round_, "overlap": "0s"}}
        bound.kubectl.apply(*(manifest("KafkaServiceBinding", name, spec, NAMESPACE) for name in names))
        time.sleep(0.15 * round_)
        bound.stack.operator.kill()
        bound.stack.operator.start()
    for name in names:
        bound.kubectl.wait_ready("KafkaServiceBinding", name)
    users = {f"shop.{name}.3" for name in names}
    until(lambda: {u for u in bound.users() if u.startswith("shop.many")} == users, "just these users", timeout=20)
    client = json.loads(bound.secret("many-7-binding")[keys.KEY_LIBRDKAFKA_JSON])
    assert send(client["producer"], "audit") is None
    for name in names:
        bound.kubectl.delete("KafkaServiceBinding", name, wait=False)
    time.sleep(0.2)
    bound.stack.operator.kill()
    bound.stack.operator.start()
    until(lambda: not any(u.startswith("shop.many") for u in bound.users()), "all are gone", timeout=30)
    # a user goes first, what it was allowed a request later
    until(lambda: all(bound.acls(user) == set() for user in users), "and nothing is allowed to them", timeout=30)


def test_all_goes_with_the_resource(bound: Bound) -> None:
    for name in ("user-service", "order-service", "rotates"):
        bound.kubectl.delete("KafkaServiceBinding", name)
    until(lambda: not {u for u in bound.users() if u.startswith("shop.")} - {"shop.taken.1"}, "their users are gone")
    for user in ("shop.user-service.1", "shop.order-service.1"):
        bound.may(user, set())
    bound.may("shop.rotates.2", {("TOPIC", "user-events", "LITERAL", "ALTER")})  # denied by somebody else
    assert bound.acls("bob") == {("TOPIC", "user-events", "LITERAL", "READ")}
    until(lambda: bound.kubectl.get("secrets", "user-service-binding") is None, "Kubernetes took the Secret away")
    assert bound.view.topics() >= {"user-events", "order-events", "audit"}


def test_a_cluster_that_gives_no_users_any_more_takes_them_back(bound: Bound) -> None:
    bound.bind("late", produces=[{"topic": "audit"}])
    cluster = bound.kubectl.get("KafkaCluster", "main")
    assert cluster is not None
    spec = {**cluster["spec"], "serviceBindings": {"credentials": "None"}}
    bound.kubectl.apply(manifest("KafkaCluster", "main", spec, NAMESPACE))
    until(lambda: "shop.late.1" not in bound.users(), "the user is gone")
    until(lambda: "password" not in bound.secret("late-binding"), "and its password")
    found = bound.secret("late-binding")
    assert found["security-protocol"] == "SASL_SSL"
    assert json.loads(found["binding.json"])["credentials"] is False
    until(lambda: "credentials" not in bound.status("late"), "the status says so")
    bound.kubectl.delete("KafkaServiceBinding", "late")


def test_no_password_is_told(bound: Bound) -> None:
    """In the operator's log at DEBUG, in any status or Event."""
    text = bound.stack.operator.log.read_text(errors="replace")
    for kind in ("kafkaservicebindings", "events"):
        text += bound.kubectl.run("get", kind, "-A", "-o", "json").stdout
    assert "shop.rotates.2" in text
    assert "sasl.password" not in text
    assert "ScramLoginModule" not in text
