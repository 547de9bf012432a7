"""Namespaces, read only when a rule needs them: labels for allowedNamespaces selectors, and whether one is going away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kafkade.api.errors import ApiForbidden, ApiNotFound, NotAllowed
from kafkade.clients.kube_api import KubeApi

FRESH = 30.0
"""Seconds that an answer is taken for true, for labels."""

DELETION_FRESH = 2.0
"""The same for whether a namespace is being deleted, which is asked only of resources in deletion."""


class Namespaces:
    """A small cache over GET namespaces."""

    def __init__(self, kube: KubeApi) -> None:
        self._kube = kube
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def labels(self, name: str) -> Mapping[str, str]:
        """The namespace's labels. Raises NotAllowed when the operator may not read namespaces."""
        try:
            body = await self._get(name)
        except ApiForbidden as error:
            raise NotAllowed(
                f"allowedNamespaces has a selector, and this operator may not read namespaces to see the labels of {name};"
                " name the namespace instead, or install the operator cluster-wide"
            ) from error
        return body.get("metadata", {}).get("labels") or {}

    def known_labels(self, name: str) -> Mapping[str, str]:
        """The labels last read; empty for a namespace that was never asked for."""
        known = self._known.get(name)
        return (known[1].get("metadata", {}).get("labels") or {}) if known else {}

    async def terminating(self, name: str) -> bool:
        """Whether the namespace is being deleted; False when the operator may not read namespaces."""
        try:
            body = await self._get(name, DELETION_FRESH)
        except ApiForbidden:
            return False
        return bool(body.get("metadata", {}).get("deletionTimestamp"))

    async def _get(self, name: str, fresh: float = FRESH) -> Mapping[str, Any]:
        known = self._known.get(name)
        if known is not None and time.monotonic() - known[0] < fresh:
            return known[1]
        try:
            body = await self._kube.get_namespace(name)
        except ApiNotFound:
            body = {}
        self._known[name] = (time.monotonic(), body)
        if len(self._known) > 1000:
            self._known.pop(next(iter(self._known)))
        return body
