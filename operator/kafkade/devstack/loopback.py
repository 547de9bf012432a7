"""HTTP to our own processes, past any proxy that the environment names."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path


def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    ca_file: Path | None = None,
    timeout: float = 5,
) -> bytes:
    """The body of an answer; an ``OSError`` where there is none, or it says no."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca_file is not None:
        context = ssl.create_default_context(cafile=str(ca_file))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 - our own
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as response:
            body: bytes = response.read()
    except HTTPException as error:
        raise OSError(f"{url} answered what is not HTTP: {error}") from error
    return body
