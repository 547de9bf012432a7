"""Resources as a few bytes each: of ten thousand topics one is like the other, and most of them nobody looks at for minutes."""

from __future__ import annotations

import marshal
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kafkade.api.objects import Key, Owner, Resource

RENEWED = 500
"""Resources of a kind after which another one is taken for what they have in common: the first ones have no status yet."""

_WINDOW, _MEMORY = 13, 5
"""zlib's: 8 KiB are looked back at, and 48 KiB are taken while one is packed, which malloc has at hand."""


@dataclass(frozen=True, slots=True)
class Packed:
    """All of a resource but its key and version; 0.1 KB for a topic of 3 KB."""

    data: bytes
    example: bytes
    """What zlib may refer to: a resource of the kind, as bytes."""

    def unpacked(self, key: Key, version: str) -> Resource:
        """The resource."""
        inflating = zlib.decompressobj(-_WINDOW, zdict=self.example)
        uid, generation, created, deleted, finalizers, labels, annotations, spec, status, owner = marshal.loads(  # noqa: S302 -- our own bytes
            inflating.decompress(self.data)
        )
        return Resource(
            key=key,
            uid=uid,
            generation=generation,
            resource_version=version,
            created=created,
            deleted=deleted,
            finalizers=finalizers,
            labels=labels,
            annotations=annotations,
            spec=spec,
            status=status,
            owner=None if owner is None else Owner(Key(*owner[0]), owner[1]),
        )


Kept = Packed | Resource
"""A resource as it is kept: packed, or as it is where no bytes give it back."""


def opened(kept: Kept, key: Key, version: str) -> Resource:
    """The resource that is kept."""
    return kept.unpacked(key, version) if isinstance(kept, Packed) else kept


class Packer:
    """Packs resources; each kind has an example of its own, which is renewed as they change."""

    def __init__(self) -> None:
        self._examples: dict[str, bytes] = {}
        self._packed: Counter[str] = Counter()

    def kept(self, resource: Resource) -> Kept:
        """Packed, if it can be."""
        return self.packed(resource) or resource

    def packed(self, resource: Resource) -> Packed | None:
        """None for what no bytes give back as it was: values of files are texts and numbers that know their line."""
        owner, kind = resource.owner, resource.key.kind
        fields: Any = (
            resource.uid,
            resource.generation,
            resource.created,
            resource.deleted,
            resource.finalizers,
            resource.labels,
            resource.annotations,
            resource.spec,
            resource.status,
            None if owner is None else (tuple(owner.key), owner.uid),
        )
        try:
            whole = marshal.dumps(fields)  # takes JSON's own types and none that are derived from them
        except ValueError:
            return None
        example = self._examples.get(kind, b"")
        deflating = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW, _MEMORY, zdict=example)
        data = deflating.compress(whole) + deflating.flush()
        if self._packed[kind] % RENEWED == 0:
            self._examples[kind] = whole[-(1 << _WINDOW) :]
        self._packed[kind] += 1
        return Packed(data, example)


class Pile:
    """Resources in the order that they came in, packed: read one after the other, a list of ten thousand takes 3 MB and not 30."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._packer = Packer()
        self._kept: list[tuple[Key, str, Kept]] = []
        self.add(resources)

    def add(self, resources: Iterable[Resource]) -> None:
        """Put more on it."""
        self._kept += ((r.key, r.resource_version, self._packer.kept(r)) for r in resources)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Resource]:
        return (opened(kept, key, version) for key, version, kept in self._kept)
