"""Services that use what the operator declares: publishing, transactions, listeners, by nothing but the service's binding.

Own code on confluent-kafka, since neither of the two frameworks that were tried carries exactly-once listeners with dead-letter
policies on today's confluent-kafka (2.16): Quix Streams 3.28 asks for confluent-kafka below 2.13, and FastStream 0.7 never sends
offsets to a transaction, does not wait for records in work when partitions are revoked, and has a thread's hop for each record.
Nothing of the operator (kopf, Kubernetes) is imported. Schemas need ``pip install 'kafkade[service]'``.
"""

from __future__ import annotations

from kafkade.service.binding import Binding
from kafkade.service.errors import (
    BindingError,
    DeserializationException,
    ListenerStopped,
    PolicyError,
    ProcessingException,
    PublishFailed,
    SchemasUnavailable,
    SerializationException,
    ServiceError,
    TransactionAborted,
    TransactionInDoubt,
)
from kafkade.service.metadata import Metadata
from kafkade.service.publisher import Delivered
from kafkade.service.service import Service

__all__ = [
    "Binding",
    "BindingError",
    "Delivered",
    "DeserializationException",
    "ListenerStopped",
    "Metadata",
    "PolicyError",
    "ProcessingException",
    "PublishFailed",
    "SchemasUnavailable",
    "SerializationException",
    "Service",
    "ServiceError",
    "TransactionAborted",
    "TransactionInDoubt",
]
