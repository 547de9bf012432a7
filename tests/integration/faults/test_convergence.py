"""Random actions under random faults, and when the faults stop the world becomes as declared: always the same short run.

Each action comes up in the first example. ``make faults`` goes on for as long as you like, with faults and orders by chance.
"""

from __future__ import annotations

import pytest

from integration.faults.machine import ACTIONS, Machine, run

EXAMPLES = 1
STEPS = len(ACTIONS) + 4


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("faulty")
def test_whatever_happens_the_world_becomes_as_declared() -> None:
    run(Machine, EXAMPLES, STEPS, derandomize=True)
    never = ACTIONS.keys() - Machine.actions
    assert not never, f"never done: {never}"
