"""Versions that are kept for some minutes."""

from __future__ import annotations

from kafkade.clients.registry import Registered, RegistryClient
from kafkade.schemas.recent import KEPT, OVERHEAD, ROOM, Recent, recent_of


def held(version: int, size: int = 10) -> Registered:
    return Registered(version, 1, "x" * size)


def test_a_version_is_kept_for_a_while() -> None:
    now = 0.0
    recent = Recent(lambda: now)
    recent.put("a", held(1))
    now = KEPT - 0.1
    recent.put("b", held(2))
    assert recent.get("a", 1) == held(1)
    assert recent.get("a", 2) is None
    now = KEPT
    assert recent.get("a", 1) is None
    assert recent.get("b", 2) == held(2)
    assert len(recent) == 1


def test_what_came_again_is_new_again() -> None:
    now = 0.0
    recent = Recent(lambda: now)
    recent.put("a", held(1))
    now = KEPT - 1
    recent.put("a", held(1))
    now = KEPT + 1
    assert recent.get("a", 1) is not None


def test_the_oldest_make_room() -> None:
    recent = Recent()
    for number in range(1, 6):
        recent.put("a", held(number, ROOM // 4 - OVERHEAD))
    assert [recent.get("a", n) is not None for n in range(1, 6)] == [False, True, True, True, True]
    recent.put("a", held(9, ROOM))
    assert len(recent) == 0, "what does not fit at all is not kept"
    recent.put("a", held(1, ROOM // 4))
    recent.clear()
    recent.put("a", held(2, ROOM - OVERHEAD))
    assert len(recent) == 1


async def test_each_client_has_its_own() -> None:
    one, other = RegistryClient(["http://one"]), RegistryClient(["http://other"])
    recent_of(one).put("a", held(1))
    assert recent_of(one).get("a", 1) == held(1)
    assert recent_of(other).get("a", 1) is None
