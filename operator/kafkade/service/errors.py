"""What can go wrong in a service.

Names that end in Exception are those that routes of a KafkaDLQPolicy name, the same for services in Java and in Python.
"""

from __future__ import annotations

from kafkade.api.errors import KafkadeError


class ServiceError(KafkadeError):
    """Base of the errors of ``kafkade.service``. The message says what was wrong, where, and what to do."""

    reason = "ServiceError"


class BindingError(ServiceError):
    """The files of the service binding are missing, incomplete or contradict each other."""

    reason = "InvalidBinding"
    retryable = False


class PolicyError(ServiceError):
    """The mounted policy.json is missing or not a policy."""

    reason = "InvalidPolicy"
    retryable = False


class DeserializationException(ServiceError):
    """A record cannot be read as an event of the listener's type; trying again does not help."""

    reason = "DeserializationFailed"
    retryable = False


class SerializationException(ServiceError):
    """An event cannot be written in its topic's schema."""

    reason = "SerializationFailed"
    retryable = False


class ProcessingException(ServiceError):
    """For handlers to raise: a record could not be processed. Nothing in kafkade raises it."""

    reason = "ProcessingFailed"


class SchemasUnavailable(ServiceError):
    """The schema registry does not answer. A listener waits for it: that is no failure of a record."""

    reason = "RegistryUnreachable"


class PublishFailed(ServiceError):
    """A record was not acknowledged by the brokers."""

    reason = "PublishFailed"


class TransactionAborted(ServiceError):
    """Nothing of the transaction is visible; it can be tried again."""

    reason = "TransactionAborted"


class TransactionInDoubt(ServiceError):
    """No broker answered the commit for a minute: all of the transaction is visible, or nothing. Look before it is tried again."""

    reason = "TransactionInDoubt"
    retryable = False


class ListenerStopped(ServiceError):
    """A listener ended with a record that it could not process, whose offset is not committed."""

    reason = "ListenerStopped"
    retryable = False
