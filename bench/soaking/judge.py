"""Whether what a soak saw is flat, whole and quiet. Pure: samples and rounds to findings."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafkade.api.objects import Key
from kafkade.engine.store import GRAVES

from .process import THREAD, Sample

HOUR = 3600.0

REMEMBERED = {f"{Key.__module__}.{Key.__qualname__}": GRAVES}
"""What may become more, up to a number that has an end: the keys of what was deleted last."""

POINTS = 200
"""At most so many points go into a fit: each pair of them has a slope."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the load: changes, a wait until all of them are seen to, and a part in which nothing happens."""

    number: int
    at: float
    """Seconds since the sampling began."""
    disturbed: str
    """What was restarted in it; empty: nothing."""
    away: float
    """Seconds that this took."""
    writes: int
    """Generations that were written, deletions included."""
    edits: int
    """Changes of Kafka by hand."""
    slowest: float
    """Seconds from a write to the status, or the absence, that answers it; from the end of a restart, where one was."""
    missed: tuple[str, ...]
    """What was never answered, or is not in Kafka or the registry as declared."""
    quiet_writes: tuple[str, ...]
    """Writes in the quiet part, to Kubernetes and to Kafka."""
    status: int
    """Bytes of the longest status of the resources that live through the whole soak."""
    annotations: int
    """Annotations that these have and the load did not write."""
    series: int
    """Series of Prometheus that the operator tells."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """The operator's own objects by type, of some rounds (``census``)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still flat."""

    warm_up: float
    """Share of the time at the beginning that no growth is judged by: caches fill, code is compiled."""
    memory_base: float = 3.0
    """MiB of growth over the whole that the fit may be wrong by: an allocator takes memory in steps."""
    memory_hourly: float = 2.0
    """MiB an hour besides."""
    handles: int = 2
    threads: int = 1
    status: int = 160
    """Bytes: numbers have more digits in the end, and one difference that was found by drift stands in it or does not."""
    series: int = 4
    objects: int = 200
    """Of any one type. Of keys there may be as many more as deletions are remembered."""
    answer: float = 30.0
    """Seconds: what takes longer was found by a relist or a resync, and its event was missed. After a restart it may also
    have been the next try, of which each comes twice as long after the one before: as long again as the restart took."""

    @classmethod
    def of(cls, minutes: float) -> Limits:
        """A short run is all warm-up, and its few samples are of restarts: it judges the load and the truth, not the leaks."""
        return cls(0.2) if minutes >= 10 else cls(0.4, memory_base=10.0, handles=10, threads=3, answer=60.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was judged. ``value`` must not be above ``limit``."""

    what: str
    value: float
    unit: str
    limit: float
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return self.value <= self.limit


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's: the median of the slopes of all pairs. A few outliers, such as a restart's, do not move it."""
    thin = _thin(points)
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(thin, 2) if b[0] > a[0]]
    return statistics.median(slopes) if slopes else 0.0


def growth(points: Sequence[tuple[float, float]]) -> float:
    """What the fit rises by from the first point to the last."""
    return slope(points) * (points[-1][0] - points[0][0]) if len(points) > 1 else 0.0


def step(values: Sequence[float]) -> float:
    """What the median of the last third is above the median of the first: for numbers that are whole and jump."""
    third = max(1, len(values) // 3)
    return statistics.median(values[-third:]) - statistics.median(values[:third]) if values else 0.0


def shift(values: Sequence[float]) -> float:
    """What the mean of the last third is above the mean of the first: for numbers that go to and fro between few values.

    Their median is one of these values or the other, by whether there is a little more of one or of the other.
    """
    third = max(1, len(values) // 3)
    return statistics.fmean(values[-third:]) - statistics.fmean(values[:third]) if values else 0.0


def moved(samples: Sequence[Sample], least: float = 0.5) -> dict[str, tuple[float, float]]:
    """How many handles and threads of each kind there were in the first third and in the last, on average.

    Only kinds of which the number changed by ``least``, the greatest growth first.
    """
    third = max(1, len(samples) // 3)

    def mean(part: Sequence[Sample], kind: str) -> float:
        return statistics.fmean(s.held.get(kind, 0) for s in part)

    found = {
        kind: (mean(samples[:third], kind), mean(samples[-third:], kind))
        for kind in sorted({kind for s in samples for kind in s.held})
    }
    changed = [(kind, means) for kind, means in found.items() if abs(means[1] - means[0]) >= least]
    return dict(sorted(changed, key=lambda entry: entry[1][0] - entry[1][1]))


def multiplied(censuses: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Types of which the fewest of the last third are more than the most of the first: by how many, the most first.

    What comes and goes is not among them. Three censuses are the least that say anything.
    """
    third = len(censuses) // 3
    found: dict[str, int] = {}
    for kind in {kind for each in censuses for kind in each} if third else ():
        before = max(each.get(kind, 0) for each in censuses[:third])
        after = min(each.get(kind, 0) for each in censuses[-third:])
        found[kind] = after - before - REMEMBERED.get(kind, 0)
    return dict(sorted(((k, n) for k, n in found.items() if n > 0), key=lambda entry: -entry[1]))


def rise(values: Sequence[float]) -> float:
    """What the greatest of the last third is above the greatest of the first: for what comes and goes."""
    third = max(1, len(values) // 3)
    return max(values[-third:]) - max(values[:third]) if values else 0.0


def judge(samples: Sequence[Sample], rounds: Sequence[Round], limits: Limits) -> tuple[Finding, ...]:
    """All findings, in the order in which they are told.

    Raises:
        ValueError: too little was seen to judge anything.
    """
    last = max((s.at for s in samples), default=0.0)
    warm = [s for s in samples if s.at >= limits.warm_up * last]
    settled = rounds[int(limits.warm_up * len(rounds)) :]
    if len(warm) < 6 or len(settled) < 2:
        raise ValueError(
            f"{len(warm)} samples and {len(settled)} rounds after the warm-up are too few to judge: let it run longer"
        )
    hours = (warm[-1].at - warm[0].at) / HOUR
    memory = [(s.at, s.memory) for s in warm]
    anonymous = growth([(s.at, s.anonymous) for s in warm])
    missed = [what for r in rounds for what in r.missed]
    quiet = [what for r in rounds for what in r.quiet_writes]
    handles, threads = [s.handles for s in warm], [s.threads for s in warm]
    changed = moved(warm)
    counts = [r.objects for r in settled if r.objects]
    kinds, censuses = multiplied(counts), len(counts)

    def counted(what: str, grown: float, limit: float, values: Sequence[int], kinds: Sequence[str]) -> Finding:
        ranges = [f"{min(values)} to {max(values)}"]
        ranges += [f"{kind} {changed[kind][0]:.1f} → {changed[kind][1]:.1f}" for kind in kinds]
        return Finding(f"growth of {what}", grown, what.rpartition(" ")[2], limit, "; ".join(ranges))

    of_threads = [kind for kind in changed if kind.startswith(THREAD)]
    of_handles = [kind for kind in changed if not kind.startswith(THREAD)]

    return (
        Finding(
            "growth of resident memory, fitted",
            round(growth(memory), 2),
            "MiB",
            limits.memory_base + limits.memory_hourly * hours,
            f"{min(m for _, m in memory):.1f} to {max(m for _, m in memory):.1f} MiB in {60 * hours:.1f} minutes;"
            f" of what is no mapped file: {anonymous:.2f} MiB",
        ),
        counted("file handles", round(shift(handles), 2), limits.handles, handles, of_handles),
        counted("threads", step(threads), limits.threads, threads, of_threads),
        Finding("growth of the longest status", rise([r.status for r in settled]), "bytes", limits.status),
        Finding("annotations that nobody asked for", max(r.annotations for r in rounds), "", 0),
        Finding(
            "growth of the number of objects of one type",
            max(kinds.values(), default=0),
            "objects",
            limits.objects,
            "; ".join([f"counted {censuses} times", *(f"{kind} +{number}" for kind, number in [*kinds.items()][:5])]),
        ),
        Finding("growth of Prometheus' series", step([r.series for r in settled]), "series", limits.series),
        Finding("changes that were not seen to", len(missed), "", 0, "; ".join(missed[:5])),
        Finding(
            "slowest answer to a change, without the time that a restart took",
            round(max(max(r.slowest - r.away, 0.0) for r in rounds), 1),
            "s",
            limits.answer,
            f"with it {max(r.slowest for r in rounds):.1f} s",
        ),
        Finding("writes in the quiet parts", len(quiet), "", 0, "; ".join(quiet[:5])),
    )


def _thin(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Means of neighbours, so that there are at most POINTS."""
    size = -(-len(points) // POINTS)
    if size <= 1:
        return points
    chunks = [points[n : n + size] for n in range(0, len(points), size)]
    return [(statistics.fmean(x for x, _ in c), statistics.fmean(y for _, y in c)) for c in chunks]
