"""bench/soaking: what is judged a leak, and what is not; on numbers made up, and on a real process that leaks."""

from __future__ import annotations

import math
import os
import random
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from soaking.census import PLACE, taken
from soaking.judge import Finding, Limits, Round, growth, judge, moved, multiplied, shift, slope, step
from soaking.process import Sample, Sampler, sample

from support.places import ROOT

KEYS = "kafkade.api.objects.Key"
OBJECTS = "growth of the number of objects of one type"
LIMITS = Limits(warm_up=0.2)
ROUND = Round(
    number=0,
    at=0,
    disturbed="",
    away=0,
    writes=10,
    edits=2,
    slowest=1.5,
    missed=(),
    quiet_writes=(),
    status=900,
    annotations=0,
    series=70,
)


def flat(minutes: float = 120, pause: float = 5.0) -> list[Sample]:
    """Memory that rises at first, and then goes up and down as a collector of garbage has it."""
    chance = random.Random(1)
    return [
        Sample(
            n * pause,
            80 + 20 * (1 - math.exp(-n * pause / 300)) + chance.uniform(-1.5, 1.5),
            40 + chance.choice((0, 0, 0, 5)),
            15 + chance.choice((0, 1)),
        )
        for n in range(int(minutes * 60 / pause))
    ]


def rounds(number: int = 100, minutes: float = 120) -> list[Round]:
    return [replace(ROUND, number=n, at=n * 60 * minutes / number) for n in range(number)]


def bad(found: tuple[Finding, ...]) -> list[str]:
    return [f.what for f in found if not f.good]


def test_what_is_flat_is_good() -> None:
    found = judge(flat(), rounds(), LIMITS)
    assert bad(found) == []
    assert len(found) == 10


@pytest.mark.parametrize("minutes", [30, 120])
def test_a_leak_of_memory_is_found_though_small_beside_the_noise(minutes: float) -> None:
    leaking = [replace(s, memory=s.memory + 15 * s.at / 3600) for s in flat(minutes)]
    assert bad(judge(leaking, rounds(minutes=minutes), LIMITS)) == ["growth of resident memory, fitted"]


def test_a_leak_that_begins_late_is_found() -> None:
    samples = flat()
    leaking = [replace(s, memory=s.memory + max(0.0, s.at - 4000) / 100) for s in samples]
    assert bad(judge(leaking, rounds(), LIMITS)) == ["growth of resident memory, fitted"]


def test_the_warm_up_and_a_single_peak_are_no_leak() -> None:
    samples = flat()
    samples[700] = replace(samples[700], memory=400, handles=500, threads=200)
    assert bad(judge(samples, rounds(), LIMITS)) == []


def test_a_handle_or_a_thread_that_stays_now_and_then_is_found() -> None:
    handles = [replace(s, handles=s.handles + n // 200) for n, s in enumerate(flat())]
    assert bad(judge(handles, rounds(), LIMITS)) == ["growth of file handles"]
    threads = [replace(s, threads=s.threads + n // 400) for n, s in enumerate(flat())]
    assert bad(judge(threads, rounds(), LIMITS)) == ["growth of threads"]


def test_a_pool_that_is_full_a_little_more_often_is_no_leak() -> None:
    chance = random.Random(2)
    pool = [
        replace(s, handles=40 + (8 if chance.random() < 0.45 + 0.1 * n / 1440 else 0)) for n, s in enumerate(flat())
    ]
    assert step([s.handles for s in pool]) == 8, "the median goes from one end to the other"
    assert abs(shift([s.handles for s in pool])) < 2
    assert bad(judge(pool, rounds(), LIMITS)) == []


def test_a_leak_is_told_by_what_it_is_of() -> None:
    leaking = [
        replace(s, handles=40 + n // 200, held={"pipe": 30, "socket to Kafka": 10 + n // 200, "thread python": 15})
        for n, s in enumerate(flat())
    ]
    found = next(f for f in judge(leaking, rounds(), LIMITS) if f.what == "growth of file handles")
    assert not found.good
    assert "socket to Kafka 11." in found.detail
    assert "pipe" not in found.detail
    assert list(moved(leaking)) == ["socket to Kafka"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"missed": ("comes-4-1 generation 2: seen 1",)}, "changes that were not seen to"),
        ({"quiet_writes": ("patch kafkatopics/stays-1 status",)}, "writes in the quiet parts"),
        ({"slowest": 31.0}, "slowest answer to a change, without the time that a restart took"),
        ({"slowest": 52.0, "away": 21.0}, "slowest answer to a change, without the time that a restart took"),
        ({"annotations": 1}, "annotations that nobody asked for"),
    ],
)
def test_one_round_is_enough(change: dict[str, object], what: str) -> None:
    seen = rounds()
    seen[3] = replace(seen[3], **change)  # type: ignore[arg-type]
    found = judge(flat(), seen, LIMITS)
    assert bad(found) == [what]
    detail = next(f.detail for f in found if f.what == what)
    assert all(text in detail for text in (*seen[3].missed, *seen[3].quiet_writes))


def test_a_long_restart_may_have_a_late_answer() -> None:
    seen = rounds()
    seen[3] = replace(seen[3], disturbed="registry", away=25.0, slowest=44.0)
    assert bad(judge(flat(), seen, LIMITS)) == []


def test_objects_that_stay_are_found_whatever_their_size() -> None:
    chance = random.Random(3)

    def census(number: int, leaked: float) -> dict[str, int]:
        return {
            "builtins.dict": 20_000 + chance.randrange(600),
            "cimpl.Uuid": 24 + int(leaked * number),
            KEYS: 100 + 14 * number,
        }

    def seen(leaked: float) -> list[Round]:
        return [replace(r, objects=census(r.number, leaked) if r.number % 6 == 5 else {}) for r in rounds(150)]

    assert bad(judge(flat(), seen(0), LIMITS)) == [], "of keys there are as many more as deletions are remembered"
    assert bad(judge(flat(), seen(4), LIMITS)) == [OBJECTS]
    told = next(f for f in judge(flat(), seen(250), LIMITS) if f.what == OBJECTS)
    assert told.value > 10_000
    assert "cimpl.Uuid +" in told.detail
    assert "dict" not in told.detail
    assert multiplied([{"a": 1}, {"a": 1_000}]) == {}, "two say nothing"


def test_a_process_counts_its_objects(tmp_path: Path) -> None:
    place = tmp_path / "census"
    program = (
        "import signal, sys; sys.path[:0] = sys.argv[1:]; from soaking import census\n"
        "class Kept: pass\n"
        "kept = [Kept() for _ in range(77)]\n"
        "signal.signal(signal.SIGUSR2, census._write); print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT / "bench")],
        env={**os.environ, PLACE: str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert taken(child.pid, place)["__main__.Kept"] == 77
        assert taken(child.pid, place)["__main__.Kept"] == 77, "and again"
    finally:
        child.communicate(b"")
    assert child.returncode == 0


def test_a_status_or_series_that_grow_are_found() -> None:
    drift = [replace(r, status=970 if r.number % 4 else 850) for r in rounds()]
    assert bad(judge(flat(), drift, LIMITS)) == []
    statuses = [replace(r, status=900 + 4 * r.number) for r in rounds()]
    assert bad(judge(flat(), statuses, LIMITS)) == ["growth of the longest status"]
    series = [replace(r, series=70 + r.number // 4) for r in rounds()]
    assert bad(judge(flat(), series, LIMITS)) == ["growth of Prometheus' series"]


def test_too_little_to_judge_is_said() -> None:
    with pytest.raises(ValueError, match="let it run longer"):
        judge(flat(minutes=0.5), rounds(2, 0.5), LIMITS)


def test_the_fit() -> None:
    line = [(float(n), 3.0 + 0.5 * n) for n in range(1000)]
    assert slope(line) == pytest.approx(0.5)
    assert growth(line) == pytest.approx(0.5 * 999)
    line[10] = (10.0, 1e9)
    line[500] = (500.0, -1e9)
    assert slope(line[:100]) == pytest.approx(0.5), "the median does not mind"
    assert (slope([]), growth([]), growth([(1.0, 2.0)]), step([])) == (0.0, 0.0, 0.0, 0)
    assert step([1, 1, 1, 9, 9, 5, 5, 5]) == 4


LEAKING = """
import sys, threading, time
kept, files = [], []
for n in range(10**6):
    kept.append(bytearray(b"x" * 400_000))
    if n % 4 == 0:
        files.append(open("/dev/null"))
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(0.02)
"""


def test_a_real_process_that_leaks_is_found() -> None:
    child = subprocess.Popen([sys.executable, "-c", LEAKING])
    try:
        with Sampler(child.pid, 0.05) as sampler:
            while sampler.samples[40:] == [] or sampler.samples[-1].handles < 30:
                time.sleep(0.05)
        samples = sampler.samples
    finally:
        child.kill()
        child.wait()
    seen = [replace(ROUND, number=n, at=n * samples[-1].at / 10) for n in range(10)]
    assert bad(judge(samples, seen, LIMITS)) == [
        "growth of resident memory, fitted",
        "growth of file handles",
        "growth of threads",
    ]


def test_the_sampler_ends_with_its_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"])
    with Sampler(child.pid, 0.02) as sampler:
        child.wait()
        time.sleep(0.1)
        number = len(sampler.samples)
        time.sleep(0.2)
        assert len(sampler.samples) == number > 0


def test_handles_are_told_by_what_they_are() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        accepted = [server.accept()[0] for _ in range(3)]
        accepted.pop().close()
        try:
            assert child.stdout is not None
            child.stdout.readline()
            found = sample(child.pid, 0.0, {port: "the registry"})
        finally:
            child.communicate(b"")
            for each in accepted:
                each.close()
    assert found.held == found.held | {
        "socket to the registry": 2,
        "socket to the registry, CLOSE_WAIT": 1,
        "socket that listens as somebody": 1,
        "socket of a pair": 2,
        "socket that leads nowhere": 1,
        "eventpoll": 1,
        "file /dev/null": 1,
        "pipe": 2,
    }
    handles = {kind: number for kind, number in found.held.items() if not kind.startswith("thread ")}
    assert sum(handles.values()) == found.handles
    assert found.threads == sum(found.held.values()) - found.handles == 1
    assert 0 < found.anonymous < found.memory


HOLDING = """
import select, socket, sys
kept = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(3)]
kept += [socket.create_server(("127.0.0.1", 0)), socket.socketpair(), socket.socket(), open("/dev/null"), select.epoll()]
kept[2].recv(1)
print("ready", flush=True)
sys.stdin.read()
"""
