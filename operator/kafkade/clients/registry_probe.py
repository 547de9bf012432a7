"""Which registry software answers. Each kind is known by an answer that only it gives, never by what it lacks.

- Apicurio: GET /contexts answers the fixed ``[":.:"]`` (Confluent: ``["."]``), or GET /system/info of its own API, beside
  the compatibility API, names it "Apicurio Registry (…)". It is asked first: 3.3.3 leaves about one in 700 requests for a
  path that it does not have without any answer, so it must not be asked for the others' paths.
- Confluent: GET /v1/metadata/id answers ``{"id": …, "scope": {…, "clusters": {…}}}`` (ServerMetadataResource,
  ServerClusterId).
- Karapace: GET /_health answers ``karapace_version`` (api/routers/health.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

from kafkade.api.errors import RegistryUnreachable
from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_model import RegistryProbe

_WHAT = "detect the registry"
_CCOMPAT = re.compile(r"/apis/ccompat/v[0-9]+$")


async def probe(transport: RegistryTransport) -> RegistryProbe:
    """Ask the first URL that answers. Never raises a registry's error: it becomes the probe's ``message``."""
    try:
        status, text = await transport.raw("GET", "/contexts", _WHAT)
        base = transport.current
        if (status == 200 and text.strip() == '[":.:"]') or await _is_apicurio(transport, base):
            return RegistryProbe("Apicurio", True)
        status, text = await transport.raw("GET", "/v1/metadata/id", _WHAT, base=base)
        if _is_confluent(status, text):
            return RegistryProbe("Confluent", True)
        status, text = await transport.raw("GET", "/_health", _WHAT, base=base)
        if isinstance(_object(text).get("karapace_version"), str):
            return RegistryProbe("Karapace", True)
        return await _unknown(transport, base)
    except RegistryUnreachable as error:
        return RegistryProbe("Unknown", False, error.message)


def _object(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_confluent(status: int, text: str) -> bool:
    scope = _object(text).get("scope")
    return status == 200 and isinstance(scope, dict) and "clusters" in scope


async def _is_apicurio(transport: RegistryTransport, base: str) -> bool:
    """Ask Apicurio's own API, where the URL says where that would be."""
    if not _CCOMPAT.search(base):
        return False
    root = _CCOMPAT.sub("", base)
    for version in ("v3", "v2"):
        status, text = await transport.raw("GET", f"/apis/registry/{version}/system/info", _WHAT, base=root)
        if status == 200 and str(_object(text).get("name", "")).startswith("Apicurio Registry"):
            return True
    return False


async def _unknown(transport: RegistryTransport, base: str) -> RegistryProbe:
    """No mark of a kind: tell a registry that speaks the API from a wrong URL or wrong credentials."""
    status, text = await transport.raw("GET", "/schemas/types", _WHAT, base=base)
    if status in (401, 403):
        return RegistryProbe("Unknown", False, f"the registry answers HTTP {status}: check its credentials")
    if status == 200 and text.lstrip().startswith("["):
        return RegistryProbe("Unknown", True, "answers as a schema registry, of a kind that kafkade does not know")
    message = f"GET /schemas/types answers HTTP {status}: is the URL that of a schema registry?"
    return RegistryProbe("Unknown", False, message)
