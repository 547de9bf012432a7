"""Who leads, as tables; and whatever happens to clocks, messages and processes, never two at a time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkade.api.lease import Lease, LeaseName
from kafkade.engine.election import Election, Step, Timing

NAME = LeaseName("kafkade-system", "kafkade")
TIMING = Timing()


def lease(holder: str, version: int, duration: int = 15) -> Lease:
    """A Lease as the API server has it; what it says of times does not matter."""
    return Lease(NAME, holder, duration, uid="u", version=str(version))


NEW = Election("me")
OTHERS = NEW.observed(lease("other", 1), 100.0)
MINE = NEW.observed(None, 100.0).wrote(lease("me", 1), 100.0)


@pytest.mark.parametrize(
    ("election", "now", "step", "reason"),
    [
        (NEW, 0.0, Step.LOOK, "nothing is known yet"),
        (NEW.observed(None, 0.0), 0.0, Step.TAKE, "there is none"),
        (NEW.observed(lease("", 1), 0.0), 0.0, Step.TAKE, "it was given back"),
        (NEW.observed(lease("me", 1), 0.0), 0.0, Step.TAKE, "a write of which no answer came"),
        (OTHERS, 100.0, Step.WAIT, "another one has just been seen"),
        (OTHERS, 114.9, Step.WAIT, "its time is not over"),
        (OTHERS, 115.0, Step.TAKE, "no renewal was seen for as long as it lasts"),
        (OTHERS.observed(lease("other", 1), 110.0), 115.0, Step.TAKE, "to see it again is no renewal"),
        (OTHERS.observed(lease("other", 2), 110.0), 115.0, Step.WAIT, "it was renewed"),
        (OTHERS.observed(lease("other", 2), 110.0), 125.0, Step.TAKE, "and not again"),
        (OTHERS.observed(lease("", 2), 101.0), 101.0, Step.TAKE, "given back meanwhile"),
        (OTHERS.observed(None, 101.0), 101.0, Step.WAIT, "deleted, and its holder may not know it yet"),
        (OTHERS.observed(None, 101.0), 115.0, Step.TAKE, "by now it does"),
        (NEW.observed(lease("other", 1, duration=60), 0.0), 59.9, Step.WAIT, "its holder wants longer"),
        (NEW.observed(lease("other", 1, duration=1), 0.0), 14.9, Step.WAIT, "never shorter than one's own"),
        (NEW.observed(lease("other", 1, duration=0), 0.0), 15.0, Step.TAKE, "its holder did not say how long"),
        (OTHERS.unsure(), 200.0, Step.LOOK, "a write was refused"),
        (MINE, 100.0, Step.RENEW, "held"),
        (MINE, 109.9, Step.RENEW, "still"),
        (MINE, 110.0, Step.LOST, "the deadline"),
        (MINE.unsure(), 105.0, Step.LOOK, "nobody knows what became of a renewal"),
        (MINE.unsure(), 110.0, Step.LOST, "the deadline comes first"),
        (MINE.unsure().observed(lease("me", 2), 105.0), 105.0, Step.RENEW, "it had been written"),
        (MINE.unsure().observed(lease("me", 2), 105.0), 110.0, Step.LOST, "but since when is not known"),
        (MINE.observed(lease("other", 2), 105.0), 105.0, Step.LOST, "somebody took it by hand"),
        (MINE.observed(lease("", 2), 105.0), 105.0, Step.LOST, "somebody emptied it by hand"),
        (MINE.observed(None, 105.0), 105.0, Step.LOST, "somebody deleted it, and another one may have made it anew"),
        (MINE.wrote(lease("me", 2), 108.0), 117.9, Step.RENEW, "renewed"),
        (MINE.wrote(lease("me", 1), 108.0), 110.0, Step.LOST, "a write that changed nothing is seen by nobody"),
        (MINE.stood_down(), 100.0, Step.LOOK, "it begins anew"),
    ],
)  # fmt: skip
def test_what_is_next(election: Election, now: float, step: Step, reason: str) -> None:
    assert election.next(now) is step, reason


def test_it_leads_from_before_the_request() -> None:
    assert MINE.until == 110.0
    assert MINE.leads(109.9)
    assert not MINE.leads(110.0)
    assert not OTHERS.leads(100.0)
    assert OTHERS.until == float("-inf")


@pytest.mark.parametrize("timing", [(15, 15.0, 2.0), (15, 10.0, 9.0), (10, 15.0, 2.0)])
def test_timings_that_cannot_work(timing: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="retry < deadline < duration"):
        Timing(*timing)


# --- the property ------------------------------------------------------------------------------


@dataclass
class Server:
    """Takes a write only on top of the very version that it was made from, as the API server does."""

    lease: Lease | None = None
    version: int = 0

    def write(self, new: Lease) -> Lease | None:
        """The Lease as stored, or None: refused."""
        if new.version != (self.lease.version if self.lease else ""):
            return None
        self.version += 1
        self.lease = replace(new, version=str(self.version), uid="u")
        return self.lease


@dataclass
class Process:
    """One operator. It may be suspended for any time between any two of its actions: they are just not called."""

    number: int
    offset: float
    rate: float
    life: int = 0
    fence: float = float("-inf")
    election: Election = field(init=False)
    sent: tuple[Lease | None, float] | None = None
    """What was sent (None: a read) and when, by its own clock, and has not arrived."""
    answer: tuple[Lease | None, bool, float] | None = None
    """What the server answered, whether to a write, and when that was sent."""

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new process: another identity, and nothing known."""
        self.life += 1
        self.election = Election(f"{self.number}.{self.life}")
        self.fence, self.sent, self.answer = float("-inf"), None, None

    def clock(self, now: float) -> float:
        """Its own clock at the true time ``now``."""
        return self.offset + self.rate * now

    def acts(self, now: float) -> bool:
        """Whether a write would be let through."""
        return self.clock(now) < self.fence

    def send(self, now: float) -> None:
        """What the election says."""
        mine = self.clock(now)
        match self.election.next(mine):
            case Step.LOOK:
                self.sent = (None, mine)
            case Step.TAKE | Step.RENEW:
                seen = self.election.seen or Lease(NAME)
                self.sent = (replace(seen, holder=self.election.identity, duration=15), mine)
            case Step.WAIT:
                self.election = self.election.stood_down()
            case Step.LOST:
                self.begin()

    def receive(self, now: float) -> None:
        """The answer."""
        assert self.answer is not None
        (found, write, begun), self.answer = self.answer, None
        if not write:
            self.election = self.election.observed(found, self.clock(now))
        elif found is None:
            self.election = self.election.unsure()
        else:
            self.election = self.election.wrote(found, begun)
        if self.election.leads(self.clock(now)):
            self.fence = self.election.until
        elif self.election.next(self.clock(now)) is Step.LOST:
            self.begin()

    def give_up(self) -> None:
        """No answer in time."""
        self.sent = self.answer = None
        self.election = self.election.unsure()

    def release(self, now: float) -> None:
        """It ends because it was told to."""
        held = self.election.seen
        if self.acts(now) and held is not None and self.sent is None and self.answer is None:
            self.fence = float("-inf")
            self.sent = (replace(held, holder=""), self.clock(now))


@dataclass
class World:
    """Processes, the server, and what is under way for too long for anybody to wait for it."""

    processes: list[Process]
    server: Server = field(default_factory=Server)
    lost: list[Lease] = field(default_factory=list)
    now: float = 0.0

    def arrive(self, process: Process) -> None:
        """What a process has sent comes to the server."""
        if process.sent is not None:
            (what, begun), process.sent = process.sent, None
            found = self.server.lease if what is None else self.server.write(what)
            if what is not None and what.holder == "":
                process.begin()  # it has ended
            else:
                process.answer = (found, what is not None, begun)

    def abandon(self, process: Process, *, end: bool) -> None:
        """Nobody waits for the answer; what was sent may still arrive."""
        if process.sent is not None and process.sent[0] is not None:
            self.lost.append(process.sent[0])
        if end:
            process.begin()
        else:
            process.give_up()

    def act(self, action: str, process: Process) -> None:
        """One thing happens."""
        match action:
            case "go on" if process.answer is not None:
                process.receive(self.now)
            case "go on" if process.sent is not None:
                self.arrive(process)
            case "go on":
                process.send(self.now)
            case "time out":
                self.abandon(process, end=False)
            case "crash":
                self.abandon(process, end=True)
            case "release":
                process.release(self.now)
            case "late" if self.lost:
                self.server.write(self.lost.pop(0))

    @property
    def leaders(self) -> list[int]:
        """Who would write now."""
        return [process.number for process in self.processes if process.acts(self.now)]


CLOCKS = st.tuples(st.floats(-1e6, 1e6), st.floats(0.85, 1.2))
"""Any time at all, and clocks that run up to a fifth too fast or too slow."""
ACTIONS = st.sampled_from(["go on"] * 12 + ["time out", "crash", "release", "late"])
PAUSES = st.one_of(st.floats(0, 1), st.floats(0, 30), st.sampled_from([2.0, 5.0, 10.0, 15.0]))


@settings(max_examples=400)
@given(
    clocks=st.lists(CLOCKS, min_size=3, max_size=3),
    happens=st.lists(st.tuples(ACTIONS, st.integers(0, 2), PAUSES), max_size=80),
)
def test_there_are_never_two_leaders(clocks: list[tuple[float, float]], happens: list[tuple[str, int, float]]) -> None:
    world = World([Process(number, *clock) for number, clock in enumerate(clocks)])
    for action, number, pause in happens:
        world.act(action, world.processes[number])
        assert len(world.leaders) <= 1
        world.now += pause


@pytest.mark.parametrize("seed", range(6))
def test_over_hours_there_is_a_leader_nearly_always_and_never_two(seed: int) -> None:
    """The same at the pace that it has: a step within a tenth of a second, crashes, and processes suspended for half a minute."""
    chance = random.Random(seed)
    world = World([Process(n, chance.uniform(-1e6, 1e6), rate) for n, rate in enumerate((0.85, 1.0, 1.2))])
    asleep = [0.0] * 3
    led = steps = 0
    terms = set()
    while world.now < 10_000:  # seconds
        process = chance.choice(world.processes)
        if world.now < asleep[process.number]:
            world.now += 0.1
            continue
        if chance.random() < 0.001:
            asleep[process.number] = world.now + chance.uniform(0, 40)
        world.act(chance.choices(["go on", "time out", "crash", "late"], [1, 0.01, 0.0002, 0.01])[0], process)
        assert len(world.leaders) <= 1
        world.now += chance.uniform(0, 0.1)
        steps += 1
        led += len(world.leaders)
        terms |= {world.processes[n].election.identity for n in world.leaders}
    assert len(terms) > 3, "it went from one to another"
    assert led / steps > 0.7
