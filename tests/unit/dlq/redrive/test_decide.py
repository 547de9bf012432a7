"""What becomes of a dead letter."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from kafkade.clients.kafka_mover_model import BY_KEY, Header, Record, Target
from kafkade.dlq.headers import REDRIVE_COUNT
from kafkade.dlq.redrive.decide import (
    NOWHERE,
    Decider,
    Decision,
    Fail,
    FailReason,
    Lost,
    Move,
    Pointer,
    Skip,
    SkipReason,
    pointer_of,
)
from kafkade.dlq.redrive.filter import Filter
from kafkade.dlq.redrive.job import Guard, HeaderChanges, Job
from kafkade.dlq.redrive.size import batch_size
from unit.dlq.test_headers import ORIGINAL, SHARE, connect

DLQ = "orders.dlq"
MAX = 1_048_588
"""max.message.bytes by default."""

TOPICS = {
    "orders": Target(6, MAX),
    "replay": Target(2, MAX),
    "narrow": Target(2, MAX),
    "small": Target(6, 1_000),
    "unlimited": Target(6),
    "compacted": Target(6, MAX, compacted=True),
    "quarantine": Target(1, MAX),
    "payroll": Target(6, MAX),
    "elsewhere": Target(6, MAX),
    DLQ: Target(6, MAX),
}
FOREIGN = {"elsewhere", "elsewhere.missing"}
"""Topics of another namespace."""


def record(
    key: bytes | None = b"k",
    value: bytes | None = b"v",
    headers: list[Header] | None = None,
    timestamp: int = 1_700_000_000_000,
) -> Record:
    return Record(1, 5, timestamp, key, value, list(connect()) if headers is None else headers)


def job(**fields: Any) -> Job:
    return Job("uid", DLQ, **fields)


def decider(of: Job | None = None) -> Decider:
    return Decider(of or job(), TOPICS.get, lambda topic: topic not in FOREIGN)


def place(topic: bytes | None, partition: bytes | None = b"3") -> list[Header]:
    return [("kafkade.dlq.topic", topic), ("kafkade.dlq.partition", partition)]


def no_destination(*headers: Header) -> Record:
    return record(headers=list(headers))


BACK = Move("orders", 3, None, MAX)
"""To where the headers say."""

DESTINATIONS: list[tuple[str, dict[str, Any], Record, Decision]] = [
    ("by its headers", {}, record(), BACK),
    ("by the newest of its headers", {}, record(headers=[*place(b"replay", b"1"), *connect()]), BACK),
    ("one topic for all: by key", {"destination": "replay"}, record(), Move("replay", BY_KEY, max_bytes=MAX)),
    (
        "one topic for all, whatever headers say",
        {"destination": "replay"},
        no_destination(),
        Move("replay", BY_KEY, max_bytes=MAX),
    ),
    ("the last partition", {}, record(headers=place(b"narrow", b"1")), Move("narrow", 1, max_bytes=MAX)),
    (
        "a partition that there is not: by key",
        {},
        record(headers=place(b"narrow", b"2")),
        Move("narrow", BY_KEY, max_bytes=MAX),
    ),
    ("no partition: by key", {}, record(headers=place(b"orders", None)), Move("orders", BY_KEY, max_bytes=MAX)),
    (
        "a partition that is unknown: by key",
        {},
        record(headers=place(b"orders", b"-1")),
        Move("orders", BY_KEY, max_bytes=MAX),
    ),
    ("a tombstone", {}, record(value=None), BACK),
    ("no key", {}, record(key=None), BACK),
    ("no timestamp at all", {}, record(timestamp=-1), BACK),
    ("no headers", {}, no_destination(), Fail(FailReason.NO_DESTINATION)),
    ("an application's headers only", {}, no_destination(*ORIGINAL), Fail(FailReason.NO_DESTINATION)),
    ("headers of a dead letter, no topic", {}, record(headers=[*connect()[1:]]), Fail(FailReason.NO_DESTINATION)),
    ("a topic that there is not", {}, record(headers=place(b"gone")), Fail(FailReason.UNKNOWN_TOPIC)),
    ("one topic for all that there is not", {"destination": "gone"}, record(), Fail(FailReason.UNKNOWN_TOPIC)),
    ("a topic of another namespace", {}, record(headers=place(b"elsewhere")), Fail(FailReason.NOT_ALLOWED)),
    (
        "one there that does not exist: no word of that",
        {},
        record(headers=place(b"elsewhere.missing")),
        Fail(FailReason.NOT_ALLOWED),
    ),
    ("the dead-letter topic itself", {}, record(headers=place(DLQ.encode())), Fail(FailReason.NOT_ALLOWED)),
    ("the dead-letter topic for all", {"destination": DLQ}, record(), Fail(FailReason.NOT_ALLOWED)),
    ("timestamp 0", {}, record(timestamp=0), Fail(FailReason.NO_TIMESTAMP)),
    ("compacted", {"destination": "compacted"}, record(), Move("compacted", BY_KEY, max_bytes=MAX)),
    (
        "compacted, an empty key is one",
        {"destination": "compacted"},
        record(key=b""),
        Move("compacted", BY_KEY, max_bytes=MAX),
    ),
    ("compacted, no key", {"destination": "compacted"}, record(key=None), Fail(FailReason.NO_KEY)),
    ("no limit known", {"destination": "unlimited"}, record(value=b"v" * 3 * MAX), Move("unlimited", BY_KEY)),
    ("the filter", {"filter": Filter(origin="payroll")}, record(), Skip(SkipReason.FILTER)),
    ("the filter wants it", {"filter": Filter(origin="orders")}, record(), BACK),
    ("the filter wants the key", {"filter": Filter(key=re.compile("k"))}, record(), BACK),
    (
        "the filter comes before all that fails",
        {"filter": Filter(origin="x")},
        record(timestamp=0),
        Skip(SkipReason.FILTER),
    ),
]


@pytest.mark.parametrize(
    ("fields", "letter", "expected"), [pytest.param(*case, id=name) for name, *case in DESTINATIONS]
)
def test_where_it_goes(fields: dict[str, Any], letter: Record, expected: Decision) -> None:
    deciding = decider(job(**fields))
    assert deciding.decide(letter) == expected
    assert deciding.decide(letter) == expected, "from memory"
    deciding.forget()
    assert deciding.decide(letter) == expected, "asked anew"


def test_topics_are_asked_about_once_until_it_forgets() -> None:
    asked: list[str] = []

    def target(topic: str) -> Target | None:
        asked.append(topic)
        return TOPICS.get(topic)

    deciding = Decider(job(), target, lambda _: True)
    letters = [record(), record(headers=place(b"gone"))]
    first = [deciding.decide(letter) for letter in letters]
    assert [deciding.decide(letter) for letter in letters] == first
    assert asked == ["orders", "gone"]
    deciding.forget()
    assert [deciding.decide(letter) for letter in letters] == first
    assert asked == ["orders", "gone"] * 2


def test_a_topic_that_changed_after_it_forgot() -> None:
    topics = {"orders": Target(6, MAX)}
    deciding = Decider(job(), topics.get, lambda _: True)
    assert deciding.decide(record()) == Move("orders", 3, max_bytes=MAX)
    topics["orders"] = Target(6, 2_000)
    deciding.forget()
    assert deciding.decide(record()) == Move("orders", 3, max_bytes=2_000), "another limit"
    topics["orders"] = Target(2, 2_000)
    deciding.forget()
    assert deciding.decide(record()) == Move("orders", BY_KEY, max_bytes=2_000), "fewer partitions"


def test_a_topic_that_may_not_be_written_to() -> None:
    deciding = decider()
    assert isinstance(deciding.decide(record()), Move)
    deciding.deny("orders")
    assert deciding.decide(record()) == Fail(FailReason.NOT_AUTHORIZED)
    deciding.forget()
    assert deciding.decide(record()) == Fail(FailReason.NOT_AUTHORIZED), "not forgotten"
    assert deciding.decide(record(headers=place(b"replay", b"1"))) == Move("replay", 1, max_bytes=MAX)


def test_a_foreign_topic_is_not_allowed_even_when_it_is_denied() -> None:
    deciding = decider()
    deciding.deny("elsewhere")
    assert deciding.decide(record(headers=place(b"elsewhere"))) == Fail(FailReason.NOT_ALLOWED)


def changes(*remove: str, **add: str) -> HeaderChanges:
    pattern = re.compile("|".join(remove), re.DOTALL) if remove else None
    return HeaderChanges(pattern, tuple((name, value.encode()) for name, value in add.items()))


FOUR: list[Header] = [("a", b"1"), *place(b"orders"), ("b", None)]
COUNT = REDRIVE_COUNT


@pytest.mark.parametrize(
    ("edits", "guard", "headers", "expected"),
    [
        pytest.param(changes(), None, FOUR, None, id="no edits: those it has"),
        pytest.param(changes(r"kafkade\.dlq\..*"), None, FOUR, [("a", b"1"), ("b", None)], id="remove by a pattern"),
        pytest.param(changes("a", "b"), None, FOUR, FOUR[1:3], id="remove several"),
        pytest.param(changes("kafkade"), None, FOUR, FOUR, id="a part of a name is not the name"),
        pytest.param(changes("a"), None, [*FOUR, ("a", b"2")], FOUR[1:], id="remove all of a name"),
        pytest.param(changes(".*"), None, FOUR, [], id="remove all"),
        pytest.param(changes(x="ü"), None, FOUR, [*FOUR, ("x", "ü".encode())], id="add at the end"),
        pytest.param(changes(a="2"), None, FOUR, [*FOUR, ("a", b"2")], id="add one that is there: both"),
        pytest.param(changes("a", a="2"), None, FOUR, [*FOUR[1:], ("a", b"2")], id="replace"),
        pytest.param(changes(".*", z="1", y="2"), None, FOUR, [("z", b"1"), ("y", b"2")], id="in the order given"),
        pytest.param(changes(), Guard(3), FOUR, [*FOUR, (COUNT, b"1")], id="the guard counts: the first time"),
        pytest.param(
            changes(), Guard(3), [(COUNT, b"1"), *FOUR, (COUNT, b"2")], [*FOUR, (COUNT, b"3")], id="one count, the last"
        ),
        pytest.param(changes(), Guard(3), [*FOUR, (COUNT, b"x")], [*FOUR, (COUNT, b"1")], id="a count that is none"),
        pytest.param(
            changes(".*", x="1"),
            Guard(3),
            [*FOUR, (COUNT, b"2")],
            [("x", b"1"), (COUNT, b"3")],
            id="edits and the guard",
        ),
        pytest.param(
            changes(), None, [*FOUR, (COUNT, b"7")], None, id="without a guard the count is a header like any"
        ),
    ],
)
def test_headers(
    edits: HeaderChanges, guard: Guard | None, headers: list[Header], expected: list[Header] | None
) -> None:
    letter = record(headers=list(headers))
    assert decider(job(headers=edits, guard=guard)).decide(letter) == Move("orders", 3, expected, MAX)
    assert letter.headers == headers, "the record itself stays as it is"


@pytest.mark.parametrize(
    ("guard", "count", "letter", "expected"),
    [
        pytest.param(Guard(3), b"2", record(), None, id="once more"),
        pytest.param(Guard(3), b"3", record(), Skip(SkipReason.LOOP_GUARD), id="that is enough"),
        pytest.param(Guard(1), b"1", record(), Skip(SkipReason.LOOP_GUARD), id="once is enough"),
        pytest.param(Guard(3), b"99", record(), Skip(SkipReason.LOOP_GUARD), id="more than enough"),
        pytest.param(Guard(3), None, record(), None, id="a count of null is none"),
        pytest.param(
            Guard(3, "quarantine"), b"3", record(), Move("quarantine", BY_KEY, None, MAX, True), id="out of the way"
        ),
        pytest.param(Guard(3, "quarantine"), b"2", record(), None, id="not yet"),
        pytest.param(
            Guard(3, "quarantine"),
            b"3",
            record(headers=[]),
            Move("quarantine", BY_KEY, None, MAX, True),
            id="even one that says not where it was",
        ),
        pytest.param(Guard(3, "gone"), b"3", record(), Fail(FailReason.UNKNOWN_TOPIC), id="no such quarantine"),
        pytest.param(Guard(3, "elsewhere"), b"3", record(), Fail(FailReason.NOT_ALLOWED), id="a foreign quarantine"),
        pytest.param(Guard(3, DLQ), b"3", record(), Fail(FailReason.NOT_ALLOWED), id="quarantine where it is"),
        pytest.param(Guard(3, "compacted"), b"3", record(key=None), Fail(FailReason.NO_KEY), id="a compacted one"),
        pytest.param(
            Guard(3, "quarantine"), b"3", record(timestamp=0), Fail(FailReason.NO_TIMESTAMP), id="timestamp 0"
        ),
    ],
)
def test_loop_guard(guard: Guard, count: bytes | None, letter: Record, expected: Decision | None) -> None:
    headers = [*letter.headers, (COUNT, count)]
    found = decider(job(guard=guard)).decide(letter._replace(headers=headers))
    if expected is None:
        again = b"%d" % (int(count or b"0") + 1)
        expected = Move("orders", 3, [*letter.headers, (COUNT, again)], MAX)
    assert found == expected


def test_a_quarantined_record_keeps_its_headers() -> None:
    quarantined = decider(job(guard=Guard(1, "quarantine"), headers=changes(".*", x="1")))
    letter = record(headers=[*connect(), (COUNT, b"1")])
    assert quarantined.decide(letter) == Move("quarantine", BY_KEY, None, MAX, True)


def test_quarantine_and_way_back_can_be_the_same_topic() -> None:
    guarded = decider(job(guard=Guard(1, "orders")))
    away, back = record(headers=[*place(b"orders", None), (COUNT, b"1")]), record(headers=place(b"orders", None))
    for _ in range(2):
        assert guarded.decide(away) == Move("orders", BY_KEY, None, MAX, True)
        assert guarded.decide(back) == Move("orders", BY_KEY, [*back.headers, (COUNT, b"1")], MAX)


NOISE = random.Random(4711).randbytes(2_000)
"""Cannot be packed."""


def filled(size: int, data: bytes, headers: list[Header]) -> Record:
    """A record whose batch has ``size`` bytes."""
    letter = record(value=b"", headers=headers)
    value = data[: size - batch_size(letter, headers) - 2]
    while batch_size(letter._replace(value=value), headers) < size:
        value = data[: len(value) + 1]
    letter = letter._replace(value=value)
    assert batch_size(letter, headers) == size
    return letter


TO_SMALL = place(b"small")


@pytest.mark.parametrize(
    ("edits", "letter", "expected"),
    [
        pytest.param(changes(), filled(1_000, NOISE, TO_SMALL), Move("small", 3, None, 1_000), id="just fits"),
        pytest.param(changes(), filled(1_001, NOISE, TO_SMALL), Fail(FailReason.TOO_LARGE), id="a byte too many"),
        pytest.param(
            changes(),
            filled(1_001, bytes(2_000), TO_SMALL),
            Move("small", 3, None, 1_000, compress=True),
            id="fits when it is compressed",
        ),
        pytest.param(
            changes(),
            record(value=NOISE[:500] + bytes(50_000), headers=TO_SMALL),
            Move("small", 3, None, 1_000, compress=True),
            id="50 times too large, and fits compressed",
        ),
        pytest.param(
            changes(), record(key=NOISE, value=None, headers=TO_SMALL), Fail(FailReason.TOO_LARGE), id="the key alone"
        ),
        pytest.param(
            changes(),
            record(headers=[*TO_SMALL, ("trace", NOISE)]),
            Fail(FailReason.TOO_LARGE),
            id="the headers alone",
        ),
        pytest.param(
            changes("trace"),
            record(headers=[*TO_SMALL, ("trace", NOISE)]),
            Move("small", 3, TO_SMALL, 1_000),
            id="without that header it fits",
        ),
        pytest.param(
            changes(x="x" * 900),
            record(value=NOISE[:100], headers=TO_SMALL),
            Fail(FailReason.TOO_LARGE),
            id="with one more header it does not",
        ),
        pytest.param(
            changes(x="1"),
            record(value=bytes(2_000), headers=TO_SMALL),
            Move("small", 3, [*TO_SMALL, ("x", b"1")], 1_000, compress=True),
            id="edited and compressed",
        ),
    ],
)
def test_size(edits: HeaderChanges, letter: Record, expected: Decision) -> None:
    assert decider(job(headers=edits)).decide(letter) == expected


def test_one_that_must_be_compressed_leaves_others_as_they_are() -> None:
    deciding = decider()
    large, small = record(value=bytes(2_000), headers=TO_SMALL), record(headers=TO_SMALL)
    assert [deciding.decide(letter) for letter in (small, large, small)] == [
        Move("small", 3, None, 1_000, compress=compress) for compress in (False, True, False)
    ]


def test_size_in_quarantine() -> None:
    guarded = decider(job(guard=Guard(1, "small")))
    headers: list[Header] = [*connect(), (COUNT, b"1")]
    assert guarded.decide(record(value=NOISE, headers=headers)) == Fail(FailReason.TOO_LARGE)
    assert guarded.decide(record(value=bytes(2_000), headers=headers[-2:])) == Move(
        "small", BY_KEY, None, 1_000, True, True
    )


def share(topic: str = "orders", partition: bytes | None = b"3", offset: bytes | None = b"42") -> list[Header]:
    return [
        ("__dlq.errors.topic", topic.encode()),
        ("__dlq.errors.partition", partition),
        ("__dlq.errors.offset", offset),
        *SHARE[3:],
    ]


def pointing(topic: str = "orders", partition: bytes | None = b"3", offset: bytes | None = b"42") -> Record:
    return record(None, None, share(topic, partition, offset))


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        pytest.param(record(None, None, share()), Pointer("orders", 3, 42), id="a pointer"),
        pytest.param(record(None, None, [*connect(), *share()]), Pointer("orders", 3, 42), id="with older headers"),
        pytest.param(record(None, None, share(partition=b"-1")), NOWHERE, id="no partition"),
        pytest.param(record(None, None, share(offset=None)), NOWHERE, id="no offset"),
        pytest.param(record(None, None, share("")), NOWHERE, id="no topic"),
        pytest.param(record(None, None, share(offset=b"0")), Pointer("orders", 3, 0), id="offset 0"),
        pytest.param(record(b"k", None, share()), None, id="a copy: a key"),
        pytest.param(record(None, b"", share()), None, id="a copy: an empty value"),
        pytest.param(record(None, None, [*share(), *connect()]), None, id="Connect stands last"),
        pytest.param(record(None, None, list(connect())), None, id="Connect copies"),
        pytest.param(record(None, None, []), None, id="nothing at all"),
        pytest.param(record(None, None, list(ORIGINAL)), None, id="an application's"),
    ],
)
def test_pointer_of(letter: Record, expected: Pointer | None) -> None:
    assert pointer_of(letter) == expected


FOUND = Record(3, 42, 1_600_000_000_000, b"order-1", b"paid", [("trace-id", b"7")])
"""A record of a source topic that a pointer leads to."""

LEFT_BEFORE = FOUND._replace(headers=[*connect("payroll", 1), (COUNT, b"1")])
"""One that was a dead letter of Connect, and was put back."""

POINTING = pointing()

POINTERS: list[tuple[str, dict[str, Any], Record, Record | None, Decision]] = [
    ("found: to where it is", {}, POINTING, FOUND, BACK),
    ("found: to one topic for all", {"destination": "replay"}, POINTING, FOUND, Move("replay", BY_KEY, None, MAX)),
    (
        "found, and the headers of the original are edited",
        {"headers": changes("trace-id", x="1")},
        POINTING,
        FOUND,
        Move("orders", 3, [("x", b"1")], MAX),
    ),
    ("found, and what the original's headers say of its own past does not matter", {}, POINTING, LEFT_BEFORE, BACK),
    (
        "the topic has fewer partitions by now",
        {},
        pointing("narrow", b"2"),
        FOUND._replace(partition=2),
        Move("narrow", BY_KEY, None, MAX),
    ),
    ("lost", {}, POINTING, None, Lost()),
    ("lost, with one topic for all", {"destination": "replay"}, POINTING, None, Lost()),
    ("its topic is gone", {}, pointing("gone"), None, Fail(FailReason.UNKNOWN_TOPIC)),
    (
        "its topic is gone, with one topic for all",
        {"destination": "replay"},
        pointing("gone"),
        None,
        Fail(FailReason.UNKNOWN_TOPIC),
    ),
    ("nowhere", {}, pointing(offset=None), None, Fail(FailReason.NO_DESTINATION)),
    ("nowhere, with one topic for all", {"destination": "replay"}, pointing(""), None, Fail(FailReason.NO_DESTINATION)),
    ("into another namespace", {}, pointing("elsewhere"), FOUND, Fail(FailReason.NOT_ALLOWED)),
    (
        "from another namespace to one's own topic",
        {"destination": "replay"},
        pointing("elsewhere"),
        FOUND,
        Fail(FailReason.NOT_ALLOWED),
    ),
    ("what there is in another namespace is not told", {}, pointing("elsewhere"), None, Fail(FailReason.NOT_ALLOWED)),
    ("nor what there is not", {}, pointing("elsewhere.missing"), None, Fail(FailReason.NOT_ALLOWED)),
    (
        "nor through a filter",
        {"filter": Filter(key=re.compile("order-1"))},
        pointing("elsewhere"),
        FOUND,
        Skip(SkipReason.FILTER),
    ),
    ("into the dead-letter topic", {}, pointing(DLQ), FOUND, Fail(FailReason.NOT_ALLOWED)),
    ("the original has timestamp 0", {}, POINTING, FOUND._replace(timestamp=0), Fail(FailReason.NO_TIMESTAMP)),
    ("the pointer has timestamp 0", {}, POINTING._replace(timestamp=0), FOUND, BACK),
    (
        "the original has no key",
        {"destination": "compacted"},
        POINTING,
        FOUND._replace(key=None),
        Fail(FailReason.NO_KEY),
    ),
    ("the original has a key", {"destination": "compacted"}, POINTING, FOUND, Move("compacted", BY_KEY, None, MAX)),
    (
        "the original is too large",
        {"destination": "small"},
        POINTING,
        FOUND._replace(value=NOISE),
        Fail(FailReason.TOO_LARGE),
    ),
    ("the original counts", {"guard": Guard(1)}, POINTING, LEFT_BEFORE, Skip(SkipReason.LOOP_GUARD)),
    (
        "the original counts: quarantine",
        {"guard": Guard(1, "quarantine")},
        POINTING,
        LEFT_BEFORE,
        Move("quarantine", BY_KEY, None, MAX, True),
    ),
    (
        "the original is counted",
        {"guard": Guard(2)},
        POINTING,
        LEFT_BEFORE,
        Move("orders", 3, [*LEFT_BEFORE.headers[:-1], (COUNT, b"2")], MAX),
    ),
    ("filter: the key of the original", {"filter": Filter(key=re.compile("^order-1$"))}, POINTING, FOUND, BACK),
    ("filter: another key", {"filter": Filter(key=re.compile("^order-2$"))}, POINTING, FOUND, Skip(SkipReason.FILTER)),
    (
        "filter: the key of one that is lost",
        {"filter": Filter(key=re.compile("order"))},
        POINTING,
        None,
        Skip(SkipReason.FILTER),
    ),
    ("filter: a header of the original", {"filter": Filter(headers=(("trace-id", b"7"),))}, POINTING, FOUND, BACK),
    (
        "filter: a header of the pointer",
        {"filter": Filter(headers=(("__dlq.errors.group", b"workers"),))},
        POINTING,
        FOUND,
        BACK,
    ),
    (
        "filter: the pointer's error",
        {"filter": Filter(error_message=re.compile("threshold"))},
        POINTING,
        LEFT_BEFORE,
        BACK,
    ),
    (
        "filter: an older error of the original",
        {"filter": Filter(error_message=re.compile("Converting"))},
        POINTING,
        LEFT_BEFORE,
        Skip(SkipReason.FILTER),
    ),
    ("filter: the pointer's topic", {"filter": Filter(origin="orders")}, POINTING, LEFT_BEFORE, BACK),
    ("filter: the pointer's topic, of one that is lost", {"filter": Filter(origin="orders")}, POINTING, None, Lost()),
    ("filter: the time of the dead letter", {"filter": Filter(since=1_700_000_000_000)}, POINTING, FOUND, BACK),
]


@pytest.mark.parametrize(
    ("fields", "letter", "original", "expected"), [pytest.param(*case, id=name) for name, *case in POINTERS]
)
def test_pointers(fields: dict[str, Any], letter: Record, original: Record | None, expected: Decision) -> None:
    deciding, pointer = decider(job(**fields)), pointer_of(letter)
    assert pointer is not None
    for _ in range(2):
        assert deciding.decide(letter, pointer, original) == expected


@pytest.mark.parametrize(
    ("pointer", "may"),
    [(Pointer("orders", 0, 0), True), (Pointer("gone", 0, 0), True), (Pointer("elsewhere", 0, 0), False)],
)
def test_which_originals_may_be_looked_at(pointer: Pointer, may: bool) -> None:
    deciding = decider()
    assert [deciding.may_read(pointer) for _ in range(2)] == [may, may]


def test_what_is_allowed_is_asked_anew_after_it_forgot() -> None:
    foreign = {"orders"}
    deciding = Decider(job(), TOPICS.get, lambda topic: topic not in foreign)
    pointer = Pointer("orders", 3, 42)
    assert not deciding.may_read(pointer)
    foreign.clear()
    assert not deciding.may_read(pointer), "from memory"
    deciding.forget()
    assert deciding.may_read(pointer)


def test_every_reason_of_a_decision_is_met_here() -> None:
    """All but InvalidRecord, which only brokers find out; NotAuthorized and RecordTooLarge have tests of their own."""
    decisions = [case[-1] for case in (*DESTINATIONS, *POINTERS)]
    failed = {decision.reason for decision in decisions if isinstance(decision, Fail)}
    skipped = {decision.reason for decision in decisions if isinstance(decision, Skip)}
    assert failed == set(FailReason) - {FailReason.UNREADABLE, FailReason.NOT_AUTHORIZED}
    assert skipped == set(SkipReason)
    assert {type(decision) for decision in decisions} == {Move, Skip, Fail, Lost}
