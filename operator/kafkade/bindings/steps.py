"""The steps of a binding's plan, for people to read before they are taken."""

from __future__ import annotations

from dataclasses import dataclass

from kafkade.api.plan import Step
from kafkade.clients.kafka_access import Acl


@dataclass(frozen=True, slots=True)
class KeepSecret(Step):
    """Write the Secret; ``keys``: those that it will hold."""

    name: str
    keys: tuple[str, ...]
    new: bool

    @property
    def verb(self) -> str:
        return "create" if self.new else "set"

    @property
    def change(self) -> str:
        return f"Secret {self.name}: {len(self.keys)} keys"


@dataclass(frozen=True, slots=True)
class SetPassword(Step):
    """Make a SCRAM user, or give it the password of the Secret."""

    username: str
    mechanism: str
    new: bool

    @property
    def verb(self) -> str:
        return "create" if self.new else "set"

    @property
    def change(self) -> str:
        return f"SCRAM user {self.username}: password ({self.mechanism})"


@dataclass(frozen=True, slots=True)
class DeleteUser(Step):
    """Take a SCRAM user's password away."""

    username: str
    mechanism: str

    @property
    def verb(self) -> str:
        return "delete"

    @property
    def change(self) -> str:
        return f"SCRAM user {self.username} ({self.mechanism})"

    @property
    def destructive(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Grant(Step):
    """Add an ACL."""

    acl: Acl

    @property
    def verb(self) -> str:
        return "create"

    @property
    def change(self) -> str:
        return f"ACL: {self.acl}"


@dataclass(frozen=True, slots=True)
class Revoke(Step):
    """Delete an ACL."""

    acl: Acl

    @property
    def verb(self) -> str:
        return "delete"

    @property
    def change(self) -> str:
        return f"ACL: {self.acl}"
