"""Requests to the pages: who may see them is decided from what a browser, or something else, sent."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from yarl import URL

from fuzz.files import _file
from fuzz.target import Target, parts
from kafkade.api.errors import InvalidSpec
from kafkade.ui.access import Access, guarded, token_of

_TOKEN = "right-" + "x" * 20


def access(data: bytes) -> None:
    """A request: answered only to who has the token and calls the server by its name; else 401, 405, 421, or 303 to this server.

    The parts: the method; the path with its query; a header a line.
    """
    method, path, lines = (part.decode("latin-1") for part in parts(data, 3))
    headers = CIMultiDict(
        (name.strip(), value.strip())
        for name, there, value in (line.partition(":") for line in lines.split("\n"))
        if there
    )
    if any(char <= " " or char == "\x7f" for char in path):
        return  # no request line has these
    try:
        URL(path)
        request = make_mocked_request(method or "GET", path if path.startswith("/") else "/" + path, headers=headers)
        request.rel_url.query  # noqa: B018
    except ValueError:
        return  # aiohttp answers 400 before anybody is asked
    seen = []

    async def handler(asked: web.Request) -> web.StreamResponse:
        seen.append(asked)
        return web.Response(text="secret")

    def refuse(_: web.Request, status: int, title: str, what: str) -> web.Response:
        return web.Response(status=status, text=f"{title}. {what}")

    guard = guarded(Access.at("127.0.0.1", _TOKEN, ("kafka.example",)), refuse, "/static/")
    with asyncio.Runner() as runner:
        response = runner.run(guard(request, handler))
    if response.status == 303:
        assert _TOKEN in path
        target = urlsplit(response.headers["Location"])
        assert not target.scheme
        assert not target.netloc
        assert "\n" not in response.headers["Location"]
        assert "\\" not in response.headers["Location"]
        assert f"token={_TOKEN}" not in response.headers["Location"]
    elif seen:
        assert response.status == 200
        assert _TOKEN in lines or path.lstrip("/").startswith("static/")
    else:
        assert response.status in (401, 405, 421)
        assert "Set-Cookie" not in response.headers


def token(data: bytes) -> None:
    """The file with the token: one of 16 to 512 characters that a cookie can have, or InvalidSpec that names the file."""
    path = _file("token", data)
    try:
        found = token_of(path)
    except InvalidSpec as error:
        assert path.name in error.message  # noqa: PT017
        return
    assert 16 <= len(found) <= 512
    assert found.isascii()
    assert found.isprintable()


TARGETS = (
    Target(
        "access",
        access,
        (
            *(b"\n%%\n", b"GET", b"POST", b"HEAD", b"token=", _TOKEN.encode(), b"Host: 127.0.0.1:8080\n", b"Host: kafka.example\n"),
            *(b"Host: evil.example\n", b"Cookie: kafkade-ui=", b"Cookie: kafkade-ui-8080=", b"Authorization: Bearer ", b"//", b"\\"),
            *(b"%2f", b"%5c", b"/static/", b"..", b"?", b"&", b"#", b"@", b"[::1]:8080", b"localhost", b"%0d%0a"),
        ),
        longest=1024,
    ),
    Target("token", token, (_TOKEN.encode(), b" ", b"\n", b"~", b"\0", b"\xff"), longest=1024),
)  # fmt: skip
