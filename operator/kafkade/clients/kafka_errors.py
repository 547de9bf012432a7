"""The brokers' error answers as kafkade's errors.

Codes are the protocol's (https://kafka.apache.org/protocol#protocol_error_codes), which both client libraries carry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    InvalidConfig,
    InvalidSpec,
    KafkadeError,
    KafkaRequestFailed,
    NamingRefused,
    NotEnoughBrokers,
    NotSupportedByCluster,
    TopicAlreadyExists,
    TopicDeletionDisabled,
    UnknownTopic,
)

Make = Callable[[str], KafkadeError]

_BY_CODE: dict[int, tuple[Make, str]] = {
    3: (UnknownTopic, "the brokers do not know it"),
    17: (NamingRefused, "choose another spec.topicName"),
    35: (NotSupportedByCluster, "the brokers are too old for this request"),
    36: (TopicAlreadyExists, ""),
    37: (InvalidSpec, "change spec.partitions"),
    38: (NotEnoughBrokers, "lower the replication factor or bring more brokers up"),
    39: (NotEnoughBrokers, "a broker of the replica assignment is not there"),
    40: (InvalidConfig, "correct that setting"),
    44: (InvalidSpec, "the brokers' policy refuses it: change the spec, or the policy on the brokers"),
    54: (
        NotSupportedByCluster,
        "the brokers have no authorizer: give them one (authorizer.class.name), or set spec.serviceBindings.credentials of the"
        " KafkaCluster to None",
    ),
    73: (TopicDeletionDisabled, "set delete.topic.enable=true on the brokers, or spec.deletionPolicy to Retain"),
    100: (UnknownTopic, "the brokers do not know its id"),
}
"""Code -> error class and the way out, which is appended to the broker's own text."""

_TOPIC_DENIED, _GROUP_DENIED, _CLUSTER_DENIED = 29, 30, 31
_DENIED = frozenset({_TOPIC_DENIED, _GROUP_DENIED, _CLUSTER_DENIED})

_LOGIN = frozenset({33, 34, 58})
"""UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE, SASL_AUTHENTICATION_FAILED."""

COORDINATOR_AWAY = (14, 15, 16)
"""COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: another moment, another answer."""

LEADER_AWAY = (5, 6, 74, 75, 78)
"""LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, OFFSET_NOT_AVAILABLE (KIP-207): likewise,
of a partition; a broker answers so when it has just started."""

_INVALID_REQUEST = 42
"""Answered to a setting that cannot be changed while the broker runs."""


@dataclass(frozen=True, slots=True)
class Action:
    """What was asked of a broker: for messages. ``acl``: the operation that the principal must be granted."""

    verb: str
    """Goes before the resource: ``read the settings of``."""
    kind: str
    acl: str

    def of(self, name: str) -> str:
        """``topic orders``; the cluster has no name."""
        return f"{self.kind} {name}".rstrip()


def answer_error(action: Action, name: str, code: int, text: str, principal: str) -> KafkadeError:
    """A broker's error answer for one resource. ``text`` is the broker's own message."""
    target, text = action.of(name), text.strip().removeprefix("Broker: ").rstrip(".")
    if code in _DENIED:
        where = "the cluster" if code == _CLUSTER_DENIED else target
        return AuthorizationFailed(
            f"{target}: {principal} may not {action.verb} {target}: grant it {action.acl} on {where} (a Kafka ACL)"
        )
    if code in _LOGIN:
        return AuthenticationFailed(f"the brokers refused the login of {principal}: {text}")
    if code == _INVALID_REQUEST and action.acl == "AlterConfigs":
        return InvalidConfig(f"{target}: {text}")
    make, hint = _BY_CODE.get(code, (KafkaRequestFailed, ""))
    detail = f"{text}; {hint}" if hint and text and text.lower() != hint else text or hint
    return make(f"{target}: {detail}")
