"""A registry, asked past the operator."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

TRIES = 4
_HEADERS = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


def ask(url: str, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Status and answer, of a refusal its text.

    Only for what may be asked twice: Apicurio 3.3.3 leaves a request unanswered now and then.
    """
    place = urlsplit(url)
    content = None if body is None else json.dumps(body)
    for _ in range(TRIES):
        with closing(HTTPConnection(str(place.hostname), place.port, timeout=5)) as connection:
            try:
                connection.request(method, place.path + path, content, _HEADERS)
                answer = connection.getresponse()
                text = answer.read()
            except (TimeoutError, RemoteDisconnected):
                continue
        return answer.status, json.loads(text) if answer.status < 300 else text.decode()
    raise AssertionError(f"the registry does not answer {method} {path}")


def found(url: str, path: str) -> Any:
    """What a registry has there; None where there is nothing."""
    status, answer = ask(url, path)
    assert status in (200, 404), f"{path}: {status} {answer}"
    return answer if status == 200 else None
