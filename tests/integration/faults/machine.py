"""A Hypothesis state machine: random people, random accidents, random faults; and what must be so whatever they do."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from confluent_kafka import KafkaException
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from support.faults.neighbours import NAMESPACE, Neighbours
from support.faults.schedule import Fault, Plan
from support.faults.shim import TIMING
from support.faults.shop import Shop
from support.faults.world import HOME, NAMES, World
from support.waiting import until

TOPICS = ("a", "b", "c")
SCHEMAS = ("s", "t")
MOST = 4
"""Partitions of a topic."""

seeds = st.integers(0, 2**32 - 1)
which = st.integers(0, 5)
"""One of several resources."""
short, long = st.floats(0, 0.5), st.floats(0, 2)
"""Pauses in seconds."""
a_topic: dict[str, st.SearchStrategy[Any]] = {
    "partitions": st.integers(1, 3),
    "hours": st.integers(1, 9),
    "retain": st.booleans(),
}

PAUSE = 1.0
"""Seconds at most between two actions: some come before the operators have begun with the last one, and some after."""
RATES = (0.2, 0.1, 0.4)
"""Parts of all requests that meet a fault."""
GROUPS = (
    frozenset(Fault),
    frozenset({Fault.RESET, Fault.LOST_REPLY, Fault.DUPLICATE}),
    frozenset({Fault.STALE, Fault.DROP_EVENT, Fault.REPLAY_EVENT, Fault.DELAY}),
    frozenset({Fault.CONFLICT, Fault.GONE, Fault.BUSY, Fault.ERROR, Fault.UNAVAILABLE}),
    frozenset({Fault.REFUSE, Fault.DRIP, Fault.DELAY, Fault.HALF_OPEN}),
)


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done. ``drawn``: the strategies of its arguments; ``possible``: whether it can be done as things are."""

    what: str
    do: Callable[..., None]
    drawn: dict[str, st.SearchStrategy[Any]]
    possible: Callable[[Machine], object]


ACTIONS: dict[str, Action] = {}
"""All of them by what they are."""

Do = Callable[..., None]


def action(
    what: str, possible: Callable[[Machine], object] = lambda _: True, **drawn: st.SearchStrategy[Any]
) -> Callable[[Do], Do]:
    """One of the machine's actions."""

    def known(do: Do) -> Do:
        ACTIONS[what] = Action(what, do, drawn, possible)
        return do

    return known


def one(number: int, names: Sequence[str]) -> str:
    """One of several names."""
    return names[number % len(names)]


def avro(fields: int) -> str:
    """A record that each further field, which has a default, is compatible with."""
    more = [{"name": f"f{n}", "type": "int", "default": 0} for n in range(fields)]
    return json.dumps({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}, *more]})


def run(
    machine: type[RuleBasedStateMachine], examples: int, steps: int, *, number: int = 1, derandomize: bool = False
) -> None:
    """Run it. A failure is told as it was found: to run it again, or to come to a shorter one, would take minutes.

    ``number`` is that of the first example's namespace, and faults and the order of actions depend on it.
    """
    Machine.failure, Machine.number = None, number
    Machine.done.clear()
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                derandomize=derandomize,
                database=None,
                deadline=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseException:
        if Machine.failure is not None:
            raise Machine.failure from None
        raise


class Machine(RuleBasedStateMachine):
    """``world`` and ``neighbours`` are set by the test that runs it.

    What is done next is drawn from what is possible, in the order of how often it was done by now: Hypothesis' first example
    is the simplest one, which is always what was done least, and so comes by all actions; the others are random.
    """

    world: ClassVar[World]
    neighbours: ClassVar[Neighbours]
    number: ClassVar[int] = 1
    settled: ClassVar[list[float]] = []
    """Seconds that settling took."""
    done: ClassVar[Counter[str]] = Counter()
    """Actions in this run."""
    actions: ClassVar[Counter[str]] = Counter()
    """Actions in all runs."""
    failure: ClassVar[BaseException | None] = None
    """What was found in this run; Hypothesis would do all of it once more."""

    def __init__(self) -> None:
        super().__init__()
        if Machine.failure is not None:
            raise Machine.failure
        self.world.forget_writes()
        self.seed = Machine.number
        self.shop = Shop(self.world, f"f{self.seed}")
        Machine.number += 1
        self.plans = 0
        self.order = list(ACTIONS)
        self.chance = random.Random(self.seed)
        self.chance.shuffle(self.order)
        self.fields: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell of what was done when something is not as it must be, and note that it was found."""
        try:
            with self.shop.told():
                yield
        except Exception as error:
            Machine.failure = error
            raise

    def teardown(self) -> None:
        """Whatever was done: without faults the world comes to rest as declared, and so does its end."""
        self.world.schedule.use(None)
        try:
            if sys.exc_info()[0] is None:
                with self.told():
                    self.settle()
                    self.shop.end()
                return
        except Exception:
            self.give_up()
            raise
        self.give_up()

    def give_up(self) -> None:
        """Something is wrong here: it is not to show in what comes next."""
        self.shop.abandon()
        self.neighbours.accept()

    def settle(self) -> None:
        """No more faults: all is as declared within the bound, and stays so; no record is lost, no secret told."""
        self.settled.append(self.shop.settle())
        self.shop.look_at_records()
        leaks = self.world.leaks([self.shop.namespace, NAMESPACE])
        assert not leaks, f"a secret is told in {leaks}"

    @initialize(seed=seeds)
    def begin_with_faults(self, seed: int) -> None:
        """Some things are there, and faults from the beginning."""
        with self.told():
            self.faults(seed, RATES[0], GROUPS[0])
            name = self.name("a")
            self.declare(name, 1, 1, retain=False)
            self.shop.apply("KafkaSchema", self.name("s"), {"subject": f"{self.name('s')}-value", "schema": avro(0)})
            self.shop.apply("KafkaDLQPolicy", name, {"topics": [name]})

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """Do something that can be done."""
        with self.told():
            possible = [name for name in self.order if ACTIONS[name].possible(self)]
            possible.sort(key=lambda name: self.done[name])  # those that were done as often stay in their order
            chosen = ACTIONS[data.draw(st.sampled_from(possible), "action")]
            values = {name: data.draw(strategy, name) for name, strategy in chosen.drawn.items()}
            self.done[chosen.what] += 1
            self.actions[chosen.what] += 1
            chosen.do(self, **values)
            time.sleep(self.chance.uniform(0, PAUSE))

    # --- faults --------------------------------------------------------------------------------

    def faults(self, seed: int, rate: float, faults: frozenset[Fault]) -> None:
        """From now on these happen. No two plans of an example are the same, though Hypothesis' simplest seeds are."""
        self.plans += 1
        plan = Plan(seed + 1_000_000 * self.plans + self.seed, rate, faults)
        self.shop.say(f"faults: seed {plan.seed}, rate {rate}, {sorted(faults)}")
        self.world.schedule.use(plan)

    @action("other faults", seed=seeds, rate=st.sampled_from(RATES), faults=st.sampled_from(GROUPS))
    def other_faults(self, seed: int, rate: float, faults: frozenset[Fault]) -> None:
        self.faults(seed, rate, faults)

    # --- people --------------------------------------------------------------------------------

    def declare(self, name: str, partitions: int, hours: int, *, retain: bool) -> None:
        """A topic, or another spec of it; partitions only grow."""
        self.sizes[name] = max(partitions, self.sizes.get(name, 0))
        spec: dict[str, Any] = {
            "partitions": self.sizes[name],
            "config": {"retention.ms": hours * 36_000_000},
            "deletionPolicy": "Retain" if retain else "Delete",
            # what a resource before this one retained
            "adoptionPolicy": "Always",
        }
        self.shop.apply("KafkaTopic", name, spec)

    def declare_schema(self, name: str, fields: int) -> None:
        """A schema, or another version of it; fields only grow."""
        self.fields[name] = max(fields, self.fields.get(name, 0))
        self.shop.apply("KafkaSchema", name, {"subject": f"{name}-value", "schema": avro(self.fields[name])})

    def recreate(self, kind: str, of: int) -> None:
        """Delete one, and declare it again under the same name."""
        name = one(of, self.declared(kind))
        spec = self.shop.declared[kind, name]
        self.shop.delete(kind, name)
        self.shop.apply(kind, name, spec)

    @action("create topic", lambda self: self.free("KafkaTopic"), of=which, **a_topic)
    def create_topic(self, of: int, partitions: int, hours: int, retain: bool) -> None:
        self.declare(one(of, self.free("KafkaTopic")), partitions, hours, retain=retain)

    @action("change topic", lambda self: self.declared("KafkaTopic"), of=which, **a_topic)
    def change_topic(self, of: int, partitions: int, hours: int, retain: bool) -> None:
        self.declare(one(of, self.declared("KafkaTopic")), partitions, hours, retain=retain)

    @action("delete topic", lambda self: self.declared("KafkaTopic"), of=which)
    def delete_topic(self, of: int) -> None:
        self.shop.delete("KafkaTopic", one(of, self.declared("KafkaTopic")))

    @action("recreate topic", lambda self: self.declared("KafkaTopic"), of=which)
    def recreate_topic(self, of: int) -> None:
        self.recreate("KafkaTopic", of)

    @action("create schema", lambda self: self.free("KafkaSchema"), of=which, fields=st.integers(0, 3))
    def create_schema(self, of: int, fields: int) -> None:
        self.declare_schema(one(of, self.free("KafkaSchema")), fields)

    @action("change schema", lambda self: self.declared("KafkaSchema"), of=which, more=st.integers(1, 3))
    def change_schema(self, of: int, more: int) -> None:
        name = one(of, self.declared("KafkaSchema"))
        self.declare_schema(name, self.fields.get(name, 0) + more)

    @action("delete schema", lambda self: self.declared("KafkaSchema"), of=which)
    def delete_schema(self, of: int) -> None:
        self.shop.delete("KafkaSchema", one(of, self.declared("KafkaSchema")))

    @action("recreate schema", lambda self: self.declared("KafkaSchema"), of=which)
    def recreate_schema(self, of: int) -> None:
        self.recreate("KafkaSchema", of)

    @action("create policy", lambda self: self.free("KafkaDLQPolicy"), of=which)
    def create_policy(self, of: int) -> None:
        name = one(of, self.free("KafkaDLQPolicy"))
        self.shop.apply("KafkaDLQPolicy", name, {"topics": [name]})

    @action("delete policy", lambda self: self.declared("KafkaDLQPolicy"), of=which)
    def delete_policy(self, of: int) -> None:
        self.shop.look_at_topics()
        self.shop.delete("KafkaDLQPolicy", one(of, self.declared("KafkaDLQPolicy")))

    @action("write records", lambda self: self.writable(), of=which, count=st.integers(1, 20))
    def write_records(self, of: int, count: int) -> None:
        self.shop.write(one(of, self.writable()), count)

    @action("redrive dead letters", lambda self: self.redrivable(), of=which, count=st.integers(1, 20))
    def redrive_dead_letters(self, of: int, count: int) -> None:
        name = one(of, self.redrivable())
        self.shop.write(f"{name}.dlq", count, as_letters_of=name)
        self.shop.redrive(name)

    @action("setting by hand", lambda self: self.there(), of=which)
    def edit_setting_by_hand(self, of: int) -> None:
        name = one(of, self.there())
        self.shop.say(f"another retention.ms of {name} by hand")
        self.shop.view.set_config(name, "retention.ms", "86400000")

    @action("partitions by hand", lambda self: self.growable(), of=which)
    def add_partitions_by_hand(self, of: int) -> None:
        """Declared after that: fewer than there are would be refused for good."""
        name = one(of, self.growable())
        self.shop.say(f"one more partition of {name} by hand")
        view = self.shop.view
        more = view.partitions(name) + 1
        try:
            view.add_partitions(name, more)
        except KafkaException as error:
            self.shop.say(f"  an operator was quicker: {error}")
        else:
            until(lambda: view.partitions(name) >= more, "the broker that is asked has heard of it")
        self.sizes[name] = max(self.sizes[name], self.shop.view.partitions(name))
        spec = {**self.shop.declared["KafkaTopic", name], "partitions": self.sizes[name]}
        self.shop.apply("KafkaTopic", name, spec)

    @action("delete by hand", lambda self: self.there(), of=which)
    def delete_by_hand(self, of: int) -> None:
        self.shop.delete_by_hand(one(of, self.there()))

    levels = st.sampled_from(("NONE", "FULL", "FORWARD"))

    @action("level by hand", lambda self: self.declared("KafkaSchema"), of=which, level=levels)
    def set_level_by_hand(self, of: int, level: str) -> None:
        self.shop.set_level_by_hand(one(of, self.declared("KafkaSchema")), level)

    @action("rotate Secret", pause=short)
    def rotate_secret(self, pause: float) -> None:
        time.sleep(pause)
        self.shop.say("rotate the Secret")
        password = self.world.new_password()
        self.world.tell(self.shop.namespace, password)
        self.world.tell(NAMESPACE, password)

    # --- accidents -----------------------------------------------------------------------------

    @action("kill operator", name=st.sampled_from(NAMES))
    def kill_operator(self, name: str) -> None:
        self.shop.say(f"SIGKILL {name}")
        self.world.kill(name)

    @action("kill leading operator", lambda self: self.world.leader(), pause=short)
    def kill_leader(self, pause: float) -> None:
        time.sleep(pause)
        if name := self.world.leader():
            self.shop.say(f"SIGKILL {name}, which leads")
            self.world.kill(name)

    @action("expire Lease", lambda self: self.world.leader(), pause=short)
    def suspend_leader_past_its_lease(self, pause: float) -> None:
        time.sleep(pause)
        if name := self.world.leader():
            self.shop.say(f"{name} is suspended past its Lease")
            with self.world.suspended(name):
                time.sleep(TIMING.duration + 2)

    @action("delete Lease", pause=short)
    def delete_lease(self, pause: float) -> None:
        time.sleep(pause)
        self.shop.say("delete the Lease")
        self.world.kubectl.run("-n", HOME, "delete", "lease", "kafkade", "--ignore-not-found")

    @action("kill broker", pause=long)
    def kill_broker(self, pause: float) -> None:
        self.shop.say("SIGKILL the broker")
        self.world.kafka.kill_broker(1)
        time.sleep(pause)
        self.world.kafka.start_broker(1)
        self.shop.forget_connections()

    @action("kill API server", pause=long)
    def kill_api_server(self, pause: float) -> None:
        self.shop.say("SIGKILL the API server")
        self.world.control_plane.stop_api_server()
        time.sleep(pause)
        self.world.control_plane.start_api_server()

    @action("clock jump", seconds=st.sampled_from((-86_400, -600, 600, 43_200)))
    def wall_clock_jumps(self, seconds: int) -> None:
        """Forwards less than finalizerReleaseAfter, a day, which is counted by that clock."""
        self.shop.say(f"the operators' wall clock jumps by {seconds} s")
        self.world.jump(wall=seconds)

    @action("machine sleeps", seconds=st.sampled_from((30, 2, 3600)))
    def machine_slept(self, seconds: int) -> None:
        self.shop.say(f"the operators' machine slept for {seconds} s")
        self.world.jump(machine=seconds)

    @action("time passes", seconds=long)
    def time_passes(self, seconds: float) -> None:
        time.sleep(seconds)

    @action("faults stop", lambda self: len(self.shop.log) > 12, pause=short, seed=seeds)
    def faults_stop(self, pause: float, seed: int) -> None:
        """And begin again, once all has come to rest; then there are dead letters' topics, which can be redriven from."""
        time.sleep(pause)
        if not any(("KafkaDLQPolicy", name) in self.shop.declared for name in self.declared("KafkaTopic")):
            name = self.name(TOPICS[0])
            self.declare(name, 1, 1, retain=False)
            self.shop.apply("KafkaDLQPolicy", name, {"topics": [name]})
        self.settle()
        self.faults(seed, RATES[0], GROUPS[0])

    # --- what can be done ----------------------------------------------------------------------

    def name(self, short: str) -> str:
        """Of a topic, a schema or a policy of this example."""
        return f"{self.shop.namespace}-{short}"

    def declared(self, kind: str) -> list[str]:
        """Names of the resources of a kind that are to be there."""
        return sorted(name for of, name in self.shop.declared if of == kind)

    def free(self, kind: str) -> list[str]:
        """Names of a kind that are not declared."""
        names = map(self.name, SCHEMAS if kind == "KafkaSchema" else TOPICS)
        return [name for name in names if (kind, name) not in self.shop.declared]

    def there(self) -> list[str]:
        """Topics that are in Kafka, and are to stay there."""
        return [name for short in TOPICS if self.shop.stays(name := self.name(short))]

    def growable(self) -> list[str]:
        """Topics that may have another partition."""
        return [name for name in self.there() if name in self.declared("KafkaTopic") and self.sizes[name] < MOST]

    def writable(self) -> list[str]:
        """Topics that records can be written to."""
        return [name for name in self.there() if self.shop.is_writable(name)]

    def redrivable(self) -> list[str]:
        """Topics with a place for dead letters, from which they can be put back."""
        return [name for name in self.there() if self.shop.is_redrivable(name)]

    # --- what must always be so ----------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        with self.told():
            self.world.tend()
            self.shop.make_waiting()
            self.shop.look_at_topics()
            self.shop.look_at_subjects()
            touched = self.neighbours.touched()
            assert not touched, f"others' resources, topics and subjects were touched: {touched}"

    @invariant()
    def one_acts(self) -> None:
        with self.told():
            found = self.world.rivals()
            assert not found, f"two operators act: {found[:5]}"
