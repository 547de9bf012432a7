"""Makes the pictures of docs/guides/ui.md: a shop's Kafka and registry on the development stack, seen with Chromium.

``python docs/screenshots.py [NAME…]`` writes docs/images/ui-NAME.png, all of them or those that are named. They are not
the same at each run, as times and ids are in them, so nothing checks whether they are fresh.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack.browser import Browser, Tab
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from kafkade.ui.access import Access
from kafkade.ui.clusters import Cluster
from kafkade.ui.server import serving

FOLDER = Path(__file__).parent / "images"
MOST = 200_000
"""Bytes of a picture."""


class Picture(NamedTuple):
    """What is shown: a page of the cluster, the window's size, and who looks."""

    page: str
    width: int = 1280
    height: int = 800
    dark: bool = False
    phone: bool = False
    open: str | None = None
    """What is unfolded before."""


PICTURES = {
    "overview": Picture("overview", height=620),
    "topics": Picture("topics", height=620),
    "topic": Picture("topics/orders", height=760),
    "schema": Picture("schema?subject=orders-value", height=800),
    "groups": Picture("groups", height=420),
    "group": Picture("group?group=billing", height=640),
    "dead-letters": Picture("dead-letters", height=460),
    "peek": Picture("peek?topic=orders.dlq&limit=10", height=860, open="details"),
    "peek-dark": Picture("peek?topic=payments.dlq", height=700, dark=True),
    "phone": Picture("topics", 390, 760, phone=True),
}

TOPICS = {
    "orders": (6, {"retention.ms": "604800000", "min.insync.replicas": "2"}),
    "payments": (6, {"retention.ms": "2592000000", "min.insync.replicas": "2"}),
    "shipments": (3, {"cleanup.policy": "compact"}),
    "user-events": (12, {"retention.ms": "86400000", "compression.type": "zstd"}),
    "stock": (3, {"cleanup.policy": "compact,delete"}),
    "invoices": (3, {}),
    "orders.dlq": (6, {"retention.ms": "1209600000"}),
    "payments.dlq": (6, {"retention.ms": "1209600000"}),
    "shipments.dlq": (3, {}),
}


def order(*more: dict[str, object]) -> str:
    """A version of the schema of orders."""
    fields: list[dict[str, object]] = [{"name": "id", "type": "long"}, {"name": "customer", "type": "string"}, *more]
    return json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": fields})


ORDERS = (
    order({"name": "amount", "type": "double"}),
    order({"name": "amount", "type": "double"}, {"name": "currency", "type": "string", "default": "EUR"}),
    order(
        {"name": "amount", "type": "double", "doc": "with tax"},
        {"name": "currency", "type": {"type": "enum", "name": "Currency", "symbols": ["EUR", "USD"]}, "default": "EUR"},
        {"name": "coupon", "type": ["null", "string"], "default": None},
    ),
)
PAYMENT = 'syntax = "proto3";\n\npackage shop;\n\nmessage Payment {\n  int64 order = 1;\n  double amount = 2;\n}\n'
EVENT = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"user": {"type": "string"}, "action": {"enum": ["view", "buy"]}},
        "required": ["user"],
    }
)


async def register(registry: RegistryClient) -> int:
    """The shop's schemas; the id of the newest of orders."""
    newest = 0
    await registry.set_level("orders-value", "NONE")
    for text in ORDERS:
        newest = (await registry.register("orders-value", SchemaBody(text), normalize=False)).id
    await registry.register("payments-value", SchemaBody(PAYMENT, "PROTOBUF"), normalize=False)
    await registry.register("user-events-value", SchemaBody(EVENT, "JSON"), normalize=False)
    return newest


def fill(bootstrap: str, order_schema: int) -> None:
    """Topics with records and dead letters, and a group that reads."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = [NewTopic(name, partitions, 3, config=config) for name, (partitions, config) in TOPICS.items()]
    for done in admin.create_topics(new).values():
        done.result()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    now = int(time.time() * 1000)
    for number in range(3000):
        producer.produce("orders", b"%d" % number, f"customer-{number % 40}", timestamp=now - 60_000 + number * 10)
        producer.produce("user-events", b'{"user":"u"}', f"u-{number % 90}")
    for letter in letters(now, order_schema):
        producer.produce(*letter[:3], headers=letter[3], timestamp=letter[4])
    producer.flush(30)
    read("billing", bootstrap, {number: 120 + 40 * number for number in range(6)})
    read("shipping", bootstrap, {0: 300, 1: 120, 2: 310, 3: 750})


def letters(now: int, order_schema: int) -> Iterator[tuple[str, bytes, bytes, list[tuple[str, bytes]], int]]:
    """Dead letters as Spring and Kafka Connect write them: topic, value, key, headers, timestamp."""
    for number in range(17):
        frame = struct.pack(">bI", 0, order_schema)
        # Avro: a long, a string, a double, an enum's index, the index in a union
        value = (
            frame + zigzag(4711 + number) + text(f"customer-{number}") + struct.pack("<d", 19.5 + number) + b"\x00\x00"
        )
        headers = [
            ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
            ("kafka_dlt-exception-cause-fqcn", b"shop.billing.CustomerUnknown"),
            ("kafka_dlt-exception-message", f"no customer customer-{number} in the ledger".encode()),
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-partition", struct.pack(">i", number % 6)),
            ("kafka_dlt-original-offset", struct.pack(">q", 100 + number)),
            ("kafka_dlt-original-consumer-group", b"billing"),
            ("trace-id", f"{number:032x}".encode()),
        ]
        yield "orders.dlq", value, f"customer-{number}".encode(), headers, now - 7_200_000 + number * 60_000
    for number in range(5):
        headers = [
            ("__connect.errors.topic", b"payments"),
            ("__connect.errors.partition", b"%d" % (number % 6)),
            ("__connect.errors.offset", b"%d" % (40 + number)),
            ("__connect.errors.connector.name", b"payments-to-warehouse"),
            ("__connect.errors.stage", b"VALUE_CONVERTER"),
            ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
            ("__connect.errors.exception.message", b"Unknown magic byte!"),
        ]
        value = json.dumps({"order": 4700 + number, "amount": 12.5, "iban": None}).encode()
        yield "payments.dlq", value, b"%d" % (4700 + number), headers, now - 900_000 + number * 30_000


def zigzag(value: int) -> bytes:
    """Avro's long."""
    value <<= 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def text(value: str) -> bytes:
    """Avro's string."""
    return zigzag(len(value)) + value.encode()


def read(group: str, bootstrap: str, offsets: dict[int, int]) -> None:
    """Have a group committed these offsets of orders."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    places = [TopicPartition("orders", partition, offset) for partition, offset in offsets.items()]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


@contextmanager
def member(group: str, bootstrap: str) -> Iterator[None]:
    """A consumer of orders that is in the group and reads nothing more."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "client.id": f"{group}-0", "enable.auto.commit": False}
    )
    consumer.subscribe(["orders"])
    try:
        deadline = time.monotonic() + 30
        while not consumer.assignment() and time.monotonic() < deadline:
            consumer.poll(0.2)
        consumer.pause(consumer.assignment())
        yield
    finally:
        consumer.close()


@asynccontextmanager
async def shop() -> AsyncIterator[str]:
    """The address of the shop's pages."""
    with Kafka(brokers=3) as kafka, Registry() as running:
        admin, registry = KafkaAdmin(Security(kafka.bootstrap)), RegistryClient([running.url])
        try:
            fill(kafka.bootstrap, await register(registry))
            cluster = Cluster("kafka", "shop", admin, registry, lambda topic: topic.endswith(".dlq"))
            clusters = MappingProxyType({cluster.id: cluster})
            with member("billing", kafka.bootstrap):
                async with serving(lambda: clusters, Access(None), "127.0.0.1", 0) as listening:
                    yield f"{listening.url}{cluster.path}"
        finally:
            await admin.close()
            await registry.close()


async def take(tab: Tab, base: str, picture: Picture) -> bytes:
    """The picture as PNG."""
    await tab.look(picture.width, picture.height, dark=picture.dark, phone=picture.phone)
    await tab.open(f"{base}/{picture.page}")
    if tab.status != 200 or tab.complaints:
        raise SystemExit(f"{picture.page}: {tab.status} {tab.complaints} {await tab.text()}")
    if picture.open is not None:
        await tab.evaluate(f"document.querySelector({picture.open!r}).open = true")
    return smaller(await tab.picture())


def smaller(png: bytes) -> bytes:
    """The same picture, packed as tight as zlib can."""
    chunks, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    packed = packer.compress(pixels) + packer.flush()
    kept = [(kind, data) for kind, data in chunks if kind in (b"IHDR", b"PLTE", b"tRNS")]
    made = (*kept, (b"IDAT", packed), (b"IEND", b""))
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in made
    )


async def main(names: list[str]) -> None:
    """Make the pictures."""
    if unknown := set(names) - set(PICTURES):
        raise SystemExit(f"there are no pictures {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    with Browser() as browser:
        async with shop() as base, browser.tab() as tab:
            for name in names or PICTURES:
                png = await take(tab, base, PICTURES[name])
                if len(png) > MOST:
                    raise SystemExit(f"the picture {name} has {len(png):,} bytes, and {MOST:,} are the most")
                (FOLDER / f"ui-{name}.png").write_bytes(png)
                sys.stdout.write(f"ui-{name}.png {len(png):,} bytes\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
