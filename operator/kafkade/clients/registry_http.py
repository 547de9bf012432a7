"""HTTP to a schema registry: JSON requests, several base URLs with failover, foreign errors mapped once."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from kafkade.api.errors import KafkadeError, RegistryRequestFailed, RegistryUnreachable
from kafkade.clients.fence import fenced
from kafkade.clients.reach import REACH
from kafkade.clients.registry_errors import registry_error
from kafkade.clients.registry_model import RegistryAuth
from kafkade.clients.tracing import http_spans

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
ACCEPT = f"{MEDIA_TYPE}, application/vnd.schemaregistry+json, application/json"
_MAX_TEXT = 1500
"""Characters kept of a registry's own error text: Confluent repeats whole schemas in it."""

_MAX_ANSWER = 64 * 2**20
"""Bytes of an answer that are taken, decompressed; the names of 100,000 subjects are some 5 MiB."""

T = TypeVar("T")


def _as_it_is(answer: Any) -> Any:
    return answer


_ELSEWHERE = frozenset({502, 503, 504})
"""Answers of a node, or of what stands before it, that another URL may do better than."""


class RegistryTransport:
    """Sends one request to the first base URL that answers; remembers which one that was.

    The session belongs to the event loop that first used it and is made there. ``timeout`` is in seconds and per attempt;
    where no other URL can be asked, there is a second one, except of a deletion and of a registry that is known to be away.
    At most ``concurrency`` requests are under way at once. Requests that wait for their turn while another one finds no URL
    answering fail with it, so that an outage costs a batch one timeout and not one for each subject. Redirects are not
    followed: they would take credentials along.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        auth: RegistryAuth | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 10,
        concurrency: int = 8,
    ) -> None:
        if not urls:
            raise ValueError("a schema registry needs at least one URL")
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._auth = auth
        self._tls = tls
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None
        self._current = 0
        self._answered: float | None = None
        """When an answer came last, on the event loop's clock."""
        self._outage: tuple[float, str] | None = None
        """When and why no URL answered last, on the event loop's clock."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._urls)})"

    def beside(self, concurrency: int) -> RegistryTransport:
        """Another one to the same registry: its requests wait for none of this one's."""
        return RegistryTransport(
            self._urls, auth=self._auth, tls=self._tls, timeout=self._timeout, concurrency=concurrency
        )

    @property
    def urls(self) -> tuple[str, ...]:
        """Base URLs, without a trailing slash."""
        return self._urls

    @property
    def current(self) -> str:
        """The base URL that answered last."""
        return self._urls[self._current]

    async def close(self) -> None:
        """Close the connections. The transport may be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            headers = {"Accept": ACCEPT}
            if self._auth is not None:
                headers["Authorization"] = self._auth.header
            self._session = aiohttp.ClientSession(
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                connector=aiohttp.TCPConnector(
                    limit=self._concurrency, ssl=self._tls or True, socket_factory=REACH.socket
                ),
                trace_configs=[fenced(), *http_spans("registry")],
            )
        return self._session

    async def call(
        self,
        method: str,
        path: str,
        what: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
        *,
        read: Callable[[Any], T] = _as_it_is,
    ) -> T:
        """What ``read`` makes of the JSON answer of ``method base-URL/path``; ``path`` is percent-encoded already.

        Raises:
            RegistryUnreachable: no URL answered in time, or the answer was 5xx.
            RegistryRequestFailed: the answer is not JSON, or ``read`` does not find in it what it needs.
            NotLeader: it is no GET, and this operator does not hold its Lease.
            KafkadeError: an error answer, as registry_error maps it.
        """
        status, text = await self.raw(method, path, what, params, body)
        if 200 <= status < 300:
            try:
                answer = _json(text) if text else None
            except (ValueError, RecursionError) as error:
                raise RegistryRequestFailed(
                    f"{what}: the answer is not JSON; is the URL that of a Confluent-compatible API"
                    " (for Apicurio with its path /apis/ccompat/v7)?",
                    status,
                ) from error
            try:
                return read(answer)
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
                raise RegistryRequestFailed(
                    f"{what}: the answer is not what a Confluent-compatible API gives; is the URL that of one?", status
                ) from error
        raise _refusal(what, status, text)

    async def raw(
        self,
        method: str,
        path: str,
        what: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
        *,
        base: str | None = None,
    ) -> tuple[int, str]:
        """HTTP status and text of the first URL that answers. ``base`` asks that one URL only.

        Raises:
            RegistryUnreachable: none answered in time.
        """
        entered = asyncio.get_running_loop().time()
        async with self._slots:
            if self._outage is not None and self._outage[0] > entered:
                raise RegistryUnreachable(f"{what}: {self._outage[1]}")
            return await self._first_answer(method, path, what, params, body, base)

    async def _first_answer(
        self, method: str, path: str, what: str, params: Mapping[str, str] | None, body: object, base: str | None
    ) -> tuple[int, str]:
        count, start = len(self._urls), self._current
        order = [base] if base else [self._urls[(start + i) % count] for i in range(count)]
        failures: list[str] = []
        cause: BaseException | None = None
        answer: tuple[int, str] | None = None
        for url in order:
            try:
                answer = await self._asked(
                    method, url + path, params, body, again=len(order) == 1 and method != "DELETE"
                )
            except (aiohttp.ClientError, TimeoutError) as error:
                failures.append(f"{_host(url)}: {_why(error, self._timeout)}")
                cause = error
                continue
            if answer[0] not in _ELSEWHERE:
                if not base:
                    self._current = self._urls.index(url)
                return answer
        if answer is not None:
            return answer
        why = f"the schema registry does not answer ({'; '.join(failures)})"
        self._outage = (asyncio.get_running_loop().time(), why)
        raise RegistryUnreachable(f"{what}: {why}") from cause

    async def _asked(
        self, method: str, url: str, params: Mapping[str, str] | None, body: object, *, again: bool
    ) -> tuple[int, str]:
        """The answer; if there is none, and the registry answered so far, asked for once more (``again``).

        Apicurio (3.3.3) leaves one request in thousands without any, and a plan of a thousand schemas asks for thousands. To
        register the same schema twice changes nothing. A deletion is not repeated without a look: by then it may be of a
        subject that somebody registered anew.
        """
        try:
            return await self._once(method, url, params, body)
        except (TimeoutError, aiohttp.ServerDisconnectedError):
            if not again or self._away:
                raise
            return await self._once(method, url, params, body)

    @property
    def _away(self) -> bool:
        return self._outage is not None and (self._answered is None or self._answered < self._outage[0])

    async def _once(self, method: str, url: str, params: Mapping[str, str] | None, body: object) -> tuple[int, str]:
        target = URL(url, encoded=True)
        if params:
            target = target.with_query(params)
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": MEDIA_TYPE} if data is not None else None
        session = self._open()
        async with session.request(method, target, data=data, headers=headers, allow_redirects=False) as response:
            answer = response.status, await _text(response)
        self._answered = asyncio.get_running_loop().time()
        return answer


_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON's escapes for halves of characters."""


def _json(text: str) -> Any:
    """JSON whose texts can be encoded: half a character is U+FFFD. Raises ValueError, RecursionError."""
    found = json.loads(text)
    return _whole(found) if _HALVES.search(text) else found


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {_whole(name): _whole(item) for name, item in value.items()} if isinstance(value, dict) else value


async def _text(response: aiohttp.ClientResponse) -> str:
    """The answer's text, as far as anything that a registry would say goes.

    Raises:
        aiohttp.ClientPayloadError: there is more.
    """
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _MAX_ANSWER:
            raise aiohttp.ClientPayloadError(f"the answer has more than {_MAX_ANSWER:,} bytes")
    return data.decode("utf-8", "replace")


def _refusal(what: str, status: int, text: str) -> KafkadeError:
    """What is no error of a registry's form is not repeated: it may be of another server, and not for all eyes."""
    code, message = 0, ""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error_code"), int):
        code = answer["error_code"]
        message = str(answer.get("message") or answer.get("detail") or "")
    return registry_error(what, status, code, _shortened(message))


def _shortened(text: str) -> str:
    line = " ".join(text[: 2 * _MAX_TEXT].split())
    return line if len(line) <= _MAX_TEXT and len(text) <= 2 * _MAX_TEXT else line[:_MAX_TEXT] + " …"


def _host(url: str) -> str:
    parsed = URL(url, encoded=True)
    return f"{parsed.host}:{parsed.port}"


def _why(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"TLS: {error.certificate_error}"
    return str(error) or type(error).__name__
