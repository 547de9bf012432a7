"""A crash wherever the operator waits for somebody else, then a restart: the end is as if nothing had been.

All scenarios are played once without a crash, with every place written down that the operator comes by. Then each is played
again and again in fresh namespaces, and its operator killed at one place; another operator starts, and what all of it came to
in Kubernetes, Kafka and the registry is compared with what the play without a crash came to. Where the user changes something
before the other operator starts, the first one may have been killed before it did anything: then it is as if it had never run.

By default a sample is taken, always the same one: a place of each function in which a reconcile waits, and some of each
scenario; ``--crash-seed N`` takes another one. ``--crashes`` takes each place once, in the first scenario that comes by it, at
both of its moments. ``make crashes`` takes each place of each scenario, the first and the last time that the operator comes by it.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import pytest
from results import Result, Row, Section

from integration.crashes import end_state
from integration.crashes.drive import Play, Played, clear, perform
from integration.crashes.scenarios import SCENARIOS, nothing
from integration.crashes.world import VERSION_OF_KAFKA, World
from support.await_points import Place, Point

pytestmark = pytest.mark.timeout(900)
"""The first test prepares and plays all scenarios."""

ROUND = 400
"""Plays side by side."""

OF_A_SCENARIO, OF_A_FUNCTION = 2, 1
"""Crashes of a sample, at least."""

SEED = 8
"""Of the sample that `make test` takes: the same in each run, and another one by ``--crash-seed``."""

RECONCILE = "engine/lane.py"
"""Every reconcile is called from a lane."""

NONE_OF_RECONCILES = (RECONCILE, "engine/engine.py", "handlers/")
"""What waits for work, lists and watches: it is the same in each scenario."""


@pytest.fixture(scope="package")
def only(pytestconfig: pytest.Config) -> str:
    """What names of scenarios begin with."""
    return str(pytestconfig.getoption("scenario", default=""))


@pytest.fixture(scope="package")
def recorded(world: World, only: str) -> list[Played]:
    """Each scenario without a crash; behind them, those in which something is changed meanwhile, unseen by any operator."""
    scenarios = [scenario for scenario in SCENARIOS if scenario.name.startswith(only)]
    unseen = [Play(scenario, unseen=True) for scenario in scenarios if scenario.meanwhile is not nothing]
    return perform(world, [*map(Play, scenarios), *unseen], _tell)


def test_without_a_crash_every_scenario_ends_well(recorded: list[Played]) -> None:
    """Or the comparison would say nothing."""
    bad = []
    for played in recorded:
        if played.play.unseen:
            continue
        if played.ran.end != "settled":
            bad.append(f"{played.play}: {played.ran.end}\n{played.ran.tail()}")
        for name, found in played.state.items():
            conditions = (found.get("status") or {}).get("conditions", []) if name.startswith("Kafka") else []
            bad += [f"{played.play}: {name}: {c}" for c in conditions if c["type"] == "Ready" and c["status"] != "True"]
            if name.startswith("Kafka") and found["in deletion"]:
                bad.append(f"{played.play}: {name} is still in deletion")
    assert not bad, "\n".join(bad)


def test_each_kind_of_place_is_seen(recorded: list[Played], only: str) -> None:
    """The instrument finds requests to all three, and those of a redrive's thread."""
    if only:
        pytest.skip("of all scenarios together")
    lines = {line.split(":")[0] for played in recorded for point in played.ran.points for line in point.place}
    assert {"clients/kube.py", "clients/kafka_link.py", "clients/kafka_python.py", "clients/registry_http.py"} <= lines
    assert {"topics/act.py", "schemas/act.py", "dlq/act.py", "clusters/act.py", "dlq/redrive/run.py"} <= lines
    assert {"bindings/act.py", "engine/takings.py"} <= lines


@pytest.mark.timeout(3600 * 3)
def test_a_crash_at_each_await_changes_nothing(
    world: World,
    recorded: list[Played],
    only: str,
    pytestconfig: pytest.Config,
    record_result: Callable[[Result], Result],
) -> None:
    every = pytestconfig.getoption("every_crash", default=False)
    once = pytestconfig.getoption("crashes", default=False)
    how = ""
    if every:
        plays = list(_everywhere(recorded))
    elif once:
        plays = list(_each_once(recorded))
    else:
        asked = pytestconfig.getoption("crash_seed", default=None)
        seed = SEED if asked is None else asked
        how = f" of a sample by --crash-seed {seed}"
        _tell(how)
        plays = _sample(recorded, seed)
    right: dict[str, list[end_state.State]] = defaultdict(list)
    for played in recorded:
        right[played.play.scenario.name].append(played.state)
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    began, took = time.monotonic(), 0.0
    for start in range(0, len(plays), ROUND):
        if start:
            clear(world)
        done = perform(world, plays[start : start + ROUND], _tell)
        ends.update(played.ran.end for played in done)
        found = [text for played in done if (text := _wrong(played, right[played.play.scenario.name]))]
        _tell(f"{start + len(done)} of {len(plays)} crashes, {len(wrong) + len(found)} wrong")
        for text in [*found, *(f"{played.ran.end}: {played.play}" for played in done if played.ran.end != "crashed")]:
            _tell(text)
        wrong += found
        took = time.monotonic() - began
        if (
            every or once
        ) and not only:  # after each round: a run of half an hour that is broken off has shown what it has
            record_result(_result(plays, start + len(done), ends, len(wrong), took, every=every))
    _tell(f"{len(plays)} crashes in {took:.0f} s: {dict(ends)}")
    assert not wrong, f"{len(wrong)} of {len(plays)} crashes{how}:\n" + "\n".join(wrong)
    # some places are come by only when two things happen to fall together, on a busy machine otherwise than on a quiet one
    assert ends["crashed"] >= 0.8 * len(plays), ends


def _wrong(played: Played, right: Sequence[end_state.State]) -> str:
    """``right``: what it may have come to. What is told is the difference from the first."""
    differences = [end_state.differences(state, played.state) for state in right]
    lines = differences[0] if all(differences) else []
    if played.ran.end not in ("crashed", "settled"):
        lines.append(f"the operator was to crash and did not: {played.ran.end}")
    if not lines:
        return ""
    return "\n  ".join([f"{played.place}, {played.play}", *lines, str(played.ran.log)])


def _each_once(recorded: Iterable[Played]) -> Iterable[Play]:
    """Each place in the first scenario that comes by it, the first time, at both moments."""
    seen: set[Point] = set()
    for played in recorded:
        for point in played.ran.points:
            if point.nth == 1 and point not in seen:
                seen.add(point)
                yield Play(played.play.scenario, point)


def _everywhere(recorded: Iterable[Played]) -> Iterable[Play]:
    """Each place of a reconcile in each scenario, first and last; what comes before a reconcile only once."""
    once = {play.crash for play in _each_once(recorded)}
    for played in recorded:
        last: dict[tuple[Place, str], Point] = {}
        for point in played.ran.points:
            last[point.place, point.moment] = point
            if point.nth == 1 and not _of_reconcile(point) and point in once:
                once.discard(point)
                yield Play(played.play.scenario, point)
        for point in last.values():
            if _of_reconcile(point):
                yield Play(played.play.scenario, Point(point.place, point.moment))
                if point.nth > 1:
                    yield Play(played.play.scenario, point)


def _sample(recorded: Iterable[Played], seed: int) -> list[Play]:
    """Of each function in which a reconcile waits, and of each scenario.

    Each crash has its rank by the seed alone, so that what was recorded more or less this time changes nothing else.
    """
    scenarios: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    crashes = {
        play: _function(play.crash.place)
        for play in _everywhere(recorded)
        if play.crash is not None and _of_reconcile(play.crash)
    }
    ranked = sorted(crashes, key=lambda play: hashlib.sha256(f"{seed} {play}".encode()).digest())
    taken: dict[Play, None] = {}
    for group_of, groups, count in (
        (crashes.__getitem__, functions, OF_A_FUNCTION),
        (lambda play: play.scenario.name, scenarios, OF_A_SCENARIO),
    ):
        for play in ranked:
            if play not in taken and groups[group_of(play)] < count:
                taken[play] = None
                functions[crashes[play]] += 1
                scenarios[play.scenario.name] += 1
    return list(taken)


def _function(place: Place) -> str:
    """The innermost of the operator's functions that is no client's."""
    lines = [line for line in place if not line.startswith("clients/") and ":" in line] or list(place)
    file, _, rest = lines[-1].partition(":")
    return f"{file} {rest.partition(' ')[2]}"


def _of_reconcile(point: Point) -> bool:
    outer = point.place[0]
    return not outer.startswith(NONE_OF_RECONCILES) or (outer.startswith(RECONCILE) and len(point.place) > 1)


def _result(plays: Sequence[Play], done: int, ends: Counter[str], wrong: int, took: float, *, every: bool) -> Result:
    """Of the first ``done`` plays."""
    places = {play.crash.place for play in plays[:done] if play.crash is not None}
    scenarios = {play.scenario.name for play in plays[:done]}
    return Result(
        name="crashes",
        section=Section.STAYING_POWER,
        title="A crash at each await",
        command="make crashes" if every else "pytest tests/integration/crashes --crashes --record",
        about="The operator is killed where it waits for Kubernetes, Kafka or the registry: as it begins to wait, and as the"
        " answer is there and nothing was made of it. The places are found by an instrument, which looks at what coroutines"
        " are suspended in. Another operator starts, and what all came to is compared with a run without a crash: topics with"
        " ids, settings, partitions and records, subjects with versions, users, ACLs and Secrets, specs, finalizers and statuses. "
        + ("Each place in each scenario." if every else "Each place once, in the first scenario that comes by it."),
        rows=(
            Row("scenarios", len(scenarios), beside=f"of {len(SCENARIOS)}"),
            Row("places where the operator waits", len(places)),
            Row(
                "crashes",
                ends["crashed"],
                beside="" if done == len(plays) else f"broken off: {done} of {len(plays)} were played",
            ),
            Row("scenarios that did not come by the place again", done - ends["crashed"]),
            Row("crashes after which something was otherwise", wrong, at_most=0),
            Row("time", round(took / 60, 1), "min"),
        ),
        software={"Kafka": VERSION_OF_KAFKA},
    )


def _tell(text: str) -> None:
    sys.stderr.write(f"  crashes: {text}\n")
