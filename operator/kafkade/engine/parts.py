"""What a look at resources needs: the engine wires it, and so does whoever only wants to know what the engine would do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from kafkade.api.objects import Key, Resource
from kafkade.clients.kube_api import KubeApi
from kafkade.engine.connections import AccessOf, Connections
from kafkade.engine.gates import Gates
from kafkade.engine.members import indexers
from kafkade.engine.namespaces import Namespaces
from kafkade.engine.ownership import Ownership
from kafkade.engine.references import References
from kafkade.engine.store import Store
from kafkade.engine.takings import Takings
from kafkade.engine.view import View


def now() -> str:
    """RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Parts:
    """The store, and what looks at it.

    ``wake``: told which resources a Secret or ConfigMap concerns that changed. ``seen``: takes what a write answered.
    ``dry``: nothing is changed in Kafka. ``is_listed``: whether all resources that there were at the start are known.
    ``young``: as of Gates.
    """

    def __init__(
        self,
        kube: KubeApi,
        access: AccessOf,
        *,
        wake: Callable[[Iterable[Key]], None],
        seen: Callable[[Resource], None],
        selector: str | None = None,
        dry: bool = False,
        is_listed: Callable[[], bool] = lambda: True,
        young: float = 0.0,
    ) -> None:
        self.kube = kube
        self.references = References(kube, wake)
        self.connections = Connections(self.references, access, dry=dry)
        self.store = Store(indexers(lambda: self.view))
        namespaces = Namespaces(kube)
        self.takings = Takings(kube, self.store, self.connections.cluster_id, seen, is_listed)
        taking = self.takings.may_concern
        self.gates = Gates(self.store, self.connections, namespaces, now, taking, young)
        self.ownership = Ownership(self.store, self.connections, namespaces, taking)
        self.view = View(kube, self.store, self.ownership, self.references, self.takings, now, seen, selector)

    async def close(self) -> None:
        """Close what is open towards clusters and the Kubernetes API."""
        await self.takings.close()
        await self.references.close()
        await self.connections.close()
        await self.kube.close()
