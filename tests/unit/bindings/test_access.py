"""Which users and ACLs a binding has, and what is done to get there."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.binding import KEY_CREDENTIALS_ID, KEY_PASSWORD, KEY_USERNAME
from kafkade.api.objects import Key, Resource
from kafkade.bindings.access import (
    AccessFacts,
    Login,
    Previous,
    Record,
    acls_of,
    begun,
    login_of,
    new_login,
    plan_access,
    plan_removal,
    record_of,
)
from kafkade.bindings.wanted import Names, Wanted
from kafkade.clients.kafka_access import Acl, ScramPassword

USER = "shop.users.1"
SCRAM = "SCRAM-SHA-512"
NOW = "2026-01-02T00:00:00Z"


def wanted(**fields: Any) -> Wanted:
    base: dict[str, Any] = {
        "service": "users",
        "secret": "users-binding",
        "groups": ("users-group",),
        "allowed_groups": ("users-group",),
        "produces": (),
        "consumes": (Names("events"),),
        "transactional_id_prefix": None,
        "schemas": (),
        "policy": None,
    }
    return Wanted(**(base | fields))


def acl(kind: str, name: str, operation: str, user: str = USER, **more: Any) -> Acl:
    return Acl(f"User:{user}", kind, name, more.pop("prefixed", False), operation, **more)


READS = frozenset(
    {acl("topic", "events", "Read"), acl("topic", "events", "Describe"), acl("group", "users-group", "Read")}
)


def resource(**credentials: Any) -> Resource:
    key = Key("KafkaServiceBinding", "shop", "users")
    status = {"credentials": credentials} if credentials else {}
    return Resource(key, "u", 1, "1", "2026-01-01T00:00:00Z", None, (), {}, {}, {}, status)


def planned(record: Record, facts: AccessFacts, login_id: str = "a", overlap: str = "24h") -> Any:
    return plan_access(record, wanted(), facts, login_id, mechanism=SCRAM, overlap=overlap, now=NOW)


def test_a_consumer_reads_in_its_group() -> None:
    assert acls_of(wanted(), USER) == READS


def test_a_producer_has_no_group() -> None:
    found = acls_of(wanted(consumes=(), allowed_groups=(), produces=(Names("events-", prefixed=True),)), USER)
    assert found == {acl("topic", "events-", op, prefixed=True) for op in ("Write", "Describe")}


def test_a_new_user_gets_acls_and_a_password() -> None:
    plan = planned(Record(USER, SCRAM), AccessFacts())
    assert (plan.create, plan.delete, plan.set_password) == (READS, frozenset(), True)


def test_nothing_is_done_where_all_is_as_declared() -> None:
    assert planned(Record(USER, SCRAM, "a"), AccessFacts(READS, {USER: frozenset({SCRAM})})).empty


def test_what_is_too_much_goes_but_not_what_is_denied_nor_what_others_have() -> None:
    more = acl("topic", "other", "All")
    denied = acl("topic", "events", "Alter", allowed=False)
    others = acl("topic", "events", "Read", user="shop.users.10")
    plan = planned(Record(USER, SCRAM, "a"), AccessFacts(READS | {more, denied, others}, {USER: frozenset({SCRAM})}))
    assert (plan.create, plan.delete, plan.set_password) == (frozenset(), {more}, False)


@pytest.mark.parametrize(
    ("record", "there"),
    [
        (Record(USER, SCRAM, "b"), {SCRAM}),
        (Record(USER, SCRAM, "a"), set()),
        (Record(USER, "SCRAM-SHA-256", "a"), {SCRAM}),
    ],
    ids=["another password", "no such user", "another mechanism"],
)
def test_the_password_is_set_where_kafka_does_not_have_it(record: Record, there: set[str]) -> None:
    assert planned(record, AccessFacts(READS, {USER: frozenset(there)})).set_password


def test_the_user_before_works_on_and_goes_after_the_overlap() -> None:
    record = Record("shop.users.2", SCRAM, "a", (Previous(USER, "2026-01-01T12:00:00Z"),))
    acls = READS | acls_of(wanted(), "shop.users.2")
    facts = AccessFacts(acls, {USER: frozenset({SCRAM}), "shop.users.2": frozenset({SCRAM})})
    assert planned(record, facts).empty
    over = planned(record, facts, overlap="12h")
    assert (over.delete, over.retired) == (READS, (USER,))
    assert over.deletions == ((USER, SCRAM),)


def test_the_user_before_does_not_go_before_the_new_one_works() -> None:
    record = Record("shop.users.2", SCRAM, None, (Previous(USER, "2025-01-01T00:00:00Z"),))
    assert planned(record, AccessFacts(READS, {USER: frozenset({SCRAM})})).retired == ()


def test_removal_is_of_its_own_users_only() -> None:
    others = acl("topic", "events", "Read", user="bob")
    record = Record(USER, SCRAM, "a")
    facts = AccessFacts(READS | {others}, {USER: frozenset({SCRAM}), "bob": frozenset({SCRAM})})
    plan = plan_removal(record, facts)
    assert plan_removal(record, AccessFacts()).deletions == plan.deletions, "whether or not this broker has heard of it"
    assert (plan.delete, plan.deletions) == (READS, ((USER, SCRAM),))


@pytest.mark.parametrize(
    "name", ["admin", "shop.users.", "shop.users.x", "shop.users.more.1", "other.users.1", None, 7]
)
def test_a_status_that_names_somebody_else_is_not_believed(name: object) -> None:
    assert record_of(resource(username=name, mechanism=SCRAM)) is None


def test_a_previous_user_that_is_somebody_else_is_not_believed() -> None:
    found = record_of(resource(username=USER, mechanism=SCRAM, previous=[{"username": "admin", "replaced": NOW}]))
    assert found is not None
    assert found.users == [USER]


def test_a_record_survives_its_status() -> None:
    record = begun(Record(USER, SCRAM, "a"), "shop.users.2", SCRAM, NOW)
    assert record.users == ["shop.users.2", USER]
    assert record_of(resource(**record.as_status())) == record


def _secret(login: Login, **changes: str) -> dict[str, bytes]:
    data = {KEY_USERNAME: login.username, KEY_PASSWORD: login.password, KEY_CREDENTIALS_ID: login.sealed}
    return {key: value.encode() for key, value in {**data, **changes}.items()}


def test_a_login_is_found_again_in_its_secret_unless_somebody_changed_it() -> None:
    login = new_login(USER)
    assert login_of(_secret(login), USER) == login
    for change in ({KEY_PASSWORD: "guessed"}, {KEY_USERNAME: "shop.users.2"}, {KEY_CREDENTIALS_ID: "a.b"}):
        assert login_of(_secret(login, **change), USER) is None
    assert login_of({}, USER) is None
    assert login_of(_secret(login), "shop.users.2") is None, "of another generation"


def test_passwords_are_in_no_repr() -> None:
    login = new_login(USER)
    assert login.password not in repr(login)
    assert login.password not in repr(ScramPassword(USER, SCRAM, login.password))
    assert login.password not in login.sealed
