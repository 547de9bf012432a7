"""The real stack on a machine without Docker: Kafka, a schema registry, a Kubernetes API.

For tests and demos. Everything comes from package registries (PyPI, Maven Central, Go modules),
is verified by committed checksums, is made once into a cache, and runs on loopback only. Nothing
of it is used by the operator, and nothing of the operator is used here.

    with Kafka("4.1.1") as kafka, Registry() as registry, ControlPlane(audit=True) as cluster:
        ...
"""

from .errors import DevStackError
from .kafka import Kafka
from .kind import KindCluster, choose_cluster
from .kubernetes import ControlPlane
from .registry import Registry
from .stack import Stack

__all__ = [
    "ControlPlane",
    "DevStackError",
    "Kafka",
    "KindCluster",
    "Registry",
    "Stack",
    "choose_cluster",
]
