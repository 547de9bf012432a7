"""ACLs and SCRAM users as values, and the same in the words of confluent_kafka. Passwords are in no ``repr``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluent_kafka import admin as ck

ITERATIONS = 4096
"""Of SCRAM: the least that brokers take (KIP-84). More would only slow down the guessing of passwords that people chose."""

_KINDS = {
    "topic": ck.ResourceType.TOPIC,
    "group": ck.ResourceType.GROUP,
    "cluster": ck.ResourceType.BROKER,
    "transactional id": ck.ResourceType.TRANSACTIONAL_ID,
}
_KIND_NAMES = {kind: name for name, kind in _KINDS.items()}
_OPERATIONS = {
    operation.name.replace("_", " ").title().replace(" ", ""): operation
    for operation in ck.AclOperation
    if operation not in (ck.AclOperation.UNKNOWN, ck.AclOperation.ANY)
}
_OPERATION_NAMES = {operation: name for name, operation in _OPERATIONS.items()}
_MECHANISMS = {
    "SCRAM-SHA-256": ck.ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ck.ScramMechanism.SCRAM_SHA_512,
}
_MECHANISM_NAMES = {mechanism: name for name, mechanism in _MECHANISMS.items()}


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One ACL. ``kind``: topic, group, cluster or transactional id; ``operation``: Read, Write, Describe and so on."""

    principal: str
    kind: str
    name: str
    prefixed: bool
    operation: str
    host: str = "*"
    allowed: bool = True

    def __str__(self) -> str:
        verb = "may" if self.allowed else "may not"
        return f"{self.principal} {verb} {self.operation} {self.kind} {self.name}{'*' if self.prefixed else ''}"


@dataclass(frozen=True, slots=True, repr=False)
class ScramPassword:
    """A user's new password for one mechanism."""

    user: str
    mechanism: str
    password: str

    def __repr__(self) -> str:
        return f"ScramPassword({self.user!r}, {self.mechanism})"


def any_acl() -> Any:
    """The filter that every ACL passes."""
    return _filter(None, ck.AclPermissionType.ANY)


def allowed_to(principal: str) -> Any:
    """The filter that all pass that allow something to this very principal."""
    return _filter(principal, ck.AclPermissionType.ALLOW)


def _filter(principal: str | None, permission: ck.AclPermissionType) -> Any:
    """Any operation on any resource from any host; None: of any principal."""
    return ck.AclBindingFilter(
        ck.ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name
        ck.ResourcePatternType.ANY,
        principal,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        ck.AclOperation.ANY,
        permission,
    )


def read_acls(found: list[Any]) -> frozenset[Acl]:
    """What a broker answered; ACLs on what this client does not know (delegation tokens, users) are left out."""
    return frozenset(
        Acl(
            principal=acl.principal,
            kind=_KIND_NAMES[acl.restype],
            name=acl.name,
            prefixed=acl.resource_pattern_type is ck.ResourcePatternType.PREFIXED,
            operation=_OPERATION_NAMES[acl.operation],
            host=acl.host,
            allowed=acl.permission_type is ck.AclPermissionType.ALLOW,
        )
        for acl in found
        if acl.restype in _KIND_NAMES and acl.operation in _OPERATION_NAMES
    )


def binding(acl: Acl) -> Any:
    """An ACL to be made."""
    return ck.AclBinding(*_parts(acl))


def exactly(acl: Acl) -> Any:
    """The filter that this one ACL passes and no other."""
    return ck.AclBindingFilter(*_parts(acl))


def _parts(acl: Acl) -> tuple[Any, ...]:
    return (
        _KINDS[acl.kind],
        acl.name,
        ck.ResourcePatternType.PREFIXED if acl.prefixed else ck.ResourcePatternType.LITERAL,
        acl.principal,
        acl.host,
        _OPERATIONS[acl.operation],
        ck.AclPermissionType.ALLOW if acl.allowed else ck.AclPermissionType.DENY,
    )


def mechanisms(found: Any) -> frozenset[str]:
    """The mechanisms that a user has a password for."""
    return frozenset(
        _MECHANISM_NAMES[info.mechanism] for info in found.scram_credential_infos if info.mechanism in _MECHANISM_NAMES
    )


def upsertion(new: ScramPassword) -> Any:
    """A password to be set. The client draws the salt."""
    info = ck.ScramCredentialInfo(_MECHANISMS[new.mechanism], ITERATIONS)
    return ck.UserScramCredentialUpsertion(new.user, info, new.password.encode())


def deletion(user: str, mechanism: str) -> Any:
    """A password to be taken away."""
    return ck.UserScramCredentialDeletion(user, _MECHANISMS[mechanism])
