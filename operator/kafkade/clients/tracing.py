"""Spans of requests: of each of a client's methods, of each HTTP request. Only within another span, so that polls make none."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sized
from inspect import iscoroutinefunction
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp

from kafkade.api import tracing
from kafkade.api.tracing import NOTHING, Span

T = TypeVar("T")


def traced(system: str) -> Callable[[type[T]], type[T]]:
    """For a client's class: each call of a public coroutine method is a span, ``<system> <method>``."""

    def decorate(client: type[T]) -> type[T]:
        for name, method in list(vars(client).items()):
            if not name.startswith("_") and name != "close" and iscoroutinefunction(method):
                setattr(client, name, _traced(system, name, method))
        return client

    return decorate


def _traced(system: str, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def call(self: Any, *args: Any, **options: Any) -> Any:
        if tracing.tracer() is None:
            return await method(self, *args, **options)
        attributes: dict[str, tracing.Value] = {"messaging.system": system, "messaging.operation.name": name}
        if args and isinstance(args[0], Sized) and not isinstance(args[0], str):
            attributes["kafkade.batch.size"] = len(args[0])
        with tracing.span(f"{system} {name}", attributes, client=True):
            return await method(self, *args, **options)

    return call


def http_spans(peer: str) -> list[aiohttp.TraceConfig]:
    """For an HTTP session: each request is a span, ``<peer> <method>``, from the request to the answer's headers.

    Empty where nobody traces when the session is made. Of a URL neither credentials nor the query are told.
    """
    if tracing.tracer() is None:
        return []

    async def start(_session: Any, context: SimpleNamespace, params: aiohttp.TraceRequestStartParams) -> None:
        tracer, url = tracing.tracer(), params.url
        attributes: dict[str, tracing.Value] = {
            "http.request.method": params.method,
            "url.full": str(url.with_user(None).with_query(None)),
            "server.address": url.host or "",
            "server.port": url.port or 0,
        }
        made = tracer and tracer.start(f"{peer} {params.method}", attributes, root=False, client=True)
        context.span = made or NOTHING

    async def end(_session: Any, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        span: Span = context.span
        span.note({"http.response.status_code": params.response.status})
        span.end(_Refused(params.response.status) if params.response.status >= 400 else None)

    async def failed(_session: Any, context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams) -> None:
        span: Span = context.span
        span.end(params.exception)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(start)
    config.on_request_end.append(end)
    config.on_request_exception.append(failed)
    return [config]


class _Refused(Exception):
    """An answer that is an error; what it means, the client's own error says."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.reason = str(status)
