"""Which request meets which fault, by a seed.

Whether the n-th request of one kind at one proxy meets one is a function of the seed, whatever other requests come in between.
Which one it is, is dealt: what requests that can meet the same faults have met least often at that proxy. Writes to Kafka and
the registry are so few that what only they can meet would not come up for many minutes, if it were left to chance; for the
same reason a proxy may give those that it seldom sees more ``weight`` than others.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can become of a request."""

    REFUSE = "refuse"
    """Nobody listens for a moment, and all connections are cut."""
    RESET = "reset"
    """The connection is reset in the middle of the reply."""
    DELAY = "delay"
    """The request waits before it is passed on."""
    DUPLICATE = "duplicate"
    """The request is carried out twice; the second reply is the one that comes back."""
    LOST_REPLY = "lost reply"
    """The request is carried out, and the connection is reset instead of a reply."""
    CONFLICT = "409"
    GONE = "410"
    BUSY = "429"
    ERROR = "500"
    UNAVAILABLE = "503"
    STALE = "stale read"
    """A read gets a reply that the same read had a while ago."""
    DROP_EVENT = "dropped watch event"
    REPLAY_EVENT = "replayed watch event"
    """An event of a watch comes, and an older one after it once more."""
    DRIP = "slow drip"
    """The reply comes in small pieces."""
    HALF_OPEN = "half-open connection"
    """Nothing comes back any more, and nobody says that the connection is dead."""


SELDOM = frozenset({Fault.DUPLICATE, Fault.CONFLICT, Fault.GONE, Fault.STALE, Fault.DROP_EVENT, Fault.REPLAY_EVENT})
"""What few requests can meet: of what came up as often it is dealt first."""


MOST = 0.5
"""The part of requests that meets a fault at most, whatever their weight: the others have to come through."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn from: a part (``rate``, 0 to 1) of all requests gets one of ``faults``."""

    seed: int
    rate: float
    faults: frozenset[Fault] = frozenset(Fault)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The fault of one request, and the number (0 to 1) that says how long, how late or where."""

    fault: Fault
    share: float


@dataclass(slots=True)
class Happened:
    """A fault that was carried out."""

    at: float
    where: str
    what: str
    fault: Fault


@dataclass(slots=True)
class _Forced:
    where: str
    fault: Fault
    matches: Callable[[str], bool]
    times: int
    share: float


@dataclass(slots=True)
class Schedule:
    """Asked from the proxies' thread, told from the tests'. Without a plan nothing happens but what is forced."""

    plan: Plan | None = None
    happened: list[Happened] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _dealt: Counter[tuple[str, Set[Fault], Fault]] = field(default_factory=Counter)
    _forced: list[_Forced] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def use(self, plan: Plan | None) -> None:
        """Draw from this plan from now on, from its beginning; None: no more faults."""
        with self._lock:
            self.plan = plan
            self._counts.clear()
            if plan is None:
                self._forced.clear()

    def force(
        self, where: str, fault: Fault, matches: Callable[[str], bool] = bool, times: int = 1, share: float = 0.5
    ) -> None:
        """Have the next requests at one proxy that match meet this fault."""
        with self._lock:
            self._forced.append(_Forced(where, fault, matches, times, share))

    def draw(self, where: str, what: str, possible: Set[Fault], weight: float = 1) -> Drawn | None:
        """The fault of a request at the proxy ``where``, of those that it can meet. It is taken for carried out.

        A request of ``weight`` 2 meets one twice as often as others, up to ``MOST`` of them.
        """
        with self._lock:
            drawn = self._take_forced(where, what, possible) or self._by_plan(where, what, possible, weight)
            if drawn is not None:
                self.happened.append(Happened(time.monotonic(), where, what, drawn.fault))
            return drawn

    def tally(self) -> Counter[tuple[str, Fault]]:
        """How often each fault happened at each proxy so far."""
        with self._lock:
            return Counter((each.where, each.fault) for each in self.happened)

    def _take_forced(self, where: str, what: str, possible: Set[Fault]) -> Drawn | None:
        for forced in self._forced:
            if forced.where == where and forced.fault in possible and forced.matches(what):
                forced.times -= 1
                if forced.times == 0:
                    self._forced.remove(forced)
                return Drawn(forced.fault, forced.share)
        return None

    def _by_plan(self, where: str, what: str, possible: Set[Fault], weight: float) -> Drawn | None:
        if self.plan is None:
            return None
        number = self._counts[where, what]
        self._counts[where, what] += 1
        chance = random.Random(f"{self.plan.seed} {where} {what} {number}")
        wanted = sorted(self.plan.faults & possible)
        if not wanted or chance.random() >= max(self.plan.rate, min(self.plan.rate * weight, MOST)):
            return None
        kind = frozenset(possible)
        chance.shuffle(wanted)
        fault = min(wanted, key=lambda each: (self._dealt[where, kind, each], each not in SELDOM))
        self._dealt[where, kind, fault] += 1
        return Drawn(fault, chance.random())


def of(names: Iterable[str]) -> frozenset[Fault]:
    """Faults by their names."""
    return frozenset(map(Fault, names))
