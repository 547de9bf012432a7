"""Plays scenarios, each in a namespace of its own and all side by side: with a crash somewhere, or to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from integration.crashes import end_state
from integration.crashes.scenarios import Apply, Change, Changes, Scenario
from integration.crashes.world import COMMON, Object, World, apply, delete, path_of
from kafkade.devstack.parallel import gather
from support.api import Api
from support.await_points import Point
from support.kubernetes import current
from support.warm_operator import Order, Ran

AT_ONCE = 6
"""Operators at work at the same time."""

PATIENCE = 60.0
"""Seconds without any change after which what is not brought about by then is taken to come never."""


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario to be played, and where its operator is crashed; None: nowhere.

    ``unseen``: no operator runs between the change and what the user changes meanwhile.
    """

    scenario: Scenario
    crash: Point | None = None
    unseen: bool = False

    def __str__(self) -> str:
        if self.unseen:
            return f"{self.scenario.name}: unseen"
        return self.scenario.name if self.crash is None else f"{self.scenario.name}: {self.crash}"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it. ``state``: in the end, after another operator had started and had nothing to do any more."""

    play: Play
    place: str
    ran: Ran
    state: end_state.State


def perform(world: World, plays: Sequence[Play], tell: Callable[[str], None] = lambda _: None) -> list[Played]:
    """Play all of them; results in the same order."""
    cast = [(play, world.place()) for play in plays]
    _change(world, [(play.scenario.before, place) for play, place in cast])
    tell(f"{len(plays)} scenarios prepared")
    _bring_about(world)
    tell("brought about")
    gather(*(partial(play.scenario.by_hand, world, place) for play, place in cast), limit=4)
    ids = end_state.topic_ids(world)
    _change(world, [(play.scenario.change, place) for play, place in cast])
    tell("changed; now the crashes")
    ran = gather(*(partial(_run, world, play, place) for play, place in cast), limit=AT_ONCE)
    tell("crashed")
    _change(world, [(play.scenario.meanwhile, place) for play, place in cast])
    _bring_about(world)
    tell("finished")
    states = end_state.of_everything(world, ids)
    return [Played(play, place, one, states.get(place, {})) for (play, place), one in zip(cast, ran, strict=True)]


def _run(world: World, play: Play, place: str) -> Ran:
    if play.unseen:
        return Ran("settled", (), Path())
    namespaces = (place,) if play.scenario.own_cluster else (place, COMMON)
    return world.warm.run(Order(namespaces, play.crash))


def _change(world: World, changes: Iterable[tuple[Changes, str]]) -> None:
    with world.api(COMMON) as api:
        for of, place in changes:
            api.namespace = place
            for change in of(world, place):
                _do(change, api)


def _do(change: Change, api: Api) -> None:
    if isinstance(change, Apply):
        apply(api, change.what)
    else:
        delete(api, change.kind, change.name)


REST = 0.5
"""Seconds without any change after which all is taken to be brought about."""


def _bring_about(world: World) -> None:
    """Run an operator for everything until nothing changes any more."""
    operator = world.warm.start(Order(stays=True))
    try:
        before, changed = None, time.monotonic()
        at_rest = changed
        while True:
            now, moment = end_state.listed(world), time.monotonic()
            if now != before:
                before, changed, at_rest = now, moment, moment
            elif not operator.idle or _unfinished(now):
                at_rest = moment
            if moment - at_rest > REST or moment - changed > PATIENCE:  # what never comes shows in the end state
                return
            time.sleep(0.15)
    finally:
        operator.kill()


def _unfinished(found: Sequence[Object]) -> list[str]:
    """What is in deletion, or waits for the garbage collector, or was not looked at."""
    uids = {item["metadata"]["uid"] for item in found}
    left = []
    for item in found:
        meta = item["metadata"]
        orphan = any(o["uid"] not in uids for o in meta.get("ownerReferences", ()))
        if "deletionTimestamp" in meta or orphan or not current(item):
            left.append(f"{item['kind']} {meta['namespace']}/{meta['name']}")
    return left


def clear(world: World) -> None:
    """Be rid of all that was played, at once and past the operator: what it was compared with is known."""
    with world.api(COMMON) as api:
        for item in end_state.listed(world):
            api.namespace = item["metadata"]["namespace"]
            if api.namespace != COMMON:
                path = path_of(item["kind"], api.namespace, item["metadata"]["name"])
                api.call("DELETE", path, {"propagationPolicy": "Orphan"})
                api.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    topics = [name for name in world.view.topics() if end_state.PLACE.search(name)]
    if topics:
        world.view.delete(*topics)
