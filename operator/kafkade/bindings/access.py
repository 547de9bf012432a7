"""The users and ACLs of a binding: what there should be, and the steps from what there is. Pure.

A user is ``<namespace>.<name>.<generation>``. A namespace has no dot in its name and a generation neither, so the name says
whose it is. That is not enough to touch one: only users that the binding's own status names are kafkade's, and the status
names one before it is made, after nobody else was found to have it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kafkade.api.binding import KEY_CREDENTIALS_ID, KEY_PASSWORD, KEY_USERNAME, KafkaServiceBindingSpec
from kafkade.api.common import seconds
from kafkade.api.errors import NotSupportedByCluster
from kafkade.api.objects import Resource
from kafkade.bindings.wanted import Wanted
from kafkade.clients.kafka_access import Acl

_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A user with its password. ``id``: drawn with the password, and says nothing of it."""

    username: str
    password: str
    id: str

    def __repr__(self) -> str:
        return f"Login({self.username!r}, {self.id})"

    @property
    def sealed(self) -> str:
        """The Secret's credentials-id: the id, and that it belongs to this password of this user."""
        return f"{self.id}.{_seal(self.username, self.password, self.id)}"


def new_login(username: str) -> Login:
    """A password that nobody guesses."""
    return Login(username, secrets.token_urlsafe(_PASSWORD_BYTES), secrets.token_hex(8))


def login_of(secret: Mapping[str, bytes] | None, username: str) -> Login | None:
    """The login that a Secret holds; None where it has none of this user's, or somebody has changed it by hand."""
    if secret is None:
        return None
    try:
        name, password, sealed = (secret[key].decode() for key in (KEY_USERNAME, KEY_PASSWORD, KEY_CREDENTIALS_ID))
    except (KeyError, UnicodeDecodeError):
        return None
    found = Login(name, password, sealed.partition(".")[0])
    if name != username or not hmac.compare_digest(found.sealed.encode(), sealed.encode()):
        return None
    return found


def _seal(username: str, password: str, id_: str) -> str:
    return hmac.new(password.encode(), f"{username}\0{id_}".encode(), hashlib.sha256).hexdigest()[:16]


def username_of(resource: Resource, spec: KafkaServiceBindingSpec) -> str:
    """The user of the spec's generation."""
    return f"{resource.key.namespace}.{resource.key.name}.{spec.credentials.generation}"


def principal(username: str) -> str:
    """A user as ACLs name it."""
    return f"User:{username}"


@dataclass(frozen=True, slots=True)
class Previous:
    """A user of an earlier generation; ``replaced`` is RFC 3339, UTC."""

    username: str
    replaced: str

    def ends(self, overlap: str) -> datetime:
        """When it is to go."""
        return datetime.fromisoformat(self.replaced) + timedelta(seconds=seconds(overlap))


@dataclass(frozen=True, slots=True)
class Record:
    """The users that are this binding's, as its status has them."""

    username: str
    mechanism: str
    id: str | None = None
    previous: tuple[Previous, ...] = ()

    @property
    def users(self) -> list[str]:
        """All of them."""
        return [self.username, *(p.username for p in self.previous)]

    def as_status(self) -> dict[str, Any]:
        """status.credentials."""
        found: dict[str, Any] = {"username": self.username, "mechanism": self.mechanism}
        if self.id is not None:
            found["id"] = self.id
        if self.previous:
            found["previous"] = [{"username": p.username, "replaced": p.replaced} for p in self.previous]
        return found


def record_of(resource: Resource) -> Record | None:
    """What the status has; a name that this binding cannot have given is not believed, whoever wrote it there."""
    raw = resource.status.get("credentials")
    if not isinstance(raw, Mapping) or not _own(raw.get("username"), resource):
        return None
    previous = tuple(
        Previous(p["username"], p["replaced"]) for p in raw.get("previous") or () if _own(p.get("username"), resource)
    )
    return Record(raw["username"], str(raw.get("mechanism")), raw.get("id"), previous)


def _own(username: object, resource: Resource) -> bool:
    start = f"{resource.key.namespace}.{resource.key.name}."
    return isinstance(username, str) and username.startswith(start) and username[len(start) :].isdecimal()


def begun(record: Record | None, username: str, mechanism: str, now: str) -> Record:
    """The record of a user that is about to be made. The one before works on for a while."""
    if record is None:
        return Record(username, mechanism)
    before = [*record.previous, Previous(record.username, now)]
    return Record(username, mechanism, None, tuple(p for p in before if p.username != username))


def acls_of(wanted: Wanted, username: str) -> frozenset[Acl]:
    """The ACLs of a user: to write, and to read in its groups; with a policy dead letters to write and retry topics to read."""
    who = principal(username)
    found: set[Acl] = set()

    def allow(kind: str, name: str, *operations: str, prefixed: bool = False) -> None:
        found.update(Acl(who, kind, name, prefixed, operation) for operation in operations)

    for topic in wanted.produces:
        allow("topic", topic.name, "Write", "Describe", prefixed=topic.prefixed)
    for topic in wanted.consumes:
        allow("topic", topic.name, "Read", "Describe", prefixed=topic.prefixed)
    for group in wanted.allowed_groups:
        allow("group", group, "Read")
    if wanted.transactional_id_prefix is not None:
        allow("transactional id", wanted.transactional_id_prefix, "Write", "Describe", prefixed=True)
    for entry in wanted.policy.topics if wanted.policy is not None else ():
        allow("topic", entry.dead_letter_topic, "Write", "Describe")
        for retry in entry.retry_topics:
            allow("topic", retry, "Write", "Read", "Describe")
    if wanted.retry_group_prefix is not None:
        allow("group", wanted.retry_group_prefix, "Read", prefixed=True)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """What is to be done in Kafka for one binding. ``set_password``: with the Secret's login."""

    create: frozenset[Acl] = frozenset()
    delete: frozenset[Acl] = frozenset()
    set_password: bool = False
    deletions: tuple[tuple[str, str], ...] = ()
    """User and mechanism."""
    retired: tuple[str, ...] = ()
    """Users that are gone once this is done."""

    @property
    def empty(self) -> bool:
        """Whether everything is as declared."""
        return not (self.create or self.delete or self.set_password or self.deletions)


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What Kafka has: all ACLs, and mechanisms by user, for the users that were asked for.

    ``no_authorizer``: why there are no ACLs at all.
    """

    acls: frozenset[Acl] = frozenset()
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    no_authorizer: NotSupportedByCluster | None = None

    def allowed_to(self, usernames: Iterable[str]) -> frozenset[Acl]:
        """What users are allowed by ACLs of their own. What they are denied is not kafkade's, and stays."""
        who = {principal(name) for name in usernames}
        return frozenset(acl for acl in self.acls if acl.principal in who and acl.allowed)


def plan_access(
    record: Record, wanted: Wanted, facts: AccessFacts, login_id: str, *, mechanism: str, overlap: str, now: str
) -> AccessPlan:
    """The steps for a binding whose users are ``record``'s. ``login_id``: of the password that is in the Secret now."""
    fresh = record.id != login_id or record.mechanism != mechanism
    there = facts.users.get(record.username, frozenset())
    # the one before goes only when this one was seen to work: its password is in Kafka
    over = [p for p in record.previous if p.ends(overlap) <= datetime.fromisoformat(now)] if not fresh else []
    retired = tuple(p.username for p in over)
    living = [name for name in record.users if name not in retired]
    target = frozenset(acl for name in living for acl in acls_of(wanted, name))
    found = facts.allowed_to(record.users)
    deletions = [(name, m) for name in retired for m in sorted(facts.users.get(name, ()))]
    deletions += [(record.username, m) for m in sorted(there - {mechanism})] if not fresh else []
    return AccessPlan(
        create=target - found,
        delete=found - target,
        set_password=fresh or mechanism not in there,
        deletions=tuple(deletions),
        retired=retired,
    )


def plan_removal(record: Record, facts: AccessFacts) -> AccessPlan:
    """The steps that take a binding's users away with all that they are allowed.

    A broker may not have heard yet of a user that was made a moment ago through another one: its password is deleted, seen or
    not. Never one of a mechanism more than there is, since brokers refuse all changes of a user then.
    """
    users = record.users
    deletions = tuple((name, m) for name in users for m in sorted(facts.users.get(name, ()) or {record.mechanism}))
    return AccessPlan(delete=facts.allowed_to(users), deletions=deletions, retired=tuple(users))
