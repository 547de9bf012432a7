"""What pages share when they ask a cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kafkade.api.errors import ClusterNotReady, KafkadeError, NotSupportedByCluster
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.registry import RegistryClient
from kafkade.ui.clusters import Cluster
from kafkade.ui.markup import Content


class Missing(KafkadeError):
    """What a page is to be about is not there, or may not be seen."""

    reason = "NotFound"
    retryable = False


Query = Mapping[str, str]
"""The parameters of an address."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page's title and content. ``up``: a link to the list that it is of."""

    title: str
    body: Content
    up: Content = None


Show = Callable[[Cluster, Query], Awaitable[Page]]
"""Makes a page; raises KafkadeError where it cannot be had, which is a page too."""


def kafka_of(cluster: Cluster) -> KafkaAdmin:
    """The connection.

    Raises:
        KafkadeError: why there is none.
    """
    if cluster.kafka is None:
        raise cluster.trouble or ClusterNotReady(f"{cluster.title} is not connected yet")
    return cluster.kafka


def registry_of(cluster: Cluster) -> RegistryClient:
    """The registry.

    Raises:
        KafkadeError: why there is none.
    """
    if cluster.registry is None:
        raise cluster.trouble or NotSupportedByCluster(
            f"{cluster.title} has no schema registry: kafkade ui --registry URL"
        )
    return cluster.registry
