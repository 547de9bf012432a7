"""`kafkade ui` in a real Chromium, over a real Kafka and a real registry."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.registry import RegistryClient
from kafkade.devstack.browser import Tab
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.ports import free_port, release
from kafkade.ui.access import Access
from kafkade.ui.clusters import Cluster
from kafkade.ui.server import serving

from .conftest import EVIL, GROUP, SUBJECT, Site

PAGES = (
    "overview",
    "topics",
    "topics?internal=1&sort=-behind",
    "topics/orders",
    "schemas",
    f"schema?subject={SUBJECT}",
    "groups",
    f"group?group={quote(GROUP)}",
    "dead-letters",
    "peek?topic=orders.dlq",
)


async def rows(tab: Tab) -> list[list[str]]:
    """The cells of the first table."""
    return list(
        await tab.evaluate(
            "[...document.querySelector('tbody').rows].map(r => [...r.cells].map(c => c.innerText.trim()))"
        )
    )


async def test_the_token_lets_in_once_and_is_kept(stranger: Tab, site: Site) -> None:
    await stranger.open(site.page("topics"))
    assert stranger.status == 401
    assert "A token is needed" in await stranger.text()
    assert "orders" not in await stranger.text()
    await stranger.type("#token", "wrong")
    assert stranger.status == 401
    await stranger.type("#token", site.token)
    assert await stranger.address() == site.page("overview")
    (cookie,) = await stranger.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert await stranger.evaluate("document.cookie") == ""
    await stranger.open(site.page("topics"))
    assert stranger.status == 200


async def test_a_way_through_the_pages(tab: Tab, site: Site) -> None:
    assert await tab.address() == site.page("overview"), "without the token"
    assert "All partitions have a leader" in await tab.text("main")
    await tab.click("nav a", "Topics")
    assert await tab.texts("nav [aria-current]") == ["Topics"]
    names = [row[0] for row in await rows(tab)]
    assert len(names) == 100
    assert names == sorted(names)
    assert "__consumer_offsets internal" not in names
    await tab.click(".pager a", "Next →")
    assert ["orders", "3", "1", "in sync", "retention.ms=3600000"] in await rows(tab)
    await tab.click("thead a", "Partitions")
    assert (await rows(tab))[0][0] == "orders", "the most first"
    await tab.type("#q", "DERS")
    assert [row[0] for row in await rows(tab)] == ["orders", "orders.dlq"]
    await tab.click("tbody a", "orders")
    assert [row[:7] for row in await rows(tab)] == [
        [str(partition), "1", "1", "1", "0", "10", "10"] for partition in range(3)
    ]
    assert "retention.ms 3600000 topic" in " ".join((await tab.text("main")).split())
    await tab.click("tbody a", GROUP)
    assert [row[1:5] for row in await rows(tab)] == [[str(partition), "4", "10", "6"] for partition in range(3)]
    await tab.click(".up a")
    assert (await rows(tab))[0][0] == GROUP, "what is behind most comes first"
    assert (await rows(tab))[0][4:] == ["18", "orders"]
    assert tab.complaints == []


async def test_schemas_and_what_changed(tab: Tab, site: Site) -> None:
    await tab.click("nav a", "Schemas")
    await tab.type("#q", SUBJECT)
    await tab.click("tbody a", SUBJECT)
    assert '+      "name": "coupon",' in [line.rstrip() for line in await tab.texts(".diff .added")]
    assert "Changes from version 1 to version 2" in await tab.texts("h2")
    await tab.open(site.page(f"schema?subject={SUBJECT}&from=2&to=1"))
    assert any('"coupon"' in line for line in await tab.texts(".diff .removed"))
    await tab.open(site.page(f"schema?subject={SUBJECT}&from=x&to=999"))
    assert tab.status == 200
    await tab.open(site.page("schema?subject=none"))
    assert tab.status == 404


async def test_dead_letters_are_decoded_and_nothing_else_is_shown(tab: Tab, site: Site) -> None:
    await tab.click("nav a", "Dead letters")
    assert [row[:2] for row in await rows(tab)] == [["orders.dlq", "2"]]
    await tab.click("tbody a", "orders.dlq")
    newest, oldest = await tab.texts(".record")
    assert "Partition 1, offset 0" in newest
    assert "shop.Refused: no such customer" in oldest
    assert "From orders/1@7" in oldest
    assert '"id": 42,\n  "note": "abc"' in oldest
    await tab.open(site.page("peek?topic=orders.dlq&partition=0&limit=10"))
    assert len(await tab.texts(".record")) == 1
    await tab.open(site.page("peek?topic=secrets"))
    assert tab.status == 404
    assert "not for the page" not in await tab.text()


@pytest.mark.parametrize("page", PAGES)
async def test_what_others_wrote_is_never_carried_out(tab: Tab, site: Site, page: str) -> None:
    await tab.open(site.page(page))
    assert tab.status == 200
    assert tab.dialogs == []
    assert tab.complaints == []
    assert await tab.evaluate("document.querySelectorAll('script, img, [onerror], [style], iframe').length") == 0
    assert await tab.evaluate('document.querySelectorAll(\'a:not([href^="/"]):not([href="#content"])\').length') == 0
    if page.startswith(("schema?", "group", "peek")):
        # in a schema's JSON its quotes are escaped
        shown = EVIL.partition('"')[0] if page.startswith("schema?") else EVIL
        assert shown in await tab.evaluate("document.body.textContent")


@pytest.mark.parametrize("page", PAGES)
async def test_pages_fit_a_phone_and_say_what_their_parts_are(tab: Tab, site: Site, page: str) -> None:
    await tab.look(390, 800, dark=True, phone=True)
    await tab.open(site.page(page))
    assert await tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 27)"
    lacking = "document.querySelectorAll('th:not([scope]), table:not(:has(caption))').length"
    assert await tab.evaluate(lacking) == 0
    fields = "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(f => !f.labels.length).length"
    assert await tab.evaluate(fields) == 0
    assert await tab.evaluate("document.querySelectorAll('h1').length") == 1
    assert await tab.evaluate("document.documentElement.lang") == "en"


async def test_no_address_shows_a_stack_trace(tab: Tab, site: Site) -> None:
    for page, status in (
        ("topics/none", 404),
        ("topics/%00", 404),
        ("topics?page=-1&sort=%3Cscript%3E&q=%22", 200),
        ("group?group=none", 404),
        ("group", 404),
        ("peek", 404),
        ("peek?topic=none.dlq", 404),
        ("peek?topic=orders.dlq&limit=999999999&partition=999", 200),
        ("nothing", 404),
    ):
        await tab.open(site.page(page))
        assert tab.status == status, page
        assert "Traceback" not in await tab.text()
        assert await tab.text("h1"), page
    await tab.open(f"{site.url}/clusters/none/topics")
    assert tab.status == 404


async def test_what_is_away_is_said(stranger: Tab, filled: Kafka) -> None:
    port = free_port()
    nobody = KafkaAdmin(Security(f"127.0.0.1:{port}"), timeout=3)
    there = KafkaAdmin(Security(filled.bootstrap), timeout=8)
    registry = RegistryClient([f"http://127.0.0.1:{port}"], timeout=2)
    clusters = {
        "away": Cluster("away", "away", nobody, None, lambda _: False),
        "ns:half": Cluster("ns:half", "half", there, registry, lambda topic: topic.endswith(".dlq")),
    }
    try:
        async with serving(lambda: clusters, Access(None), "127.0.0.1", 0) as listening:
            await stranger.open(listening.url)
            assert await stranger.texts("tbody th") == ["away", "half"]
            await stranger.click("tbody a", "away")
            assert stranger.status == 502
            assert "The cluster does not answer" in await stranger.text("h1")
            await stranger.evaluate("document.querySelector('.cluster').open = true")
            await stranger.click(".cluster a", "half")
            assert stranger.status == 200
            await stranger.click("nav a", "Schemas")
            assert stranger.status == 502
            assert "The schema registry does not answer" in await stranger.text("h1")
            await stranger.open(f"{listening.url}/clusters/ns:half/peek?topic=orders.dlq")
            assert stranger.status == 200
            assert "Keys and values are not decoded" in await stranger.text()
    finally:
        await nobody.close()
        await there.close()
        await registry.close()
        release(port)
