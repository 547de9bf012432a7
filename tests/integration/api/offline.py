"""The same verdicts without an API server: what `kafkade validate` would say."""

from __future__ import annotations

import json
from typing import Any

from kafkade.api import API_VERSION
from kafkade.local.documents import documents_of
from kafkade.local.manifests import manifests_of

_NAMESPACE = "api-types"


def problems(kind: str, spec: Any, name: str = "case", **metadata: Any) -> list[str]:
    """What is wrong with one resource; nothing where it may be created."""
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    text = json.dumps(body).encode()
    return [problem.message for problem in manifests_of(*documents_of([("case.json", text)]), _NAMESPACE).problems]
