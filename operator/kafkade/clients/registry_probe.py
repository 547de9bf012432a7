"""Which registry software answers. Each kind is known by an answer that only it gives, never by what it lacks.

- Confluent: GET /v1/metadata/id answers ``{"id": …, "scope": {…, "clusters": {…}}}`` (ServerMetadataResource,
  ServerClusterId).
- Apicurio: GET /system/info of its own API, beside the compatibility API, names it "Apicurio Registry (…)"; where a
  proxy lets only the compatibility API through, GET /contexts answers the fixed ``[":.:"]`` (Confluent: ``["."]``).
- Karapace: GET /_health answers ``karapace_version`` (api/routers/health.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

from kafkade.api.errors import RegistryUnreachable
from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_model import RegistryProbe

_CCOMPAT = re.compile(r"/apis/ccompat/v[0-9]+$")


async def probe(transport: RegistryTransport) -> RegistryProbe:
    """Ask the first URL that answers. Never raises a registry's error: it becomes the probe's ``message``."""
    try:
        status, text = await transport.raw("GET", "/v1/metadata/id", "detect the registry")
        if _is_confluent(status, text):
            return RegistryProbe("Confluent", True)
        base = transport.current
        if await _is_apicurio(transport, base):
            return RegistryProbe("Apicurio", True)
        status, text = await transport.raw("GET", "/_health", "detect the registry", base=base)
        if isinstance(_object(text).get("karapace_version"), str):
            return RegistryProbe("Karapace", True)
        return await _unknown(transport, base)
    except RegistryUnreachable as error:
        return RegistryProbe("Unknown", False, error.message)


def _object(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_confluent(status: int, text: str) -> bool:
    scope = _object(text).get("scope")
    return status == 200 and isinstance(scope, dict) and "clusters" in scope


async def _is_apicurio(transport: RegistryTransport, base: str) -> bool:
    if _CCOMPAT.search(base):
        root = _CCOMPAT.sub("", base)
        for version in ("v3", "v2"):
            path = f"/apis/registry/{version}/system/info"
            status, text = await transport.raw("GET", path, "detect the registry", base=root)
            if status == 200 and str(_object(text).get("name", "")).startswith("Apicurio Registry"):
                return True
    status, text = await transport.raw("GET", "/contexts", "detect the registry", base=base)
    return status == 200 and text.strip() == '[":.:"]'


async def _unknown(transport: RegistryTransport, base: str) -> RegistryProbe:
    """No mark of a kind: tell a registry that speaks the API from a wrong URL or wrong credentials."""
    status, text = await transport.raw("GET", "/schemas/types", "detect the registry", base=base)
    if status in (401, 403):
        return RegistryProbe("Unknown", False, f"the registry answers HTTP {status}: check its credentials")
    if status == 200 and text.lstrip().startswith("["):
        return RegistryProbe("Unknown", True, "answers as a schema registry, of a kind that kafkade does not know")
    message = f"GET /schemas/types answers HTTP {status}: is the URL that of a schema registry?"
    return RegistryProbe("Unknown", False, message)
