"""Who is let in, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from kafkade.api.errors import InvalidSpec
from kafkade.cli.ui_command import Serve, entrance
from kafkade.ui.access import Access, TokenFile, is_loopback, new_token, token_of
from kafkade.ui.server import serving

TOKEN = "right-" + "x" * 20


@asynccontextmanager
async def served(access: Access) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A server without clusters, and a client that keeps cookies as a browser does."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serving(lambda: {}, access, "127.0.0.1", 0) as listening,
        aiohttp.ClientSession(cookie_jar=jar) as client,
    ):
        yield client, listening.url


async def test_nobody_gets_in_without_the_token() -> None:
    async with served(Access(TOKEN)) as (client, url):
        for address in ("/", "/clusters/kafka/topics", "/?token=", "/?token=wrong", "/nowhere"):
            async with client.get(url + address, allow_redirects=False) as answer:
                assert answer.status == 401, address
                assert "set-cookie" not in answer.headers
        async with client.get(url, headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401


async def test_the_token_goes_into_a_cookie_and_out_of_the_address() -> None:
    async with served(Access(TOKEN)) as (client, url):
        async with client.get(f"{url}//x/?a=1&token={TOKEN}", allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/x/?a=1"
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        async with client.get(url) as answer:
            assert answer.status == 200
            assert "Clusters" in await answer.text()
    async with (
        served(Access(TOKEN)) as (client, url),
        client.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as r,
    ):
        assert r.status == 200


async def test_nothing_but_reading_is_answered() -> None:
    async with served(Access(None)) as (client, url):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            async with client.request(method, url) as answer:
                assert answer.status == 405, method
                assert answer.headers["Allow"] == "GET, HEAD"
        async with client.head(url) as answer:
            assert answer.status == 200


async def test_names_that_are_not_its_own_are_refused() -> None:
    async with served(Access(None, ("UI.example",))) as (client, url):
        for host, status in (("evil.example", 421), ("ui.example:80", 200), ("localhost", 200), ("[::1]:9", 200)):
            async with client.get(url, headers={"Host": host}) as answer:
                assert answer.status == status, host


@pytest.mark.parametrize(
    ("host", "any_address", "known"),
    [
        ("127.0.0.1:8080", False, True),
        ("LOCALHOST.", False, True),
        ("10.0.0.7:8080", False, False),
        ("10.0.0.7:8080", True, True),
        ("[fd00::1]:8080", True, True),
        ("10.0.0.7.evil.example", True, False),
        ("localhost.evil.example", True, False),
        ("", True, False),
        (None, True, False),
    ],
)
def test_a_host_is_known(host: str | None, any_address: bool, known: bool) -> None:
    assert Access(None, (), any_address).knows_host(host) is known


async def test_every_answer_forbids_what_pages_do_not_need() -> None:
    async with served(Access(TOKEN)) as (client, url):
        for address in ("/", "/static/style.css", "/static/none.css", f"/?token={TOKEN}", "/clusters/x/topics"):
            async with client.get(url + address, allow_redirects=False) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy, address
                assert "script" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                if "static/style" not in address:
                    assert answer.headers["Cache-Control"] == "no-store"


def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(Access(TOKEN))
    assert new_token() != new_token()


@pytest.mark.parametrize(
    ("host", "inside"), [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("10.0.0.7", False)]
)
def test_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside


def test_others_need_a_token(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="loopback"):
        Serve("0.0.0.0", 0, None, True, []).access()  # noqa: S104
    with pytest.raises(InvalidSpec, match="not both"):
        Serve("127.0.0.1", 0, tmp_path, True, []).access()
    assert Serve("127.0.0.1", 0, None, True, []).access().token is None
    assert len(Serve("0.0.0.0", 0, None, False, []).access().token or "") > 40  # noqa: S104


@pytest.mark.parametrize("text", ["short", "a token with spaces in it", "semi;colon" * 3, "ü" * 20, ""])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(InvalidSpec, match="token") as refused:
        token_of(file)
    assert not text or text not in str(refused.value)


def test_a_file_with_a_token_is_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert token_of(file) == TOKEN
    with pytest.raises(InvalidSpec, match="cannot be read"):
        token_of(tmp_path / "none")


def test_a_token_that_is_replaced_is_read_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As kubelet does it: the file is a link, and where it leads is changed."""
    file, other = tmp_path / "token", "other-" + "y" * 20
    for name, text in (("a", TOKEN), ("b", other), ("c", "short")):
        (tmp_path / name).write_text(text)
    file.symlink_to("a")
    access = Access(TokenFile(file))
    assert access.is_token(TOKEN)
    for name in ("b", "c"):
        (tmp_path / "new").symlink_to(name)
        (tmp_path / "new").replace(file)
        assert access.is_token(other), name
        assert not access.is_token(TOKEN)
    file.unlink()
    assert access.is_token(other), "a file that is gone leaves what there was"
    file.write_text(TOKEN)
    assert access.is_token(TOKEN)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 2
    assert other not in caplog.text
    assert TOKEN not in caplog.text + repr(access)


async def test_the_address_that_is_printed_lets_in_with_any_token() -> None:
    token = "base64+of/random==0"
    async with served(Access(token)) as (client, url), client.get(entrance(url, token)) as answer:
        assert answer.status == 200
    assert entrance("http://x", None) == "http://x/"


async def test_a_replica_that_waits_says_so_and_has_the_browser_ask_again() -> None:
    async with (
        serving(lambda: {}, Access(None), "127.0.0.1", 0, standby=lambda: True) as listening,
        aiohttp.ClientSession() as client,
        client.get(listening.url) as answer,
    ):
        assert (answer.status, answer.headers["Refresh"], answer.headers["Connection"]) == (503, "2", "close")
        assert "stands by" in await answer.text()
