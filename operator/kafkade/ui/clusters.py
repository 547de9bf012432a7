"""What pages are about: clusters that can be reached, and those that cannot, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.registry import RegistryClient

REQUEST_TIMEOUT = 8.0
"""Seconds that a request to a broker may take: somebody waits for the page."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource of Kubernetes and its Ready condition: ``status`` is True, False or Unknown; None where there is none yet."""

    kind: str
    namespace: str
    name: str
    status: str | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster to show. ``id``: its name in addresses; ``title``: its name for people.

    ``kafka`` is None while there is no connection; ``trouble`` says why, then. ``is_dead_letter``: whether a topic is one of
    dead letters: only of these are records shown. ``declared`` gives its resources; None without Kubernetes.
    """

    id: str
    title: str
    kafka: KafkaAdmin | None
    registry: RegistryClient | None
    is_dead_letter: Callable[[str], bool]
    trouble: KafkadeError | None = None
    declared: Callable[[], Sequence[Declared]] | None = None

    @property
    def path(self) -> str:
        """Where its pages are."""
        return f"/clusters/{quote(self.id, safe='')}"

    def page(self, name: str) -> str:
        """The path of one of its pages; ``name`` is percent-encoded already."""
        return f"{self.path}/{name}"


Clusters = Callable[[], Mapping[str, Cluster]]
"""The clusters there are at this moment, by id."""
