"""A real Kafka and registry with a bit of everything, `kafkade ui` over them, and a real browser."""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack import browser as chromium
from kafkade.devstack.browser import Browser, Tab
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.process import Process
from kafkade.devstack.registry import Registry
from support.groups import commit

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>&lt;b&gt;"
"""Text that a page must show, and never carry out."""
SUBJECT = "ui-orders-value"
GROUP = f"readers of {EVIL}"
MANY = 120
"""Topics whose names begin with ``many.``: more than a page has."""


def order(*more: dict[str, object]) -> str:
    """A version of the subject's schema."""
    fields = [{"name": "id", "type": "long"}, {"name": "note", "type": "string", "doc": EVIL}, *more]
    return json.dumps({"type": "record", "name": "Order", "fields": fields})


VERSIONS = (order(), order({"name": "coupon", "type": ["null", "string"], "default": None}))


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are, and what lets one in."""

    url: str
    token: str

    @property
    def entrance(self) -> str:
        """The address that the command printed."""
        return f"{self.url}/?token={self.token}"

    def page(self, name: str) -> str:
        """A page of the cluster."""
        return f"{self.url}/clusters/kafka/{name}"


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    with Kafka() as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not chromium.exists():
        pytest.skip("there is no Chromium for this kind of machine")
    with Browser() as running:
        yield running


@pytest.fixture(scope="package")
async def order_schema(apicurio: Registry) -> int:
    """The id of the newest version."""
    client = RegistryClient([apicurio.url])
    newest = 0
    for text in VERSIONS:
        newest = (await client.register(SUBJECT, SchemaBody(text), normalize=False)).id
    await client.close()
    return newest


@pytest.fixture(scope="package")
def filled(kafka: Kafka, order_schema: int) -> Kafka:
    """Topics with records, dead letters and a group."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    new = [
        NewTopic("orders", 3, 1, config={"retention.ms": "3600000"}),
        # its records have fixed times, and would be deleted as soon as the broker looks at the log
        NewTopic("orders.dlq", 2, 1, config={"retention.ms": "-1"}),
        NewTopic("secrets", 1, 1),
        *(NewTopic(f"many.{number:03d}", 1, 1) for number in range(MANY)),
    ]
    for done in admin.create_topics(new).values():
        done.result()
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number in range(30):
        producer.produce("orders", b"%d" % number, partition=number % 3)
    headers = [
        ("kafkade.dlq.topic", b"orders"),
        ("kafkade.dlq.partition", b"1"),
        ("kafkade.dlq.offset", b"7"),
        ("kafkade.dlq.exception.class", b"shop.Refused"),
        ("kafkade.dlq.exception.message", f"no such customer {EVIL}".encode()),
        (f"x-{EVIL}", EVIL.encode()),
    ]
    framed = struct.pack(">bI", 0, order_schema) + b"\x54" + b"\x06abc" + b"\x00"
    producer.produce("orders.dlq", framed, b"first", partition=0, headers=headers, timestamp=1_790_000_000_000)
    producer.produce(
        "orders.dlq", EVIL.encode(), EVIL.encode(), partition=1, headers=headers, timestamp=1_790_000_001_000
    )
    producer.produce("secrets", b"not for the page")
    assert producer.flush(30) == 0
    commit(kafka.bootstrap, GROUP, {("orders", p): 4 for p in range(3)})
    return kafka


@pytest.fixture(scope="package")
def site(filled: Kafka, apicurio: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The command as people run it."""
    log: Path = tmp_path_factory.mktemp("ui") / "ui.log"
    options = ["--bootstrap-server", filled.bootstrap, "--registry", apicurio.url, "--port", "0"]
    process = Process("kafkade ui", [sys.executable, "-m", "kafkade.cli.main", "ui", *options], log)
    process.start()
    try:
        address = re.compile(r"^(http://\S+)/\?token=(\S+)$", re.MULTILINE)
        process.wait_until(lambda: address.search(log.read_text()) is not None, 60)
        found = address.search(log.read_text())
        assert found is not None
        yield Site(found[1], found[2])
        assert found[2] not in log.read_text().replace(found[0], ""), "the token is printed once, and never logged"
        assert "Traceback" not in log.read_text()
    finally:
        process.stop()


@pytest.fixture
async def stranger(browser: Browser) -> AsyncIterator[Tab]:
    """Somebody without the token."""
    async with browser.tab() as tab:
        await tab.look(1280, 800)
        yield tab


@pytest.fixture
async def tab(stranger: Tab, site: Site) -> Tab:
    """Somebody who was let in."""
    await stranger.open(site.entrance)
    return stranger
