"""When Kopf lists a kind anew its watch was interrupted: it then tells of what is there, and never of what went meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aiohttp

from kafkade.api import API_VERSION

_LIST = re.compile(rf"/apis/{re.escape(API_VERSION)}/(?:namespaces/[^/]+/)?[^/]+")


def interruptions(lost: Callable[[], None]) -> aiohttp.TraceConfig:
    """For the session that Kopf lists and watches with: ``lost`` is called when a list that is not the first of its kind
    and namespace has been answered. What is listed after that call has all that went before Kopf's new watch."""
    seen: set[str] = set()

    async def ended(_session: Any, _context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        url = params.url
        # the pages behind the first one are of the moment of the first one
        if params.response.status != 200 or "watch" in url.query or "continue" in url.query:
            return
        if _LIST.fullmatch(url.path) is None:
            return
        if url.path in seen:
            lost()
        seen.add(url.path)

    config = aiohttp.TraceConfig()
    config.on_request_end.append(ended)
    return config
