"""confluent_kafka's clients for threads that may block: made from a Security, silent, and with a cause for their silence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import KafkaError as ForeignError

from kafkade.api.errors import AuthorizationFailed, KafkadeError
from kafkade.clients.kafka_config import Security, librdkafka_config
from kafkade.clients.kafka_errors import Action, answer_error
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.kafka_way import Cause, build_error, is_all_down, way_error

log = logging.getLogger("kafkade.librdkafka")

GROUP_DENIED = 30
"""GROUP_AUTHORIZATION_FAILED."""


class Quiet(logging.Logger):
    """librdkafka's log at DEBUG: what matters of it comes as errors."""

    def log(self, level: int, msg: object, *args: object, **_: Any) -> None:
        """Called by confluent_kafka with the facility, the client's name and the line."""
        log.debug(msg, *args)


class Way:
    """Makes clients of one cluster, and says why it cannot be reached. ``timeout`` in seconds bounds each request."""

    def __init__(self, security: Security, timeout: float) -> None:
        self.security = security
        self.timeout = timeout
        self._cause: Cause | None = None

    def make(self, kind: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
        """A client of confluent_kafka.

        Raises:
            InvalidSpec, TLSFailed: librdkafka refuses the settings.
        """
        config = librdkafka_config(self.security, self.timeout) | {"error_cb": self.because} | dict(settings)
        try:
            return kind(config, logger=Quiet(log.name))
        except KafkaException as error:
            raise build_error(error.args[0]) from error

    def consumer(self, group: str, isolation: str = "read_committed") -> Any:
        """A Consumer that joins no group; ``group`` is only whose offsets it can ask for."""
        settings = {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            # what is read ahead of a partition; the default, 64 MB, is more than an operator's pod should need
            "queued.max.messages.kbytes": 8_192,
            # a full queue is looked at again after so many milliseconds; a second, by default, is many records
            "fetch.queue.backoff.ms": 10,
            # an offset that retention has taken: go on with the oldest record
            "auto.offset.reset": "earliest",
        }
        return self.make(Consumer, settings)

    def failed(self, error: Any, action: Action, name: str) -> KafkadeError:
        """The error to raise for one of librdkafka's."""
        if error.code() < 0:
            return way_error(self._cause or Cause(error.code(), error.str()), self.security, self.timeout)
        if error.code() == GROUP_DENIED:
            where = action.of(name)
            return AuthorizationFailed(
                f"{where}: {self.security.principal} may not {action.verb} {where}: grant it {action.acl} on {where}"
                " (a Kafka ACL)"
            )
        return answer_error(action, name, error.code(), error.str(), self.security.principal)

    def silent(self) -> KafkadeError:
        """The error for brokers that say nothing."""
        return way_error(self._cause, self.security, self.timeout)

    def heard(self) -> None:
        """Older trouble explains nothing any more."""
        self._cause = None

    def because(self, error: ForeignError) -> None:
        """Keep what explains most why nothing comes."""
        if is_all_down(error.code()):
            return
        cause = Cause(error.code(), error.str())
        if self._cause is None or cause.rank >= self._cause.rank:
            self._cause = cause


def record_of(message: Any) -> Record:
    """A consumed message as a Record."""
    return tuple.__new__(
        Record,
        (
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or [],
        ),
    )
