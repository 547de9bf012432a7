"""What brokers hand on as clients gave it to them: record batches, and what members of groups say of themselves."""

from __future__ import annotations

from types import SimpleNamespace

from fuzz.target import Target, parts
from kafkade.clients.kafka_batches import batches, next_record
from kafkade.clients.kafka_groups import _classic_member


def batch(data: bytes) -> None:
    """A log as Fetch brings it: never raises; batches do not overlap and are no longer than what came."""
    size = 0
    for found, payload in batches(data):
        assert found.size >= len(payload)
        size += found.size
    assert size <= len(data)
    for offset in (0, 5, 2**62):
        answer = next_record(data, offset)
        assert answer.timestamp is None or isinstance(answer.timestamp, int)


def member(data: bytes) -> None:
    """A member of a classic group, whose client may have any form of its own: never raises.

    The parts: the assignment; the subscription.
    """
    assignment, subscription = parts(data, 2)
    _classic_member(
        SimpleNamespace(
            member_assignment=assignment,
            member_metadata=subscription,
            member_id="m",
            client_id="c",
            client_host="/10.0.0.1",
            group_instance_id=None,
        ),
        True,
    )


TARGETS = (
    Target("batch", batch, (b"\0" * 8, b"\0\0\0\x31", b"\x02", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")),
    Target("member", member, (b"\n%%\n", b"\0\0\0\1", b"\0\6orders", b"\0\0\0\1\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")),
)  # fmt: skip
