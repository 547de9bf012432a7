"""Kubernetes objects as the running operator left them, kept as files: ``tests/fixtures/gitops/<kind>/<state>.yaml``.

``tests/integration/operator/test_gitops.py`` records them anew and holds their shape against the files; with
``KAFKADE_RECORD=1`` in the environment it writes the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "fixtures" / "gitops"

Object = dict[str, Any]
Name = tuple[str, str]
"""Kind and state."""

_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-01-01T00:00:00Z"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "00000000-0000-0000-0000-000000000000"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:9092"),
    (re.compile(r'"port": \d+'), '"port": 9092'),
    (re.compile(r'"resourceVersion": "\d+"'), '"resourceVersion": "1"'),
)
"""What is another at each recording, and what stands in its place."""
_IDS = re.compile(r'(?<=")[A-Za-z0-9_-]{22}(?=")')
"""Ids of topics and clusters."""


def load() -> dict[Name, Object]:
    """All that are kept."""
    return {(path.parent.name, path.stem): yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*/*.yaml"))}


def write(records: Mapping[Name, Object]) -> None:
    """Keep these and no others."""
    for old in FOLDER.glob("*/*.yaml"):
        old.unlink()
    for (kind, state), found in records.items():
        path = FOLDER / kind / f"{state}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(_settled(found), sort_keys=False, width=120))


def _settled(found: Object) -> Object:
    """Without what is another each time."""
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    text = json.dumps({**found, "metadata": metadata})
    for pattern, put in _CHANGING:
        text = pattern.sub(put, text)
    settled: Object = json.loads(_IDS.sub("A" * 22, text))
    return settled


def shape(found: Mapping[str, Any]) -> Object:
    """What tools can tell it by: which generation was seen, the conditions but for their words, finalizers, fields of status."""
    metadata, status = found["metadata"], found.get("status") or {}
    seen = status.get("observedGeneration")
    return {
        "generation": metadata["generation"],
        "observedGeneration": seen,
        "conditions": {
            c["type"]: (c["status"], c["reason"], c["observedGeneration"]) for c in status.get("conditions") or ()
        },
        "deleted": "deletionTimestamp" in metadata,
        "finalizers": sorted(metadata.get("finalizers") or ()),
        "fields": sorted(status),
        "phase": status.get("phase"),
    }
