"""Referenced Secrets and ConfigMaps: read once, followed by watches, and whoever asked is woken when they change.

Secrets are watched one by one by field selector, so no Secret that nobody references is ever read. ConfigMaps are watched
a namespace at a time, since many schemas may each have their own; only referenced ones are kept.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from kafkade.api.errors import ApiNotFound, KubernetesError
from kafkade.api.objects import Key
from kafkade.clients.kube_api import KubeApi
from kafkade.engine.store import is_older

log = logging.getLogger("kafkade.references")

Plural = Literal["secrets", "configmaps"]
Name = tuple[Plural, str, str]
Scope = tuple[Plural, str, str | None]


class References:
    """``wake`` is called with the keys of the resources that asked for an object when it changes."""

    def __init__(self, kube: KubeApi, wake: Callable[[Iterable[Key]], None]) -> None:
        self._kube = kube
        self._wake = wake
        self._data: dict[Name, tuple[str, Mapping[str, bytes]] | None] = {}
        self._interested: dict[Name, set[Key]] = defaultdict(set)
        self._watchers: dict[Scope, asyncio.Task[None]] = {}

    async def get(self, plural: Plural, namespace: str, name: str, asker: Key) -> Mapping[str, bytes] | None:
        """The object's data, or None when it does not exist. Raises KubernetesError when it cannot be read."""
        wanted: Name = (plural, namespace, name)
        self._interested[wanted].add(asker)
        if wanted not in self._data:
            try:
                self._data[wanted] = _content(plural, await self._kube.get(plural, namespace, name))
            except ApiNotFound:
                self._data[wanted] = None
            self._follow(wanted)
        found = self._data[wanted]
        return None if found is None else found[1]

    async def read_again(self, plural: Plural, namespace: str, name: str) -> None:
        """Take a known object as it is now, where that is newer than what its watch has told; whoever asked is woken.

        Without an answer nothing changes: the watch goes on.
        """
        wanted: Name = (plural, namespace, name)
        if self._data.get(wanted) is None:
            return
        try:
            content = _content(plural, await self._kube.get(plural, namespace, name))
        except KubernetesError:
            return
        known = self._data.get(wanted)
        if known is not None and is_older(known[0], content[0]):
            self._store(wanted, content)

    def release(self, asker: Key) -> None:
        """Forget a resource that is gone, and the objects that only it asked for."""
        for wanted in [w for w, askers in self._interested.items() if asker in askers]:
            self._interested[wanted].discard(asker)
            if not self._interested[wanted]:
                del self._interested[wanted]
                self._data.pop(wanted, None)
        needed = {_scope(w) for w in self._interested}
        for scope in [s for s in self._watchers if s not in needed]:
            self._watchers.pop(scope).cancel()

    async def close(self) -> None:
        """Stop watching."""
        watchers = list(self._watchers.values())
        self._watchers.clear()
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    def _follow(self, wanted: Name) -> None:
        scope = _scope(wanted)
        if scope not in self._watchers:
            self._watchers[scope] = asyncio.create_task(self._watch(scope), name=f"watch {scope[0]} {scope[1]}")

    async def _watch(self, scope: Scope) -> None:
        plural, namespace, name = scope
        pause = 1.0
        while True:
            try:
                async for what, objects in self._kube.watch(plural, namespace, name):
                    pause = 1.0
                    self._apply(scope, what, objects)
            except KubernetesError as error:
                log.warning("watch of %s in %s: %s; again in %.0f s", plural, namespace, error.message, pause)
            except Exception:
                # a watch that ended for good would leave yesterday's Secret in use: log it whole and go on
                log.exception("watch of %s in %s failed; again in %.0f s", plural, namespace, pause)
            else:
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
            pause = min(pause * 2, 30.0)

    def _apply(self, scope: Scope, what: str, objects: list[Mapping[str, Any]]) -> None:
        plural, namespace, _ = scope
        seen = {(plural, namespace, o["metadata"]["name"]): o for o in objects}
        for wanted in list(self._data):
            if _scope(wanted) != scope or (what != "LIST" and wanted not in seen):
                continue
            body = None if what == "GONE" else seen.get(wanted)
            self._store(wanted, None if body is None else _content(plural, body))

    def _store(self, wanted: Name, content: tuple[str, Mapping[str, bytes]] | None) -> None:
        known = self._data[wanted]
        if content == known or (content and known and content[1] == known[1]):
            return
        self._data[wanted] = content
        self._wake(tuple(self._interested.get(wanted, ())))


def _scope(wanted: Name) -> Scope:
    plural, namespace, name = wanted
    return (plural, namespace, name if plural == "secrets" else None)


def _content(plural: Plural, body: Mapping[str, Any]) -> tuple[str, Mapping[str, bytes]]:
    """resourceVersion and data; a Secret's values are base64, a ConfigMap's are text."""
    data: Mapping[str, str] = body.get("data") or {}
    decode: Callable[[str], bytes] = base64.b64decode if plural == "secrets" else str.encode
    return body["metadata"].get("resourceVersion", ""), {k: decode(v) for k, v in data.items()}
