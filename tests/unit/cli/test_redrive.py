"""`kafkade dlq redrive`: its options as a spec, and when errors are tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import typer

from kafkade.api.errors import (
    Aborted,
    AuthorizationFailed,
    ClusterUnreachable,
    Fenced,
    KafkadeError,
    KafkaRequestFailed,
)
from kafkade.api.redrive import Counts, KafkaDLQRedriveSpec, OffsetRange
from kafkade.cli import redrive_command
from kafkade.cli.redrive_options import add_headers, header_matches, job_of, offset_ranges, spec_of
from kafkade.clients.kafka_config import Security
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Guard, Job
from kafkade.dlq.redrive.progress import Progress

TOPIC = "orders.dlq"


def spec(**fields: object) -> KafkaDLQRedriveSpec:
    return spec_of({"source": {"topic": TOPIC}, **fields})


def test_what_is_not_given_is_as_in_a_resource_without_it() -> None:
    nothing = {"maxRedrives": None, "quarantineTopic": None}
    found = spec(destination={"topic": None}, filter={"key": None, "headers": []}, loopGuard=nothing, rateLimit=None)
    assert job_of(found, "id") == Job("id", TOPIC)


@pytest.mark.parametrize(
    ("given", "guard"),
    [
        ({"maxRedrives": 7}, Guard(7)),
        ({"maxRedrives": None, "quarantineTopic": "away", "action": "Quarantine"}, Guard(3, "away")),
        ({"maxRedrives": 1, "quarantineTopic": "away", "action": "Quarantine"}, Guard(1, "away")),
    ],
)
def test_loop_guards(given: dict[str, object], guard: Guard) -> None:
    assert job_of(spec(loopGuard=given), "id").guard == guard


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("3:5-9", 5, 9),
        ("3:5-5", 5, 5),
        ("3:5", 5, 5),
        ("3:0-0", 0, 0),
        ("3:5-", 5, None),
        ("3:-9", None, 9),
        ("3:-", None, None),
    ],
)
def test_ranges_of_offsets(text: str, first: int | None, last: int | None) -> None:
    (found,) = offset_ranges([text])
    assert OffsetRange.model_validate(found) == OffsetRange(partition=3, first=first, last=last)


@pytest.mark.parametrize("text", ["", "3", "3:", "x:1-2", "3:1-2-3", "3:a-b", "-3:1-2", "3:9-5", "3: 1-2", "3:1–2"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        offset_ranges([text])
    assert caught.value.param_hint == "--offsets"
    assert repr(text) in caught.value.message


def test_headers_by_name_and_by_value() -> None:
    assert header_matches(["a", "b=", "c=1=2"]) == [
        {"name": "a", "value": None},
        {"name": "b", "value": ""},
        {"name": "c", "value": "1=2"},
    ]
    assert add_headers(["b=", "c=1=2"]) == {"b": "", "c": "1=2"}


@pytest.mark.parametrize("texts", [["a"], ["=1"], [""], ["a=1", "a=1"]])
def test_headers_that_cannot_be_added(texts: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        add_headers(texts)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 101, "ü"])
def test_ids_that_cannot_name_a_group(name: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        job_of(spec(), name)
    assert caught.value.param_hint == "--id"


class Runs:
    """In place of a redrive: raises what is asked for, after so many records, and then is done."""

    def __init__(self, *ends: tuple[KafkadeError | None, int]) -> None:
        self.ends: Iterator[tuple[KafkadeError | None, int]] = iter(ends)
        self.calls = 0

    def __call__(self, security: Security, job: Job, control: Control, allowed: Callable[[str], bool]) -> Progress:
        self.calls += 1
        error, read = next(self.ends)
        control.publish(Progress(Counts(read=read)))
        if error is not None:
            raise error
        return control.snapshot()


def persist(runs: Runs, monkeypatch: pytest.MonkeyPatch, patience: float = 60.0) -> Progress:
    monkeypatch.setattr(redrive_command, "redrive", runs)
    monkeypatch.setattr(redrive_command, "_DELAYS", (0.001, 0.002))
    monkeypatch.setattr(redrive_command, "PATIENCE", patience)
    return redrive_command._persist(Security("a:1"), Job("id", TOPIC), Control())


AWAY = ClusterUnreachable("no broker")


def test_errors_that_pass_are_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs((AWAY, 5), (AWAY, 5), (Aborted("aborted"), 5), (AWAY, 9), (AWAY, 9), (None, 10))
    assert persist(runs, monkeypatch).counts.read == 10
    assert [line.split(";")[0] for line in capsys.readouterr().err.splitlines()] == [
        "warning: no broker",
        "warning: aborted",
        "warning: no broker",
    ]


@pytest.mark.parametrize(
    "error", [Fenced("taken over"), AuthorizationFailed("not allowed")], ids=lambda error: error.reason
)
def test_errors_that_do_not_pass_end_it(error: KafkadeError, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs((error, 5), (None, 10))
    with pytest.raises(type(error)):
        persist(runs, monkeypatch)
    assert runs.calls == 1


def test_without_progress_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(*[(KafkaRequestFailed("no"), 5)] * 1000, (None, 10))
    with pytest.raises(KafkaRequestFailed):
        persist(runs, monkeypatch, patience=0.2)
    assert 1 < runs.calls < 1000


def test_with_progress_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(*[(KafkaRequestFailed("no"), number) for number in range(300)], (None, 300))
    assert persist(runs, monkeypatch, patience=0.2).counts.read == 300


@pytest.mark.parametrize(("topic", "may"), [("orders", True), ("_schemas", True), ("__consumer_offsets", False)])
def test_kafkas_own_topics_are_never_written_to(topic: str, may: bool) -> None:
    assert redrive_command._allowed(topic) is may
