"""A look at one binding: what it means, what its Secret is to hold, and what is to be done in Kafka. Nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kafkade.api import ANNOTATION_DELETION_PROTECTION
from kafkade.api.cluster import BindingCredentials
from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context
from kafkade.api.errors import DeletionProtected, KafkadeError, NotSupportedByCluster, UserConflict
from kafkade.api.plan import Plan, Step
from kafkade.bindings.access import (
    AccessFacts,
    AccessPlan,
    Login,
    Record,
    begun,
    login_of,
    new_login,
    plan_access,
    plan_removal,
    principal,
    record_of,
    username_of,
)
from kafkade.bindings.render import Way, render
from kafkade.bindings.steps import DeleteUser, Grant, KeepSecret, Revoke, SetPassword
from kafkade.bindings.wanted import BindingWork, Wanted, wanted
from kafkade.clients.connection import Connection
from kafkade.clients.kafka_access import Acl

_HOSTNAME_CHECK = "ssl.endpoint.identification.algorithm"


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What a look at one binding came to. ``before``: what its Secret holds now, None where there is none."""

    wanted: Wanted | None = None
    data: Mapping[str, str] | None = None
    before: Mapping[str, bytes] | None = None
    login: Login | None = None
    mechanism: str = ""
    access: AccessPlan = field(default_factory=AccessPlan)
    record: Record | None = None
    """The users as the status is to have them once ``access`` is done."""
    intent: Record | None = None
    """Users that are to be written down before anything else happens."""

    @property
    def writes_secret(self) -> bool:
        """Whether the Secret is not as it should be."""
        return self.data is not None and self.before != {key: text.encode() for key, text in self.data.items()}


def is_managed(connection: Connection) -> bool:
    """Whether services of this cluster get users of their own."""
    return connection.spec.service_bindings.credentials is BindingCredentials.MANAGED


def users_of(work: BindingWork, connection: Connection) -> set[str]:
    """The users that a look at a binding is about."""
    record = record_of(work.resource)
    users = set() if record is None else set(record.users)
    return users | {username_of(work.resource, work.spec)} if is_managed(connection) else users


async def access_facts(batch: Sequence[BindingWork], connection: Connection) -> AccessFacts:
    """What Kafka has of users and ACLs, in two requests for all; none where no binding has or gets a user.

    Raises:
        KafkaError: as everywhere.
    """
    users = sorted({user for work in batch for user in users_of(work, connection)})
    if not users:
        return AccessFacts()
    missing: NotSupportedByCluster | None = None
    acls: frozenset[Acl] = frozenset()
    try:
        acls = await connection.kafka.acls()
    except NotSupportedByCluster as error:
        missing = error  # users that there are can be taken away all the same
    found: dict[str, frozenset[str]] = {}
    for name, answer in (await connection.kafka.scram_users(users)).items():
        if isinstance(answer, KafkadeError):
            raise answer
        found[name] = answer
    return AccessFacts(acls, found, missing)


async def look(
    work: BindingWork, connection: Connection, facts: AccessFacts, context: Context, *, imagined: bool = False
) -> Look:
    """What is to be done for one binding.

    ``imagined``: nothing will be done, so that a new user counts as written down already.

    Raises:
        KafkadeError: see ``wanted.wanted``; SecretConflict; UserConflict; NotSupportedByCluster where a user is to have
            rights and the brokers have no authorizer.
    """
    resource, spec = work.resource, work.spec
    record = record_of(resource)
    if resource.deleted:
        if resource.annotations.get(ANNOTATION_DELETION_PROTECTION) == "true" and record is not None:
            raise DeletionProtected(
                f"users {', '.join(record.users)} stay: the annotation {ANNOTATION_DELETION_PROTECTION} protects them; take it off"
            )
        keep = record is None or spec.management_policy is ManagementPolicy.OBSERVE
        return Look(access=AccessPlan() if keep or record is None else plan_removal(record, facts))
    asked = wanted(work, connection.key, context, lenient=imagined)
    if asked.denied is not None and (record is None or imagined):
        raise asked.denied
    before = await context.own_secret(resource, asked.secret)
    if not is_managed(connection):
        data = render(asked, _way(connection, None))
        gone = AccessPlan() if record is None else plan_removal(record, facts)
        return Look(asked, data, before, access=gone)
    if facts.no_authorizer is not None:
        raise facts.no_authorizer
    mechanism = connection.spec.service_bindings.mechanism
    username = username_of(resource, spec)
    if record is None or record.username != username:
        if record is None or username not in record.users:
            _check_free(username, facts)
        record = begun(record, username, mechanism, context.now())
        if not imagined:
            return Look(asked, before=before, intent=record)
    login = login_of(before, username) or new_login(username)
    data = render(asked, _way(connection, login))
    planned = plan_access(
        *(record, asked, facts, login.id),
        mechanism=mechanism,
        overlap=spec.credentials.overlap,
        now=context.now(),
    )
    previous = tuple(p for p in record.previous if p.username not in planned.retired)
    after = Record(username, mechanism, login.id, previous)
    return Look(asked, data, before, login, mechanism, planned, after)


def _check_free(username: str, facts: AccessFacts) -> None:
    """Whether nobody else has the name of a user that is to be made."""
    way_out = (
        "delete it where it is a left-over (kafka-configs.sh, kafka-acls.sh), raise spec.credentials.generation, or name the"
        " binding otherwise"
    )
    if facts.users.get(username):
        raise UserConflict(f"Kafka has a user {username}, and kafkade did not make it for this binding: {way_out}")
    if acls := facts.allowed_to([username]):
        raise UserConflict(
            f"Kafka has {len(acls)} ACLs of {principal(username)}, and kafkade did not make them for this binding: {way_out}"
        )


def _way(connection: Connection, login: Login | None) -> Way:
    spec, security = connection.spec, connection.kafka.security
    managed = login is not None
    own = None if security.sasl is None else security.sasl.mechanism
    registry = spec.schema_registry
    return Way(
        cluster=connection.key,
        bootstrap=spec.service_bindings.bootstrap_servers or spec.bootstrap_servers,
        protocol=("SASL_PLAINTEXT" if spec.tls is None else "SASL_SSL") if managed else security.protocol,
        mechanism=spec.service_bindings.mechanism if managed else own,
        ca=None if security.tls is None else security.tls.ca_pem,
        check_hostname=spec.client_config.get(_HOSTNAME_CHECK) != "none",
        login=login,
        registry_urls=() if registry is None else tuple(registry.urls),
        registry_ca=connection.registry_ca,
        registry_login=connection.service_registry,
    )


def as_plan(looked: Look, users: Mapping[str, Collection[str]]) -> Plan:
    """A look as steps, in the order in which they are taken. ``users``: mechanisms of those that there are."""
    steps: list[Step] = []
    if looked.writes_secret and looked.wanted is not None and looked.data is not None:
        steps.append(KeepSecret(looked.wanted.secret, tuple(sorted(looked.data)), looked.before is None))
    steps += [Grant(acl) for acl in sorted(looked.access.create)]
    if looked.access.set_password and looked.login is not None:
        name = looked.login.username
        steps.append(SetPassword(name, looked.mechanism, not users.get(name)))
    steps += [DeleteUser(*gone) for gone in looked.access.deletions if gone[1] in users.get(gone[0], ())]
    steps += [Revoke(acl) for acl in sorted(looked.access.delete)]
    return Plan(tuple(steps))
