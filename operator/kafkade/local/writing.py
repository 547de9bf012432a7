"""Resources as manifests: text for people to keep, in a stream or in a folder of files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kafkade.api import API_VERSION
from kafkade.api.errors import InvalidSpec
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, TOPIC
from kafkade.api.objects import Key

_FOLDERS = {CLUSTER: "clusters", TOPIC: "topics", SCHEMA: "schemas", DLQ_POLICY: "topics-dead-letters"}
"""``kubectl apply -R`` takes them by their names: what is written of topics is there before policies ask for it."""
_ORDER = (CLUSTER, TOPIC, DLQ_POLICY, SCHEMA)

_INT64 = 2**63
_BMP = 0xFFFF
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_OTHERS_READ_A_NUMBER_OR_BOOLEAN = re.compile(r"[-+]?[0-9.][0-9_.eExXoOa-fA-F+-]*|[yYnN]")
"""Texts that PyYAML writes without quotes and that Go's YAML, which Kubernetes reads with, takes for something else."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A resource that is about to be written. ``comment``: lines above it, for the one who reads the file."""

    key: Key
    spec: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    comment: tuple[str, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The object as Kubernetes takes it."""
        metadata: dict[str, Any] = {"name": self.key.name, "namespace": self.key.namespace}
        if self.labels:
            metadata["labels"] = dict(self.labels)
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        return {"apiVersion": API_VERSION, "kind": self.key.kind, "metadata": metadata, "spec": dict(self.spec)}

    @property
    def text(self) -> str:
        """One YAML document. Equal drafts give equal texts."""
        comment = "".join(f"# {line}".rstrip() + "\n" for line in self.comment)
        text = comment + yaml.dump(self.body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        return text if _all_seen(text) else "".join(_escaped(c) if _unseen(c) else c for c in text)


def _all_seen(text: str) -> bool:
    return text.isprintable() or not any(map(_unseen, text))


def _unseen(char: str) -> bool:
    """What would change unseen, or change what is seen: line breaks of YAML that editors know not (U+0085, U+2028), text direction."""
    return not (char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs")


def _escaped(char: str) -> str:
    """In double quotes, where each such character stands."""
    return f"\\u{ord(char):04x}" if ord(char) <= _BMP else f"\\U{ord(char):08x}"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines, such as schemas, line by line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = None
    if not _all_seen(value):
        style = '"'
    elif "\n" in value:
        style = "|"
    elif _OTHERS_READ_A_NUMBER_OR_BOOLEAN.fullmatch(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def setting(text: str) -> str | int | bool:
    """A Kafka setting as people write it: ``604800000`` and ``true`` without quotes."""
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and -_INT64 <= int(text) < _INT64:
        return int(text)
    return text


def in_order(drafts: Iterable[Draft]) -> list[Draft]:
    """What others name comes before what names it."""
    return sorted(drafts, key=lambda d: (_ORDER.index(d.key.kind), d.key.namespace, d.key.name))


def stream(drafts: Iterable[Draft]) -> str:
    """All of them as one YAML stream."""
    return "---\n".join(draft.text for draft in in_order(drafts))


@dataclass(frozen=True, slots=True)
class Files:
    """What became of the files of a folder."""

    written: tuple[Path, ...]
    same: tuple[Path, ...]
    """They had this content before."""
    others: tuple[Path, ...]
    """Manifests beside them, in the same folders, that nothing was written to."""


def write(drafts: Sequence[Draft], folder: Path, *, force: bool) -> Files:
    """A file for each resource: ``topics/orders.yaml``, so that a change, a review and an owner are of one resource.

    With resources of several namespaces each namespace has a folder of its own. Nothing is written at all where a file
    is there that says something else, unless ``force``.

    Raises:
        InvalidSpec: such files, by name; or a file cannot be read or written, or would be outside of the folder.
    """
    texts = {folder / path: draft.text for path, draft in _paths(drafts).items()}
    try:
        found = {path: path.read_bytes() for path in texts if path.exists()}
        other = {path for path, data in found.items() if data != texts[path].encode()}
        if other and not force:
            named = ", ".join(str(path) for path in sorted(other)[:5]) + (
                f" and {len(other) - 5} more" if len(other) > 5 else ""
            )
            raise InvalidSpec(
                f"nothing was written: {named} would be overwritten, and what is in there differs;"
                " --force overwrites it, or give another folder"
            )
        written = sorted(path for path in texts if path not in found or path in other)
        for path in written:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, texts[path])
        around = sorted({p for parent in {path.parent for path in texts} for p in parent.glob("*.yaml")} - texts.keys())
    except OSError as error:
        raise InvalidSpec(f"{error.filename or folder} cannot be written: {error.strerror or error}") from error
    return Files(tuple(written), tuple(sorted(texts.keys() - set(written))), tuple(around))


def _paths(drafts: Sequence[Draft]) -> dict[Path, Draft]:
    several = len({draft.key.namespace for draft in drafts}) > 1
    found = {}
    for draft in in_order(drafts):
        for part in (draft.key.namespace, draft.key.name):
            if "/" in part or part in ("", ".", ".."):
                raise InvalidSpec(
                    f"{draft.key}: {part} is no name of a file: it would be written outside of the folder"
                )
        base = Path(draft.key.namespace) if several else Path()
        found[base / _FOLDERS[draft.key.kind] / f"{draft.key.name}.yaml"] = draft
    return found


def _replace(path: Path, text: str) -> None:
    """Whole or not at all, however this ends."""
    fresh = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
