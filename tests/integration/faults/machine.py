"""A Hypothesis state machine: random people, random accidents, random faults; and what must be so whatever they do."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.faults.neighbours import NAMESPACE, Neighbours
from support.faults.schedule import Fault, Plan
from support.faults.shim import TIMING
from support.faults.shop import Shop
from support.faults.world import HOME, NAMES, World

_numbers = itertools.count(1)

TOPICS = ("a", "b", "c")
SCHEMAS = ("s", "t")
topics = st.sampled_from(TOPICS)
schemas = st.sampled_from(SCHEMAS)
seeds = st.integers(0, 2**32 - 1)

GROUPS = (
    frozenset(Fault),
    frozenset({Fault.RESET, Fault.LOST_REPLY, Fault.DUPLICATE}),
    frozenset({Fault.STALE, Fault.DROP_EVENT, Fault.REPLAY_EVENT, Fault.DELAY}),
    frozenset({Fault.CONFLICT, Fault.GONE, Fault.BUSY, Fault.ERROR, Fault.UNAVAILABLE}),
    frozenset({Fault.REFUSE, Fault.DRIP, Fault.DELAY, Fault.HALF_OPEN}),
)


def avro(fields: int) -> str:
    """A record that each further field, which has a default, is compatible with."""
    more = [{"name": f"f{n}", "type": "int", "default": 0} for n in range(fields)]
    return json.dumps({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}, *more]})


def run(machine: type[RuleBasedStateMachine], examples: int, steps: int, *, derandomize: bool = False) -> None:
    """Run it. A failure is told as it was found: to run it again, or to come to a shorter one, would take minutes."""
    Machine.failure = None
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
    """``world`` is set by the test that runs it; ``settled`` collects the seconds that settling took."""

    world: ClassVar[World]
    neighbours: ClassVar[Neighbours]
    settled: ClassVar[list[float]] = []
    actions: ClassVar[list[str]] = []
    failure: ClassVar[BaseException | None] = None
    """What was found in this run; Hypothesis would do all of it once more."""

    def __init__(self) -> None:
        super().__init__()
        if Machine.failure is not None:
            raise Machine.failure
        self.shop = Shop(self.world, f"f{next(_numbers)}")
        self.fields: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    def name(self, short: str) -> str:
        """Of a topic, a schema or a policy of this example."""
        return f"{self.shop.namespace}-{short}"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell of what was done when something is not as it must be, and note that it was found."""
        try:
            with self.shop.told():
                yield
        except Exception as error:
            Machine.failure = error
            raise

    def did(self, what: str) -> None:
        """Count it."""
        self.actions.append(what)

    def teardown(self) -> None:
        """Whatever was done: without faults the world comes to rest as declared, and so does its end."""
        self.world.schedule.use(None)
        if sys.exc_info()[0] is not None:
            return
        with self.told():
            self.settle()
            self.shop.end()

    def settle(self) -> None:
        """No more faults: all is as declared within the bound, and stays so; no record is lost, no secret told."""
        self.settled.append(self.shop.settle())
        self.shop.look_at_records()
        leaks = self.world.leaks([self.shop.namespace, NAMESPACE])
        assert not leaks, f"a secret is told in {leaks}"

    # --- faults --------------------------------------------------------------------------------

    @initialize(seed=seeds)
    def begin_with_faults(self, seed: int) -> None:
        self.shop.say(f"faults: seed {seed}")
        self.world.schedule.use(Plan(seed, 0.1))
        name = self.name("a")
        with self.told():
            self.declare("a", 1, 1, retain=False)
            self.shop.apply("KafkaSchema", self.name("s"), {"subject": f"{self.name('s')}-value", "schema": avro(0)})
            self.shop.apply("KafkaDLQPolicy", name, {"topics": [name]})

    @rule(seed=seeds, rate=st.sampled_from((0.05, 0.15, 0.3)), faults=st.sampled_from(GROUPS))
    def other_faults(self, seed: int, rate: float, faults: frozenset[Fault]) -> None:
        self.did("faults")
        self.shop.say(f"faults: seed {seed}, rate {rate}, {sorted(faults)}")
        self.world.schedule.use(Plan(seed, rate, faults))

    # --- people --------------------------------------------------------------------------------

    @rule(short=topics, partitions=st.integers(1, 3), hours=st.integers(1, 9), retain=st.booleans())
    def declare_topic(self, short: str, partitions: int, hours: int, retain: bool) -> None:
        known = ("KafkaTopic", self.name(short)) in self.shop.declared
        self.did("change topic" if known else "create topic")
        with self.told():
            self.declare(short, partitions, hours, retain=retain)

    def declare(self, short: str, partitions: int, hours: int, *, retain: bool) -> None:
        """A topic, or another spec of it; partitions only grow."""
        name = self.name(short)
        size = max(partitions, self.sizes.get(name, 0))
        self.sizes[name] = size
        spec: dict[str, Any] = {
            "partitions": size,
            "config": {"retention.ms": hours * 36_000_000},
            "deletionPolicy": "Retain" if retain else "Delete",
            # what a resource before this one retained
            "adoptionPolicy": "Always",
        }
        self.shop.apply("KafkaTopic", name, spec)

    @rule(short=topics)
    def delete_topic(self, short: str) -> None:
        name = self.name(short)
        if ("KafkaTopic", name) in self.shop.declared:
            self.did("delete topic")
            with self.told():
                self.shop.delete("KafkaTopic", name)

    @rule(short=topics)
    def recreate_topic(self, short: str) -> None:
        name = self.name(short)
        if ("KafkaTopic", name) in self.shop.declared:
            self.did("recreate topic")
            spec = self.shop.declared["KafkaTopic", name]
            with self.told():
                self.shop.delete("KafkaTopic", name)
                self.shop.apply("KafkaTopic", name, spec)

    @rule(short=schemas, fields=st.integers(0, 3))
    def declare_schema(self, short: str, fields: int) -> None:
        name = self.name(short)
        self.did("declare schema")
        self.fields[name] = max(fields, self.fields.get(name, 0))
        with self.told():
            self.shop.apply("KafkaSchema", name, {"subject": f"{name}-value", "schema": avro(self.fields[name])})

    @rule(short=schemas)
    def delete_schema(self, short: str) -> None:
        name = self.name(short)
        if ("KafkaSchema", name) in self.shop.declared:
            self.did("delete schema")
            self.shop.delete("KafkaSchema", name)

    @rule(short=topics, count=st.integers(1, 20))
    def write_records(self, short: str, count: int) -> None:
        self.did("write records")
        with self.told():
            self.shop.write(self.name(short), count)

    @rule(short=topics)
    def declare_policy(self, short: str) -> None:
        name = self.name(short)
        self.did("create policy")
        with self.told():
            self.shop.apply("KafkaDLQPolicy", name, {"topics": [name]})

    @rule(short=topics)
    def delete_policy(self, short: str) -> None:
        name = self.name(short)
        if ("KafkaDLQPolicy", name) in self.shop.declared:
            self.did("delete policy")
            with self.told():
                self.shop.look_at_topics()
            self.shop.delete("KafkaDLQPolicy", name)

    @rule(short=topics, count=st.integers(1, 20))
    def dead_letters_and_redrive(self, short: str, count: int) -> None:
        name = self.name(short)
        with self.told():
            self.shop.write(f"{name}.dlq", count, as_letters_of=name)
            if self.shop.topic(f"{name}.dlq").written:
                self.did("redrive")
                self.shop.redrive(name)

    @rule(short=topics, what=st.sampled_from(("setting", "partitions", "delete")))
    def edit_kafka_by_hand(self, short: str, what: str) -> None:
        name = self.name(short)
        with self.told():
            self.shop.look_at_topics()
            topic = self.shop.topic(name)
            if topic.id is None or topic.may_go:
                return
            self.did(f"Kafka by hand: {what}")
            if what == "delete":
                self.shop.delete_by_hand(name)
                return
            self.shop.say(f"{what} of {name} by hand")
            if what == "setting":
                self.shop.view.set_config(name, "retention.ms", "86400000")
            elif ("KafkaTopic", name) in self.shop.declared and self.shop.view.partitions(name) < 3:
                # as the spec will have them later: fewer than there are would be refused for good
                self.shop.view.add_partitions(name, self.shop.view.partitions(name) + 1)
                self.sizes[name] = max(self.sizes.get(name, 0), self.shop.view.partitions(name))
                spec = {**self.shop.declared["KafkaTopic", name], "partitions": self.sizes[name]}
                self.shop.apply("KafkaTopic", name, spec)

    @rule(short=schemas, level=st.sampled_from(("NONE", "FULL", "FORWARD")))
    def edit_registry_by_hand(self, short: str, level: str) -> None:
        name = self.name(short)
        if ("KafkaSchema", name) in self.shop.declared:
            self.did("registry by hand")
            self.shop.set_level_by_hand(name, level)

    @rule(pause=st.floats(0, 0.5))
    def rotate_secret(self, pause: float) -> None:
        time.sleep(pause)
        self.did("rotate Secret")
        self.shop.say("rotate the Secret")
        password = self.world.new_password()
        self.world.tell(self.shop.namespace, password)
        self.world.tell(NAMESPACE, password)

    # --- accidents -----------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES))
    def kill_operator(self, name: str) -> None:
        self.did("kill operator")
        self.shop.say(f"SIGKILL {name}")
        self.world.kill(name)

    @rule(pause=st.floats(0, 0.5))
    def suspend_leader_past_its_lease(self, pause: float) -> None:
        time.sleep(pause)
        name = self.world.leader()
        if name:
            self.did("expire Lease")
            self.shop.say(f"{name} is suspended past its Lease")
            with self.world.suspended(name):
                time.sleep(TIMING.duration + 2)

    @rule(pause=st.floats(0, 0.5))
    def delete_lease(self, pause: float) -> None:
        time.sleep(pause)
        self.did("delete Lease")
        self.shop.say("delete the Lease")
        self.world.kubectl.run("-n", HOME, "delete", "lease", "kafkade", "--ignore-not-found")

    @rule(pause=st.floats(0, 2))
    def kill_broker(self, pause: float) -> None:
        self.did("kill broker")
        self.shop.say("SIGKILL the broker")
        self.world.kafka.kill_broker(1)
        time.sleep(pause)
        self.world.kafka.start_broker(1)
        self.shop.forget_connections()

    @rule(pause=st.floats(0, 2))
    def kill_api_server(self, pause: float) -> None:
        self.did("kill API server")
        self.shop.say("SIGKILL the API server")
        self.world.control_plane.stop_api_server()
        time.sleep(pause)
        self.world.control_plane.start_api_server()

    @rule(seconds=st.sampled_from((-86_400, -600, 600, 86_400)))
    def wall_clock_jumps(self, seconds: int) -> None:
        self.did("clock jump")
        self.shop.say(f"the operators' wall clock jumps by {seconds} s")
        self.world.jump(wall=seconds)

    @rule(seconds=st.sampled_from((2, 30, 3600)))
    def machine_slept(self, seconds: int) -> None:
        self.did("machine slept")
        self.shop.say(f"the operators' machine slept for {seconds} s")
        self.world.jump(machine=seconds)

    @rule(seconds=st.floats(0.2, 2))
    def time_passes(self, seconds: float) -> None:
        time.sleep(seconds)

    @precondition(lambda self: len(self.shop.log) > 6)
    @rule(pause=st.floats(0, 0.5))
    def faults_stop(self, pause: float) -> None:
        time.sleep(pause)
        self.did("settle")
        with self.told():
            self.settle()

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
