"""The running operator's pages: KafkaClusters, and what their resources' conditions say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafkade.devstack.browser import Tab
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.ports import HOST, free_port, release
from support.kubernetes import manifest
from support.stack import own_stack

from .conftest import Site

TOKEN = "a-token-of-the-operator"
NAMESPACE = "pages"


def refused(found: dict[str, Any]) -> bool:
    """Whether a topic has more replicas than there are brokers."""
    return any(c["reason"] == "NotEnoughBrokers" for c in found.get("status", {}).get("conditions", ()))


@pytest.fixture
def pages(filled: Kafka, tmp_path: Path) -> Iterator[Site]:
    """An operator with one cluster that works and one that nobody answers for, a topic that is well and one that is not."""
    file, port = tmp_path / "token", free_port()
    file.write_text(TOKEN)
    args = ("--all-namespaces", "--ui", f"{HOST}:{port}", "--ui-token-file", str(file))
    log = tmp_path / "operator.log"
    with own_stack(log, args) as stack:
        kubectl = stack.namespace(NAMESPACE)
        defaults = {"topicDefaults": {"partitions": 1, "replicationFactor": 1}}
        nobody = {"bootstrapServers": f"{HOST}:{free_port()}"}
        reference = {"clusterRef": {"name": "main"}}
        kubectl.apply(
            manifest("KafkaCluster", "main", {"bootstrapServers": filled.bootstrap, **defaults}, NAMESPACE),
            manifest("KafkaCluster", "nobody", nobody, NAMESPACE),
            manifest("KafkaTopic", "declared", reference, NAMESPACE),
            manifest("KafkaTopic", "refused", {**reference, "replicationFactor": 9}, NAMESPACE),
            manifest(
                "KafkaDLQPolicy",
                "letters",
                {**reference, "topics": ["declared"], "suffix": ".dead"},
                NAMESPACE,
            ),
        )
        kubectl.wait_ready("KafkaTopic", "declared")
        kubectl.wait_ready("KafkaDLQPolicy", "letters")
        kubectl.wait_for("KafkaTopic", "refused", refused, "it is refused")
        yield Site(f"http://{HOST}:{port}", TOKEN)
        kubectl.run("-n", NAMESPACE, "delete", "kafkadlqpolicy,kafkatopic", "--all", "--timeout=60s")
    assert TOKEN not in log.read_text()
    release(port)


async def test_clusters_and_resources(stranger: Tab, pages: Site) -> None:
    await stranger.open(pages.url)
    assert stranger.status == 401
    await stranger.open(pages.entrance)
    assert await stranger.texts("tbody th") == [f"{NAMESPACE}/main", f"{NAMESPACE}/nobody"]
    await stranger.click("tbody a", f"{NAMESPACE}/main")
    assert "All partitions have a leader" in await stranger.text("main")
    await stranger.click("nav a", "Resources")
    first = (await stranger.texts("tbody tr"))[0]
    assert f"{NAMESPACE}/refused" in first, "what is not ready comes first"
    assert "NotEnoughBrokers" in first
    assert {f"{NAMESPACE}/{name}" for name in ("main", "declared", "letters")} <= set(await stranger.texts("tbody th"))
    await stranger.click("nav a", "Dead letters")
    assert await stranger.texts("tbody th") == ["declared.dead"], "those that policies name, whatever they are called"
    await stranger.open(f"{pages.url}/clusters/{NAMESPACE}:nobody/topics")
    assert stranger.status == 503
    assert "There is no connection yet" in await stranger.text("h1")
