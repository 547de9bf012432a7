"""Metrics of resources for Prometheus: told from the event loop, asked for from threads of their own."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kafkade.api.objects import Key

T = TypeVar("T")


class ResourceMetrics(Collector, Generic[T]):
    """What is known of each resource of a kind, for as long as it is there. What is told must never be changed again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, T] = {}

    @abstractmethod
    def families(self, known: Sequence[tuple[Key, T]]) -> list[Metric]:
        """All families, with samples of what is known."""

    def tell(self, resource: Key, found: T) -> None:
        """What is known of a resource now."""
        with self._lock:
            self._known[resource] = found

    def forget(self, resource: Key) -> None:
        """A resource is gone."""
        with self._lock:
            self._known.pop(resource, None)

    def collect(self) -> Iterable[Metric]:
        """All families with what is known now; Prometheus calls it."""
        with self._lock:
            known = sorted(self._known.items(), key=lambda item: item[0])
        return self.families(known)

    def describe(self) -> Iterable[Metric]:
        """All families without samples."""
        return self.families(())
