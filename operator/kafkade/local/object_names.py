"""Names of Kubernetes objects for topics and subjects, whose own names may be what Kubernetes does not take. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable

from kafkade.api.common import OBJECT_NAME

_MAX = 240
"""Kubernetes takes 253 characters; a file's name with its ending takes 255 bytes."""
_HASH = 8


def object_names(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """An object's name (RFC 1123 subdomain) for each name: the name itself where it can be, else a likeness of it.

    Lower case, and '-' in place of what is no letter, digit or dot. Where likenesses are equal, or equal to a name that
    stands for itself or is ``taken``, each of them ends in a hash of its name: so which other names there are, and their
    order, change as little as can be.
    """
    wanted = {name: likeness(name) for name in dict.fromkeys(names)}
    count = Counter(wanted.values())
    found = {}
    for name, like in wanted.items():
        stands_for_itself = like == name and like not in taken
        found[name] = like if stands_for_itself or (count[like] == 1 and like not in taken) else _with_hash(like, name)
    return found


def likeness(name: str) -> str:
    """What Kubernetes takes and people recognize: ``Order_Events`` is ``order-events``."""
    if len(name) <= _MAX and OBJECT_NAME.fullmatch(name):
        return name
    labels = (label.strip("-") for label in re.sub(r"[^a-z0-9.]+", "-", name.lower()).split("."))
    like = ".".join(label for label in labels if label)
    if not like:
        return _with_hash("unnamed", name)
    return like if len(like) <= _MAX else _with_hash(like, name)


def _with_hash(like: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{like[: _MAX - _HASH - 1].rstrip('-.')}-{digest}"
