"""brokerConfig: what is declared, what is set, what kafkade had set, and what is to be done about it."""

from __future__ import annotations

import pytest

from kafkade.api.errors import AuthorizationFailed, InvalidConfig, KafkadeError, StaticBrokerConfig
from kafkade.api.plan import DriftFound, Plan, Step
from kafkade.clusters.observe import BrokerSettings
from kafkade.clusters.plan import plan
from kafkade.clusters.steps import SetBrokerConfig, UnsetBrokerConfig

from .doubles import KNOWN, entry


def planned(
    declared: dict[str, str], found: dict[str, str], ours: dict[str, str] | None = None, settled: bool = False
) -> Plan:
    settings = BrokerSettings(KNOWN, {k: entry(v) for k, v in found.items()})
    return plan(declared, ours or {}, settings, settled=settled)


SIZE = "message.max.bytes"
LISTENER = "listener.name.x.max.connections"
SET_LISTENER = "listener.name.set.max.connections"
STEPS: list[tuple[str, dict[str, str], dict[str, str], dict[str, str], tuple[Step, ...]]] = [
    ("nothing declared, nothing set", {}, {}, {}, ()),
    ("set for the first time", {SIZE: "2000"}, {}, {}, (SetBrokerConfig(SIZE, None, "2000"),)),
    ("set to another value", {SIZE: "2000"}, {SIZE: "1000"}, {SIZE: "1000"}, (SetBrokerConfig(SIZE, "1000", "2000"),)),
    ("as declared", {SIZE: "2000"}, {SIZE: "2000"}, {}, ()),
    (
        "as declared, spelt otherwise",
        {"unclean.leader.election.enable": "True"},
        {"unclean.leader.election.enable": "true"},
        {},
        (),
    ),
    ("the order of a set", {"log.cleanup.policy": "delete,compact"}, {"log.cleanup.policy": "compact,delete"}, {}, ()),
    ("taken out of the spec", {}, {SIZE: "2000"}, {SIZE: "2000"}, (UnsetBrokerConfig(SIZE, "2000"),)),
    ("taken out of the spec, gone already", {}, {}, {SIZE: "2000"}, ()),
    ("set by somebody else", {}, {SIZE: "2000"}, {}, ()),
    (
        "sorted, settings before removals",
        {SIZE: "2", "log.retention.ms": "1"},
        {"log.cleanup.policy": "compact"},
        {"log.cleanup.policy": "compact"},
        (
            SetBrokerConfig("log.retention.ms", None, "1"),
            SetBrokerConfig(SIZE, None, "2"),
            UnsetBrokerConfig("log.cleanup.policy", "compact"),
        ),
    ),
    ("a listener's own setting", {LISTENER: "5"}, {}, {}, (SetBrokerConfig(LISTENER, None, "5"),)),
    (
        "a listener's own setting, which brokers call read-only now that it is set",
        {SET_LISTENER: "6"},
        {SET_LISTENER: "5"},
        {SET_LISTENER: "5"},
        (SetBrokerConfig(SET_LISTENER, "5", "6"),),
    ),
]


@pytest.mark.parametrize(("declared", "found", "ours", "steps"), [s[1:] for s in STEPS], ids=[s[0] for s in STEPS])
def test_steps(declared: dict[str, str], found: dict[str, str], ours: dict[str, str], steps: tuple[Step, ...]) -> None:
    assert planned(declared, found, ours) == Plan(steps)


REFUSED: list[tuple[str, dict[str, str], type[KafkadeError], str]] = [
    ("static", {"process.roles": "broker"}, StaticBrokerConfig, "process.roles cannot be changed while brokers run"),
    (
        "two static ones",
        {"process.roles": "x", "num.partitions": "3"},
        StaticBrokerConfig,
        "num.partitions, process.roles",
    ),
    ("misspelt", {"message.max.byte": "1"}, InvalidConfig, "did you mean message.max.bytes?"),
    ("unheard of", {"tea.time": "5"}, InvalidConfig, "the brokers know no such setting; see Kafka's"),
    ("two unknown ones", {"tea.time": "5", "log.retention.m": "1"}, InvalidConfig, "log.retention.m: the brokers"),
    ("secret", {"ssl.keystore.password": "top-secret"}, InvalidConfig, "ssl.keystore.password holds a secret"),
]


@pytest.mark.parametrize(("declared", "kind", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_as_a_whole(declared: dict[str, str], kind: type[KafkadeError], says: str) -> None:
    made = planned({**declared, SIZE: "2000"}, {})
    assert made.steps == ()
    assert type(made.error) is kind
    assert says in made.error.message
    assert "top-secret" not in made.error.message
    assert not made.error.retryable


@pytest.mark.parametrize(
    ("found", "settled", "drift"),
    [
        pytest.param(
            {SIZE: "1000"}, True, (DriftFound(f"brokerConfig[{SIZE}]", "2000", "1000"),), id="changed by hand"
        ),
        pytest.param({}, True, (DriftFound(f"brokerConfig[{SIZE}]", "2000", "not set"),), id="removed by hand"),
        pytest.param({SIZE: "1000"}, False, (), id="a new spec"),
        pytest.param({SIZE: "2000"}, True, (), id="as declared"),
    ],
)
def test_drift(found: dict[str, str], settled: bool, drift: tuple[DriftFound, ...]) -> None:
    assert planned({SIZE: "2000"}, found, {SIZE: "2000"}, settled).drift == drift


def test_without_settings_there_is_no_plan() -> None:
    assert plan({}, {}, None, settled=True) == Plan()
    error = AuthorizationFailed("no")
    assert plan({SIZE: "1"}, {}, error, settled=True) == Plan(error=error)


@pytest.mark.parametrize(
    ("step", "verb", "change"),
    [
        (SetBrokerConfig(SIZE, None, "2"), "set", f"{SIZE}: default -> 2"),
        (SetBrokerConfig(SIZE, "1", "2"), "set", f"{SIZE}: 1 -> 2"),
        (UnsetBrokerConfig(SIZE, "2"), "unset", f"{SIZE}: 2 -> default"),
    ],
)
def test_steps_can_be_printed(step: Step, verb: str, change: str) -> None:
    assert (step.verb, step.change, step.destructive) == (verb, change, False)
