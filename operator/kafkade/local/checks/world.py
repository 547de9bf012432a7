"""Manifests as a whole: resources, what each of them names, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import Model
from kafkade.api.errors import NotAllowed
from kafkade.api.kinds import KINDS
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant, grant_for, needs_labels
from kafkade.engine.store import cluster_of
from kafkade.local.admission import Path
from kafkade.local.documents import Document
from kafkade.local.manifests import Manifest, Manifests
from kafkade.local.problems import Place, Problem, Rule
from kafkade.schemas.source import Source

S = TypeVar("S", bound=Model)


class World:
    """What files declare. ``partial``: there is more elsewhere, so what is not here may be there.

    Only resources without a problem of their own are in it; those with one are known by name.
    """

    def __init__(self, manifests: Manifests, *, partial: bool = False) -> None:
        self.manifests = manifests
        self.partial = partial
        self.sources: dict[Key, Source | None] = {}
        """Texts of KafkaSchemas with all that they reference, once they were asked for (checks.subjects)."""
        declared = [*manifests.resources.values(), *manifests.runs]
        self.resources: dict[Key, Resource] = {manifest.key: _resource(manifest) for manifest in declared}
        self._specs: dict[Key, Model] = {
            key: KINDS[key.kind].spec.model_validate(resource.spec) for key, resource in self.resources.items()
        }

    def of_kind(self, kind: str) -> Iterator[Key]:
        """Resources of a kind, in the order of the files."""
        return (key for key in self.resources if key.kind == kind)

    def spec(self, key: Key, model: type[S]) -> S:
        """The spec of a resource that is in the world."""
        found = self._specs[key]
        assert isinstance(found, model)  # noqa: S101 -- the key's kind says so
        return found

    def known(self, key: Key) -> bool:
        """Whether some document declares it, with problems or without."""
        return key in self.manifests.documents

    def cluster_of(self, key: Key) -> Key:
        """The KafkaCluster that a resource names."""
        found = cluster_of(self.resources[key])
        assert found is not None  # noqa: S101 -- every kind's type wants a clusterRef
        return found

    def cluster(self, key: Key) -> KafkaClusterSpec | None:
        """The spec of the KafkaCluster that a resource names; None where it is not known."""
        name = self.cluster_of(key)
        return self.spec(name, KafkaClusterSpec) if name in self.resources else None

    def grant(self, key: Key) -> Grant | None:
        """What a resource's namespace may use of its cluster; None where that cannot be known.

        Raises:
            NotAllowed: nothing.
        """
        spec, namespace, labels = self.cluster(key), key.namespace, self._labels(key.namespace)
        if spec is None:
            return None
        try:
            return grant_for(self.cluster_of(key), spec, namespace, labels or {})
        except NotAllowed:
            if labels is None and needs_labels(spec):
                return None  # no file says which labels the namespace has
            raise

    def _labels(self, namespace: str) -> dict[str, str] | None:
        found = self.manifests.namespaces.get(namespace)
        return None if found is None else dict(found)

    def place(self, key: Key, path: Path = (), *, of_key: bool = False) -> Place:
        """Where a field of a resource or a ConfigMap stands; without ``path``: its name."""
        return self.manifests.documents[key].place(path or ("metadata", "name"), of_key=of_key)

    def document(self, key: Key) -> Document:
        """The document of a resource or a ConfigMap."""
        return self.manifests.documents[key]

    def problem(
        self, key: Key, path: Path, message: str, rule: Rule, *, of_key: bool = False, warning: bool = False
    ) -> Problem:
        """Something that is wrong with a resource."""
        return Problem(self.place(key, path, of_key=of_key), message, rule, key, warning)


def _resource(manifest: Manifest) -> Resource:
    return Resource(
        key=manifest.key,
        uid=str(manifest.key),
        generation=1,
        resource_version="",
        created="",
        deleted=None,
        finalizers=(),
        labels=manifest.labels,
        annotations=manifest.annotations,
        spec=manifest.spec,
        status={},
    )
