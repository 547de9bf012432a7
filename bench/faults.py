"""Random people, accidents and faults for as long as you like, and what must be so whatever they do: ``make faults``.

The state machine of tests/integration/faults with seeds of its own. Of a round in which something is not as it must be
it tells the seed, what was done, and what the operators said.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.results import Result, Row, Section, add_option, record  # noqa: E402
from hypothesis import seed as seeded  # noqa: E402

from integration.faults.machine import Machine, run  # noqa: E402
from support.faults.neighbours import Neighbours  # noqa: E402
from support.faults.shop import BOUND  # noqa: E402
from support.faults.world import running  # noqa: E402


def main() -> None:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20, help="how long (default: 20)")
    parser.add_argument(
        "--seed", type=int, help="of the first round; the rounds after it count up (default: by chance)"
    )
    parser.add_argument("--steps", type=int, default=25, help="actions in a round at most (default: 25)")
    add_option(parser)
    options = parser.parse_args()
    first = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311
    console, begun, rounds, broken = Console(stderr=True), time.monotonic(), 0, 0
    folder = Path(tempfile.mkdtemp(prefix="kafkade-faults-"))
    with running(folder) as world:
        Machine.world, Machine.neighbours = world, Neighbours(world)
        while (spent := time.monotonic() - begun) < options.minutes * 60 or rounds == 0:
            number = first + rounds
            console.print(
                f"[bold]round {rounds + 1}[/bold], seed {number}, {spent / 60:.1f} of {options.minutes:g} min"
            )
            rounds += 1
            try:
                run(seeded(number)(Machine), examples=5, steps=options.steps)
            except Exception as error:  # noqa: BLE001 -- told, and the next round goes on
                broken += 1
                console.print(f"[red]seed {number} is broken[/red]; again with --seed {number}; logs are in {folder}")
                sys.stderr.write(f"{error}\n")
        faults = world.schedule.tally()
    actions, slowest = Counter(Machine.actions), max(Machine.settled, default=0.0)
    console.print(
        f"{rounds} rounds, {broken} broken; {len(Machine.settled)} times at rest, after {slowest:.1f} s at most"
    )
    for title, counted in (("done", actions), ("faults", Counter({f"{f} at {w}": n for (w, f), n in faults.items()}))):
        console.print(f"[bold]{title}[/bold]: " + ", ".join(f"{n} × {what}" for what, n in counted.most_common()))
    if options.record:
        record(
            Result(
                name="faults",
                section=Section.STAYING_POWER,
                title="Random actions under random faults",
                command="make faults",
                about=(
                    "People create, change, delete and make anew, edit Kafka and the registry by hand, rotate Secrets; operators,"
                    " broker and API server are killed, Leases expire, clocks jump; proxies refuse, reset, delay, repeat, lose and"
                    " falsify what goes between the operators and the three systems. When that stops, all becomes as declared and"
                    " stays so. Nothing that nobody asked to delete is gone, nothing of others is touched, no secret is told, and"
                    " never do two operators act: each of these is checked after every action. In these runs the waits that"
                    " protect against rare faults are short: the Lease's 7 s, full lists every 15 s, silent watches 12 s."
                ),
                rows=(
                    Row("actions", sum(actions.values())),
                    Row("faults", sum(faults.values())),
                    Row("kinds of faults, by place", len(faults)),
                    Row("worlds brought to rest", len(Machine.settled)),
                    Row("to rest, at most", round(slowest, 1), "s", at_most=BOUND),
                    Row("to rest, median", round(statistics.median(Machine.settled or [0.0]), 1), "s"),
                    Row("rounds in which something was not as it must be", broken, at_most=0),
                ),
                software={"Kafka": world.kafka.version, "Kubernetes": "1.35", "Apicurio": "3.3.3"},
            )
        )
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
