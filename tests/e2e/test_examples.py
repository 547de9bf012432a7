"""deploy/examples: each is applied by the commands of its README, comes to what that says, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import ConfigResource

from kafkade.service.binding import find, load
from support.kubernetes import condition
from support.letters import read
from support.places import ROOT
from support.registry import ask
from support.waiting import until

from .book import Block, blocks
from .conftest import Shop

EXAMPLES = ROOT / "deploy" / "examples"
SOURCES = ("user-events", "order-events", "payment-events")

Name = tuple[str, str, str]
"""Kind, namespace, name."""


@dataclass(frozen=True)
class Example:
    """A folder, and what is to come of its resources."""

    folder: str
    ready: tuple[Name, ...]
    refused: dict[Name, tuple[str, str]] = field(default_factory=dict)
    """Reason, and a part of the message."""
    check: Callable[[Shop], None] = lambda _: None
    needs: str | None = None
    leaves: frozenset[str] = frozenset()
    """Topics that stay on purpose."""

    @property
    def readme(self) -> list[Block]:
        """The commands of its README, and of nothing else."""
        return [block for block in blocks(EXAMPLES / self.folder / "README.md") if block.language == "bash"]


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed in the middle must not fail those after it."""
    yield
    if "shop" in request.fixturenames:
        shop: Shop = request.getfixturevalue("shop")
        if shop.kafka.topics():
            shop.kubectl.run(
                "delete",
                "kafkaservicebindings,kafkadlqredrives,kafkadlqpolicies,kafkaschemas,kafkatopics,kafkaclusters",
                "--all",
                "-A",
                "--timeout=60s",
            )
            if left := shop.kafka.topics():
                shop.kafka.delete(*left)


def topics(namespace: str, *names: str) -> tuple[Name, ...]:
    """KafkaTopics of a namespace."""
    return tuple(("KafkaTopic", namespace, name) for name in names)


def schemas(namespace: str, *names: str) -> tuple[Name, ...]:
    """KafkaSchemas of a namespace."""
    return tuple(("KafkaSchema", namespace, name) for name in names)


def has(shop: Shop, names: set[str]) -> None:
    """These topics and no others are there; a broker may learn of a topic a moment after another one."""
    until(lambda: shop.kafka.topics() == names, lambda: f"{shop.kafka.topics()}, wanted {names}", timeout=10)


def check_quickstart(shop: Shop) -> None:
    assert shop.kafka.partitions("user-events") == 3
    assert shop.kafka.config("user-events") == {"retention.ms": "604800000"}
    status = resource(shop, ("KafkaTopic", "shop", "user-events"))["status"]
    assert status["topicId"] == shop.kafka.topic_id("user-events")


def check_dlqs(shop: Shop) -> None:
    has(shop, {name + suffix for name in SOURCES for suffix in ("", ".dlq")})
    for name in SOURCES:
        source, dead = shop.kafka.config(name), shop.kafka.config(f"{name}.dlq")
        assert source["max.message.bytes"] == "1048576"
        assert int(dead["max.message.bytes"]) - int(source["max.message.bytes"]) == 65536, "headroom for error headers"
        assert int(dead["retention.ms"]) > int(source["retention.ms"])
        assert source["min.insync.replicas"] == dead["min.insync.replicas"] == "2", "by the cluster's topicDefaults"
        for topic in (name, f"{name}.dlq"):
            assert [len(replicas) for replicas in shop.kafka.replicas(topic)] == [3, 3, 3]


def check_schemas(shop: Shop) -> None:
    records = [f"shop.users.User{what}" for what in ("Created", "Updated", "Deleted")]
    assert set(subjects(shop)) == {*records, *(f"{n}-value" for n in SOURCES), "user-events-key"}
    latest = registry(shop, "/subjects/user-events-value/versions/latest")
    assert {(r["subject"], r["version"]) for r in latest["references"]} == {(name, 1) for name in records}
    assert registry(shop, "/subjects/order-events-value/versions/latest")["schemaType"] == "JSON"
    assert "PaymentEvent" in registry(shop, "/subjects/payment-events-value/versions/latest")["schema"]
    for subject in ("user-events-value", "order-events-value", "payment-events-value"):
        assert registry(shop, f"/config/{subject}")["compatibilityLevel"] == "BACKWARD"


def check_secure(shop: Shop) -> None:
    assert shop.kafka.config("payment-audit") == {"cleanup.policy": "compact", "min.insync.replicas": "2"}


def check_teams(shop: Shop) -> None:
    has(shop, {"orders-placed", "payments-settled"})
    assert shop.kafka.partitions("orders-placed") == 3, "not taken by the other team"
    done = shop.kubectl.run("-n", "team-orders", "delete", "kafkatopic", "orders-placed", check=False)
    assert done.returncode != 0
    assert "protected" in done.stderr


def check_adopted(shop: Shop) -> None:
    partitions = {name: shop.kafka.partitions(name) for name in LEGACY}
    assert partitions == {"legacy-clicks": 3, "legacy-views": 6, "legacy-searches": 3, "legacy-carts": 6}
    assert shop.kafka.config("legacy-clicks") == {}
    assert shop.kafka.config("legacy-searches") == {}
    assert shop.kafka.config("legacy-carts") == {"retention.ms": "86400000"}


def check_defaults(shop: Shop) -> None:
    defaults = {"min.insync.replicas": "2", "compression.type": "zstd", "retention.ms": "259200000"}
    has(shop, {"raw-metrics", "processed-metrics"})
    assert shop.kafka.partitions("raw-metrics") == 6
    assert shop.kafka.config("raw-metrics") == defaults
    assert shop.kafka.partitions("processed-metrics") == 12
    assert shop.kafka.config("processed-metrics") == {**defaults, "retention.ms": "2592000000"}
    declared = {"message.max.bytes": "2097152", "log.cleaner.threads": "2"}
    assert broker_settings(shop).items() >= declared.items()
    assert resource(shop, ("KafkaCluster", "analytics", "main"))["status"]["brokerConfig"] == declared


def check_policy(shop: Shop) -> None:
    sources = {"order-events": 6, "payment-events": 3}
    there = {*sources, "raw-metrics", *(f"{name}.dlq" for name in sources)}
    has(shop, there)
    for name, partitions in sources.items():
        assert shop.kafka.partitions(f"{name}.dlq") == partitions
        assert shop.kafka.config(f"{name}.dlq")["retention.ms"] == "1209600000"
    found = shop.kubectl.get("configmaps", "orders-dlq", "orders")
    assert found is not None
    told = json.loads(found["data"]["policy.json"])
    assert (told["retry"]["maxAttempts"], told["delaysMs"]) == (3, [100, 200])
    assert set(told["topics"]) == set(sources)


def check_redrive(shop: Shop) -> None:
    counts = [
        resource(shop, ("KafkaDLQRedrive", "returns", name))["status"]["counts"] for name in ("count", "timeouts")
    ]
    assert [(c["read"], c["moved"], c["skipped"]) for c in counts] == [(3, 3, 0), (3, 2, 1)]
    back = read(shop.kafka.bootstrap, "return-events")
    assert sorted(found.value or b"" for found in back) == [b"first return", b"second return"]
    assert {dict(found.headers)["kafkade.redrive.count"] for found in back} == {b"1"}


LEGACY = frozenset({"legacy-clicks", "legacy-views", "legacy-searches", "legacy-carts"})
NAMING = "name it <service>-<what>, in lower case"


def check_binding(shop: Shop) -> None:
    """What the Secret says is enough for a client."""
    found = shop.kubectl.get("secrets", "activity-service-binding", "activity")
    assert found is not None
    data = {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
    client = json.loads(data["librdkafka.json"])
    producer = Producer({**client["producer"], "transactional.id": "activity-service-0"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce("user-activity", b"seen")
    producer.commit_transaction(20)
    assert json.loads(data["binding.json"])["registry"]["urls"] == [shop.registry_url]


USER_SERVICE = (
    *("user-events", "order-events", "high-priority-events", "raw-metrics", "processed-metrics", "user-activity"),
    "user-service-process-user-activity-repartition",
)
USER_SERVICE_DEAD = tuple(f"{name}.dlq" for name in USER_SERVICE[:4])


def check_service(shop: Shop) -> None:
    """The folder that the README fills is a binding, and Kubernetes has the Deployment as it stands there."""
    binding = load(find(root=shop.reader.folder / "bindings"))
    assert (binding.service, binding.group) == ("user-service", "user-service-group")
    assert binding.client["bootstrap.servers"] == shop.kafka.bootstrap
    assert resource(shop, ("Deployment", "users", "user-service"))["spec"]["replicas"] == 2


TABLE = (
    Example(
        "01-quickstart", (("KafkaCluster", "shop", "main"), *topics("shop", "user-events")), check=check_quickstart
    ),
    Example(
        "02-topics-and-dlqs",
        (
            ("KafkaCluster", "shop", "main"),
            *topics("shop", *(name + suffix for name in SOURCES for suffix in ("", ".dlq"))),
        ),
        {
            ("KafkaTopic", "shop", "refused-casing"): ("NamingRefused", NAMING),
            ("KafkaTopic", "shop", "refused-too-generic"): ("NamingRefused", NAMING),
            ("KafkaTopic", "shop", "refused-unclear"): ("NamingRefused", NAMING),
        },
        check=check_dlqs,
    ),
    Example(
        "03-schemas",
        schemas(
            "shop",
            "user-created",
            "user-updated",
            "user-deleted",
            "user-event",
            "user-event-key",
            "order-event",
            "payment-event",
        ),
        check=check_schemas,
        needs="02-topics-and-dlqs",
    ),
    Example(
        "04-secure-cluster",
        (("KafkaCluster", "payments", "secure"), *topics("payments", "payment-audit")),
        check=check_secure,
    ),
    Example(
        "05-teams",
        (
            ("KafkaCluster", "kafka-platform", "shared"),
            *topics("team-orders", "orders-placed"),
            *topics("team-payments", "payments-settled"),
        ),
        {("KafkaTopic", "team-payments", "not-ours"): ("NotAllowed", "start with payments-")},
        check=check_teams,
    ),
    Example(
        "06-adopt",
        (("KafkaCluster", "legacy", "main"), *topics("legacy", "legacy-views", "legacy-carts")),
        {
            ("KafkaTopic", "legacy", "legacy-clicks"): ("Observed", "partitions is 3, declared 6"),
            ("KafkaTopic", "legacy", "legacy-searches"): ("AdoptionRefused", "partitions is 3, declared 6"),
        },
        check=check_adopted,
        leaves=LEGACY,
    ),
    Example(
        "07-broker-config-and-defaults",
        (("KafkaCluster", "analytics", "main"), *topics("analytics", "raw-metrics", "processed-metrics")),
        {("KafkaTopic", "analytics", "misspelt-setting"): ("InvalidConfig", "did you mean retention.ms?")},
        check=check_defaults,
    ),
    Example(
        "08-dead-letters",
        (
            ("KafkaCluster", "orders", "main"),
            *topics(
                "orders", "order-events", "payment-events", "raw-metrics", "order-events.dlq", "payment-events.dlq"
            ),
            ("KafkaDLQPolicy", "orders", "orders"),
        ),
        {("KafkaDLQPolicy", "orders", "too-late"): ("PolicyConflict", "KafkaDLQPolicy orders/orders is older")},
        check=check_policy,
        leaves=frozenset({"order-events.dlq", "payment-events.dlq"}),
    ),
    Example(
        "09-redrive",
        (
            ("KafkaCluster", "returns", "main"),
            *topics("returns", "return-events", "return-events.dlq"),
            ("KafkaDLQPolicy", "returns", "returns"),
            ("KafkaDLQRedrive", "returns", "count"),
            ("KafkaDLQRedrive", "returns", "timeouts"),
        ),
        check=check_redrive,
        leaves=frozenset({"return-events.dlq"}),
    ),
    Example(
        "10-service-binding",
        (
            ("KafkaCluster", "activity", "main"),
            *topics("activity", "click-events", "user-activity", "click-events.dlq"),
            ("KafkaDLQPolicy", "activity", "clicks"),
            ("KafkaServiceBinding", "activity", "activity-service"),
        ),
        check=check_binding,
        leaves=frozenset({"click-events.dlq"}),
    ),
    # what the service does is in tests/integration/document
    Example(
        "11-user-service",
        (
            ("KafkaCluster", "users", "main"),
            *topics("users", *USER_SERVICE, *USER_SERVICE_DEAD),
            *schemas("users", *(f"{name}-value" for name in USER_SERVICE[:-1])),
            ("KafkaDLQPolicy", "users", "user-service"),
            ("KafkaServiceBinding", "users", "user-service"),
        ),
        check=check_service,
        leaves=frozenset(USER_SERVICE_DEAD),
    ),
)


def test_every_example_is_in_the_table() -> None:
    assert [e.folder for e in TABLE] == sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir())


@pytest.mark.parametrize("example", TABLE, ids=lambda e: e.folder)
def test_an_example_comes_to_what_its_readme_says_and_leaves_nothing(example: Example, shop: Shop) -> None:
    until(lambda: shop.kafka.known() == set(), "nothing of the test before is left", timeout=10)
    before = outside(shop)
    with needed(example, shop):
        shop.reader.read([b for b in example.readme if not _deletes(b)])
        for kind, namespace, name in example.ready:
            shop.kubectl.wait_ready(kind, name, namespace)
        for (kind, namespace, name), (reason, part) in example.refused.items():
            found = shop.kubectl.wait_reason(kind, name, reason, namespace)
            assert condition(found)["status"] == "False"
            assert part in condition(found)["message"]
        soon(lambda: example.check(shop))
        delete(example, shop)
    until(lambda: shop.kafka.known() == example.leaves, "nothing else is left")
    for name in example.leaves:
        shop.kafka.delete(name)
    until(lambda: outside(shop) == before, lambda: f"all is as before: {outside(shop)}, not {before}", timeout=5)


def soon(check: Callable[[], None], patience: float = 5) -> None:
    """A check that holds by now, or once the broker that is asked has heard of what another one has."""
    deadline = time.monotonic() + patience
    while True:
        try:
            check()
        except (AssertionError, KafkaException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def test_the_quickstart_grows_into_the_second_example(shop: Shop) -> None:
    quickstart, more, _ = TABLE[:3]
    shop.reader.read([b for b in quickstart.readme if not _deletes(b)])
    made = shop.kafka.topic_id("user-events")
    shop.reader.read(more.readme)
    for kind, namespace, name in more.ready:
        shop.kubectl.wait_ready(kind, name, namespace)
    assert shop.kafka.topic_id("user-events") == made, "the same topic, not a new one"
    delete(more, shop)
    until(lambda: shop.kafka.known() == set(), "nothing is left", timeout=10)


@contextmanager
def needed(example: Example, shop: Shop) -> Iterator[None]:
    """The example that another one builds on, around it."""
    if example.needs is None:
        yield
        return
    other = next(e for e in TABLE if e.folder == example.needs)
    shop.reader.read(other.readme)
    for kind, namespace, name in other.ready:
        shop.kubectl.wait_ready(kind, name, namespace)
    yield
    delete(other, shop)


def delete(example: Example, shop: Shop) -> None:
    """As its README says; where that says nothing, by ``kubectl delete -f``."""
    said = [block for block in example.readme if _deletes(block)]
    if said:
        shop.reader.read(said)
    else:
        done = shop.reader.run("kubectl", "delete", "-f", f"deploy/examples/{example.folder}", "--timeout=60s")
        assert done.returncode == 0, done.stderr


def _deletes(block: Block) -> bool:
    return "kubectl delete" in block.text


def outside(shop: Shop) -> dict[str, Any]:
    """Everything that an example could leave behind in Kafka and the registry."""
    return {"topics": shop.kafka.topics(), "subjects": subjects(shop), "broker settings": broker_settings(shop)}


def broker_settings(shop: Shop) -> dict[str, str]:
    """The cluster-wide dynamic broker settings, as a broker runs with them."""
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    entries = shop.kafka.admin.describe_configs([broker])[broker].result(20)
    return {k: e.value for k, e in entries.items() if e.source == 3}


def subjects(shop: Shop) -> list[str]:
    """All subjects."""
    return sorted(registry(shop, "/subjects"))


def registry(shop: Shop, path: str) -> Any:
    """An answer of the registry."""
    status, answer = ask(shop.registry_url, path)
    assert status == 200, answer
    return answer


def resource(shop: Shop, name: Name) -> dict[str, Any]:
    """A resource as the API server has it."""
    kind, namespace, own = name
    found = shop.kubectl.get(kind, own, namespace)
    assert found is not None
    return found


def test_every_file_of_an_example_is_numbered_and_applied_in_order() -> None:
    for folder in (p for p in EXAMPLES.iterdir() if p.is_dir()):
        files = sorted(f.name for f in folder.glob("*.yaml"))
        assert [int(Path(f).name[:2]) for f in files] == list(range(1, len(files) + 1)), folder
        assert (folder / "README.md").exists()
