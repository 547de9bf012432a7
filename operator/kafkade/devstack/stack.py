"""Several parts, started side by side and stopped together."""

from __future__ import annotations

import contextlib

from . import parallel
from .kafka import Kafka
from .kind import Cluster
from .part import Part
from .registry import Registry


class Stack(Part):
    """Any of a Kafka cluster, a registry and a Kubernetes cluster.

    If one part does not start, the others are stopped and its error is raised.
    """

    def __init__(
        self,
        *,
        kafka: Kafka | None = None,
        registry: Registry | None = None,
        control_plane: Cluster | None = None,
    ) -> None:
        self.kafka = kafka
        self.registry = registry
        self.control_plane = control_plane

    @property
    def _parts(self) -> list[Kafka | Registry | Cluster]:
        parts: list[Kafka | Registry | Cluster | None] = [self.kafka, self.registry, self.control_plane]
        return [part for part in parts if part is not None]

    def start(self) -> None:
        """Start all parts and wait until each is ready."""
        try:
            parallel.gather(*(part.start for part in self._parts))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all parts, also if one of them does not stop as it should."""
        with contextlib.ExitStack() as stops:
            for part in self._parts:
                stops.callback(part.stop)
