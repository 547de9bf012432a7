"""Random people, accidents and faults for as long as you like, and what must be so whatever they do: ``make faults``.

The state machine of tests/integration/faults with seeds of its own. Of a round in which something is not as it must be
it tells the seed, what was done, and what the operators said.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Set
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.results import Result, Row, Section, add_option, record  # noqa: E402
from hypothesis import seed as seeded  # noqa: E402

from integration.faults.machine import ACTIONS, Machine, run  # noqa: E402
from kafkade.devstack.golang import KUBERNETES  # noqa: E402
from kafkade.devstack.registry import VERSION as APICURIO  # noqa: E402
from support.faults.neighbours import Neighbours  # noqa: E402
from support.faults.schedule import Fault  # noqa: E402
from support.faults.shop import BOUND  # noqa: E402
from support.faults.world import running  # noqa: E402

EXAMPLES = 2
"""Of a round: one that comes by all actions, and a random one."""

PLACES = {"kube": "Kubernetes API", "kafka": "Kafka", "registry": "registry"}

ABOUT = (
    "People create, change, delete and make anew, edit Kafka and the registry by hand, rotate Secrets; operators,"
    " broker and API server are killed, Leases expire, clocks jump; proxies refuse, reset, delay, repeat, lose and"
    " falsify what goes between the operators and the three systems. When that stops, all becomes as declared and"
    " stays so. Nothing that nobody asked to delete is gone, nothing of others is touched, no secret is told, and"
    " never do two operators act: each of these is checked after every action. In these runs the waits that"
    " protect against rare faults are short: the Lease's 11 s, full lists every 15 s, silent watches 12 s."
)


def main() -> None:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20, help="how long (default: 20)")
    parser.add_argument(
        "--seed", type=int, help="of the first round; the rounds after it count up (default: by chance)"
    )
    parser.add_argument("--steps", type=int, default=30, help="actions in a namespace (default: 30)")
    add_option(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Hypothesis takes SystemExit for a failure, and goes on
    first = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311
    console, begun, rounds, broken = Console(stderr=True), time.monotonic(), 0, 0
    folder = Path(tempfile.mkdtemp(prefix="kafkade-faults-"))
    with running(folder) as world:
        Machine.world, Machine.neighbours = world, Neighbours(world)
        while (spent := time.monotonic() - begun) < options.minutes * 60 or rounds == 0:
            number = first + rounds * EXAMPLES
            console.print(
                f"[bold]round {rounds + 1}[/bold], seed {number}, {spent / 60:.1f} of {options.minutes:g} min"
            )
            rounds += 1
            try:
                run(seeded(number)(Machine), EXAMPLES, options.steps, number=number)
            except Exception as error:  # noqa: BLE001 -- told, and the next round goes on
                broken += 1
                console.print(f"[red]seed {number} is broken[/red]; again with --seed {number}; logs are in {folder}")
                sys.stderr.write(f"{error}\n")
        faults = world.schedule.tally()
        proxies = {"kube": world.kube_proxy, "kafka": world.kafka_proxy, "registry": world.registry_proxy}
        possible = {where: proxy.possible for where, proxy in proxies.items()}
    spent, settled = time.monotonic() - begun, Machine.settled or [0.0]
    console.print(f"{rounds} rounds, {broken} broken; {len(Machine.settled)} times at rest")
    rows = [*_actions(), *_faults(faults, possible)]
    for row in rows:
        console.print(f"  {row}")
    never = [what for what in ACTIONS if not Machine.actions[what]]
    never += [f"{fault} at {PLACES[w]}" for w in possible for fault in sorted(possible[w]) if not faults[w, fault]]
    if never:
        console.print(f"[yellow]never came up[/yellow]: {', '.join(never)}")
    if options.record:
        record(
            Result(
                name="faults",
                section=Section.STAYING_POWER,
                title="Random actions under random faults",
                command="make faults",
                about=ABOUT,
                rows=(
                    Row("time", round(spent / 60, 1), "min"),
                    Row("rounds in which something was not as it must be", broken, at_most=0, beside=f"of {rounds}"),
                    Row("worlds brought to rest", len(Machine.settled)),
                    Row("from the last fault to rest, slowest", round(max(settled), 1), "s", at_most=BOUND),
                    Row("from the last fault to rest, median", round(statistics.median(settled), 1), "s"),
                    Row("actions and faults that never came up", len(never), at_most=0, beside=", ".join(never)),
                    *rows,
                ),
                software={"Kafka": world.kafka.version, "Kubernetes": KUBERNETES.version, "Apicurio": APICURIO},
            )
        )
    sys.exit(1 if broken else 0)


def _actions() -> list[Row]:
    """How often each action was done."""
    return [Row(f"action: {what}", Machine.actions[what], "times") for what in ACTIONS]


def _faults(happened: Mapping[tuple[str, Fault], int], possible: Mapping[str, Set[Fault]]) -> list[Row]:
    """How often each fault happened, and where."""
    rows = []
    for fault in Fault:
        counts = {where: happened.get((where, fault), 0) for where, faults in possible.items() if fault in faults}
        beside = ", ".join(f"{PLACES[where]} {count:,}" for where, count in counts.items())
        rows.append(Row(f"fault: {fault}", sum(counts.values()), "times", beside=beside))
    return rows


if __name__ == "__main__":
    main()
