"""Specs go from one state to another, and what comes of it is what a fresh install of the last one comes to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from results import Result, Row, Section

from kafkade.api.kinds import KINDS
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from support.api import Api
from support.kafka import KafkaView
from support.places import DEPLOY
from support.stack import Stack, own_stack
from support.transitions.fields import Field, fields_of
from support.transitions.world import NAMESPACE, World

VERSION = "4.1.1"
FEW, SEED = 200, 8
"""So many in `make test`, always in the same order."""
EVERY_FIELD = 2000
"""Where so many are wanted, it goes on until every field of every kind had a value."""

WALKERS = {
    "KafkaTopic": 8,
    "KafkaSchema": 15,
    "KafkaDLQPolicy": 8,
    "KafkaDLQRedrive": 8,
    "KafkaCluster": 18,
    "KafkaServiceBinding": 6,
}
"""As many as the kind has fields, more or less, so that all are through with theirs at the same time."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An operator of its own: others' resources would be compared with."""
    with own_stack(tmp_path_factory.mktemp("operator") / "operator.log") as running:
        yield running


@pytest.mark.timeout(7200)
def test_a_transition_comes_to_what_a_fresh_install_comes_to(
    stack: Stack, apicurio: Registry, pytestconfig: pytest.Config, record_result: Callable[[Result], Result]
) -> None:
    wanted = int(pytestconfig.getoption("--transitions", None) or FEW)
    seed = int(pytestconfig.getoption("--seed", None) or SEED)
    with (
        Kafka(VERSION, brokers=1) as kafka,
        closing(Api(stack.control_plane.kubeconfig, NAMESPACE)) as api,
    ):
        world = World(api, KafkaView(kafka.bootstrap), apicurio.url, seed)
        world.furnish()
        # what lets the operator write the Secrets of service bindings there
        stack.kubectl.run("apply", "-n", NAMESPACE, "-f", str(DEPLOY / "rbac" / "bindings.yaml"))
        walkers = world.walkers(WALKERS)
        started = time.monotonic()
        while world.tally.total < wanted or (
            wanted >= EVERY_FIELD and untouched(world) and world.tally.total < 2 * wanted
        ):
            world.go(walkers)
        world.quiet(walkers, 5)
        seconds = time.monotonic() - started
        log = Path(stack.operator.log).read_text(errors="replace")
        stack.operator.stop()
    tally = world.tally
    missing = untouched(world)
    rows = [
        Row("transitions", tally.total, at_least=EVERY_FIELD),
        *(Row(f"transitions of {kind}", tally.transitions[kind], beside=_reached(world, kind)) for kind in KINDS),
        Row("of these refused by the API server, with a message", sum(tally.refused.values())),
        Row(
            "compared with a fresh install",
            tally.total - sum(tally.refused.values()) + tally.fresh,
            beside=f"{tally.whole} of them whole, for both were Ready; else by reason, and nothing was to change",
        ),
        Row("fields of which no value was taken", len(missing), at_most=0),
        Row("findings: states that a fresh install does not come to", len(tally.findings), at_most=0),
        Row("wall time", round(seconds), "s"),
    ]
    record_result(
        Result(
            "transitions",
            Section.STAYING_POWER,
            "Transitions of specs",
            "make transitions",
            tuple(rows),
            about="Fields of every kind, as the CRDs' schemas have them, are set, changed, broken, mended and taken out again on"
            " resources that live on, beside a fresh resource of the same spec at each step. Kafka, the registry, ConfigMaps and"
            " status must be the same; a spec that is wrong is refused or told by a documented reason, and changes nothing.",
            software={"Kafka": VERSION},
        )
    )
    said = (
        f"{tally.total} transitions in {seconds:.0f} s and {tally.rounds} rounds, {len(missing)} fields without a value"
    )
    logging.getLogger(__name__).warning("%s; %s", said, dict(tally.transitions))
    assert not tally.findings, f"{len(tally.findings)} findings:\n" + "\n".join(tally.findings[:80])
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
    if wanted >= EVERY_FIELD:
        assert not missing, f"no value was taken of {', '.join(map(str, missing))}"


def _reached(world: World, kind: str) -> str:
    fields = fields_of(kind)
    return f"{sum(field in world.tally.touched for field in fields)} of {len(fields)} fields had a value that was taken"


def untouched(world: World) -> list[Field]:
    """Fields of the kinds' schemas of which the API server has taken no value yet."""
    return [field for kind in KINDS for field in fields_of(kind) if field not in world.tally.touched]
