"""Who leads, by a Lease as it was seen: a pure function of what was observed and of this process's own monotonic clock.

Why there are never two leaders. A leader acts until ``deadline`` after the moment *before* it sent the last renewal that
succeeded. Another one takes the Lease ``duration`` after the moment *after* it saw the last renewal, at the earliest, and only
if there was none since, which the API server checks by the resourceVersion. The second span begins later than the first one
and is longer, whatever the clocks of the two say, as long as they run about equally fast: by half the speed would be too slow.
Times written in the Lease decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from kafkade.api.lease import Lease


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. client-go's defaults, which Kubernetes' own controllers have."""

    duration: int = 15
    """How long others wait after a renewal."""
    deadline: float = 10.0
    """How long a leader acts after a renewal."""
    retry: float = 2.0
    """Between two tries of a leader to renew, or of another one to take over."""
    jitter: float = 0.2
    """By what part of ``retry`` a pause is longer at most."""

    def __post_init__(self) -> None:
        if not self.retry * (1 + self.jitter) < self.deadline < self.duration:
            raise ValueError("a Lease needs retry < deadline < duration")


class Step(Enum):
    """What to do next."""

    LOOK = auto()
    """Read the Lease."""
    WAIT = auto()
    """Another one leads, or may still do so: look again later."""
    TAKE = auto()
    """Write the Lease, or create it if there is none."""
    RENEW = auto()
    """Write it: it is held."""
    LOST = auto()
    """This process led and does so no more. It never leads again: another one begins anew, and lists everything."""


@dataclass(frozen=True, slots=True)
class Election:
    """What one process knows of the Lease. Times are in seconds of its clock."""

    identity: str
    timing: Timing = Timing()
    looked: bool = False
    """Whether ``seen`` is what the Lease was at the last look or write."""
    seen: Lease | None = None
    """None: there was none."""
    guard: float = float("-inf")
    """Until then another one may lead."""
    renewed: float | None = None
    """Before the last renewal that succeeded was sent; None: it does not lead."""

    def leads(self, now: float) -> bool:
        """Whether this process may act."""
        return self.renewed is not None and now < self.renewed + self.timing.deadline

    @property
    def until(self) -> float:
        """When it may no more, unless there is another renewal."""
        return float("-inf") if self.renewed is None else self.renewed + self.timing.deadline

    def observed(self, lease: Lease | None, now: float) -> Election:
        """The Lease was read; ``now`` is after the answer came.

        Each change of it is a sign of life of its holder. One that is gone says nothing of whoever held it: somebody deleted
        it, and its holder may not know it yet.
        """
        if lease is None:
            return replace(self, looked=True, seen=None)
        changed = self.seen is None or (lease.uid, lease.version) != (self.seen.uid, self.seen.version)
        guard = self.guard
        if not lease.holder:
            guard = float("-inf")
        elif lease.holder != self.identity and changed:
            guard = now + max(lease.duration, self.timing.duration)
        return replace(self, looked=True, seen=lease, guard=guard)

    def wrote(self, lease: Lease, begun: float) -> Election:
        """The Lease was written with this process as its holder; ``begun`` is before the request was sent.

        A write that changed nothing is no renewal: others cannot see it. (The wall clock stood still, and with it renewTime.)
        """
        changed = self.seen is None or (lease.uid, lease.version) != (self.seen.uid, self.seen.version)
        return replace(self, looked=True, seen=lease, renewed=begun if changed else self.renewed)

    def unsure(self) -> Election:
        """A write was refused, or nobody knows what became of it: look before anything else."""
        return replace(self, looked=False)

    def stood_down(self) -> Election:
        """It does not lead (any more), and may try to."""
        return replace(self, looked=False, renewed=None)

    def next(self, now: float) -> Step:
        """What to do."""
        if self.renewed is not None:
            return self._as_leader(now)
        if not self.looked:
            return Step.LOOK
        if self.seen is not None and self.seen.holder == self.identity:
            return Step.TAKE
        return Step.TAKE if now >= self.guard else Step.WAIT

    def _as_leader(self, now: float) -> Step:
        if not self.leads(now):
            return Step.LOST
        if not self.looked:
            return Step.LOOK
        return Step.RENEW if self.seen is not None and self.seen.holder == self.identity else Step.LOST
