"""What an import comes to: resources with the places that they came from, warnings, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key
from kafkade.api.policy import INTERNAL_TOPICS
from kafkade.local.admission import faults
from kafkade.local.documents import Document
from kafkade.local.object_names import likeness, object_names
from kafkade.local.problems import Place
from kafkade.local.writing import Draft

DEFAULT_NAMESPACE, DEFAULT_CLUSTER = "default", "main"

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_MAX_LABEL = 63
_SOMEBODYS = re.compile(
    r"app\.kubernetes\.io/(instance|managed-by)|applyset\.kubernetes\.io/.+|config\.k(ubernetes|8s)\.io/.+"
    r"|([a-z0-9.-]+\.)?(argocd\.argoproj\.io|toolkit\.fluxcd\.io|helm\.sh|kapp\.k14s\.io|cattle\.io)/.+"
)
"""Labels and annotations by which GitOps tools know what is theirs: what has them and is not in their sources, they delete."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""What kubectl wrote for itself; with it, the next ``kubectl apply`` would compare with another object."""

Include = Callable[[str, str], str | None]
"""The text of a file that a manifest names: by the manifest's file and the name in it; None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the resources are to be called. None: as the files say, else by the defaults."""

    namespace: str | None = None
    cluster: str | None = None

    def namespace_for(self, said: str | None) -> str:
        """``said``: what a file says."""
        return self.namespace or (likeness(said) if said else DEFAULT_NAMESPACE)

    def cluster_for(self, said: str | None) -> str:
        """``said``: what a file says."""
        return self.cluster or (likeness(said) if said else DEFAULT_CLUSTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A resource that a file describes. ``own_name``: its topic or subject; ``object_name``: given by the file, or made of that."""

    kind: str
    own_name: str
    document: Document
    path: tuple[str | int, ...]
    namespace: str
    spec: Mapping[str, Any]
    object_name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.document.place(self.path)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say of a place in a file."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(slots=True)
class Imported:
    """What was found in the files of one format."""

    found: list[Found] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    """What has no counterpart, or means something else than it did."""
    problems: list[Remark] = field(default_factory=list)

    def warn(self, place: Place, message: str) -> None:
        """Say what is left out and why."""
        self.warnings.append(Remark(place, message))

    def refuse(self, place: Place, message: str) -> None:
        """Say what is wrong in a file."""
        self.problems.append(Remark(place, message))

    def take(self, found: Found) -> None:
        """Keep a resource; Kafka's own topics are left out."""
        if found.kind == TOPIC and (found.own_name in INTERNAL_TOPICS or found.own_name.startswith("__")):
            self.warn(found.place, f"topic {found.own_name} is left out: it is internal, and never managed")
        else:
            kept, annotations = self._nobodys(found, found.labels), self._nobodys(found, found.annotations)
            self.found.append(replace(found, labels=kept, annotations=annotations))

    def _nobodys(self, found: Found, given: Mapping[str, str]) -> dict[str, str]:
        """Labels or annotations without those that would give the resource to another tool."""
        kept = {}
        for key, value in given.items():
            if _SOMEBODYS.fullmatch(key):
                self.warn(
                    found.place,
                    f"{key} is left out: by it another tool would take the resource for its own, and delete it",
                )
            elif key != _LAST_APPLIED:
                kept[key] = value
        return kept

    def drafts(self) -> list[Draft]:
        """All of them as resources with names; what would be none that kafkade takes is among the problems."""
        names = self._names()
        drafts: dict[Key, tuple[Draft, Place]] = {}
        for item in self.found:
            key = Key(item.kind, item.namespace, item.object_name or names[item.kind, item.namespace][item.own_name])
            if key in drafts:
                self.refuse(item.place, f"{key} is described in {drafts[key][1]} already")
                continue
            spec = dict(item.spec)
            if item.kind == TOPIC and key.name != item.own_name:
                spec = {"clusterRef": spec.pop("clusterRef"), "topicName": item.own_name, **spec}
            for fault in faults(key, spec):
                self.refuse(item.place, f"{item.own_name}: {fault}")
            drafts[key] = Draft(key, spec, item.labels, item.annotations), item.place
        return [draft for draft, _ in drafts.values()]

    def _names(self) -> dict[tuple[str, str], dict[str, str]]:
        wanted: dict[tuple[str, str], list[str]] = {}
        for item in self.found:
            if item.object_name is None:
                wanted.setdefault((item.kind, item.namespace), []).append(item.own_name)
        return {group: object_names(sorted(names)) for group, names in wanted.items()}


def labels(given: Mapping[str, str], imported: Imported, place: Place) -> dict[str, str]:
    """Labels that Kubernetes takes; others are left out with a warning."""
    kept = {}
    for key, value in given.items():
        if _LABEL_KEY.fullmatch(key) and _LABEL.fullmatch(value) and len(value) <= _MAX_LABEL:
            kept[key] = value
        else:
            imported.warn(place, f"label {key} is left out: Kubernetes takes no such label")
    return kept


def spec_of_topic(
    cluster: str, partitions: int | None, factor: int | None, config: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A KafkaTopic's spec; what is None or empty is left out. A manifest that is lost takes no records with it (Retain)."""
    given = {"partitions": partitions, "replicationFactor": factor, "config": dict(config), "deletionPolicy": "Retain"}
    given |= more
    return {
        "clusterRef": {"name": cluster},
        **{name: value for name, value in given.items() if value not in (None, {})},
    }


def spec_of_schema(cluster: str, subject: str, text: str, **more: Any) -> dict[str, Any]:
    """A KafkaSchema's spec; what is None or empty is left out."""
    given = {name: value for name, value in more.items() if value not in (None, [])}
    return {"clusterRef": {"name": cluster}, "subject": subject, **given, "schema": text}


def warn_of_unset(numbers: Mapping[str, int | None], tool: str, place: Place, imported: Imported) -> None:
    """A warning where some of a topic's numbers, by their fields, are not set."""
    missing = [field for field, number in numbers.items() if number is None]
    if missing:
        imported.warn(place, unset(missing, tool))


def unset(missing: Sequence[str], tool: str) -> str:
    """What to say where a number is left to a default, which is another one here."""
    named = " and ".join(missing)
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"{named} {verb} not set: {tool} leaves it to the brokers, kafkade to the KafkaCluster's topicDefaults (3, where they say"
        " nothing) when it makes the topic"
    )
