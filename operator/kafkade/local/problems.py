"""What can be wrong with manifests: where it is, by which rule, and in words. The rules' ids are stable."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kafkade.api.objects import Key


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands. Lines and columns count from 1; 0: the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Rule(StrEnum):
    """The ids of all rules. One that has gone is never given to another rule."""

    SYNTAX = "KFD001"
    OBJECT = "KFD002"
    FIELD = "KFD003"
    VALUE = "KFD004"
    ADMISSION = "KFD005"
    TWICE = "KFD006"
    CLAIM = "KFD007"
    REFERENCE = "KFD008"
    GRANT = "KFD009"
    NAME = "KFD010"
    SCHEMA = "KFD011"
    CYCLE = "KFD012"
    DEAD_LETTERS = "KFD013"
    REPLICAS = "KFD014"
    SETTING = "KFD015"
    COMPATIBILITY = "KFD101"
    IMMUTABLE = "KFD102"
    REMOVED = "KFD103"


class About(NamedTuple):
    """What a rule is, for people."""

    name: str
    """For programs that show names in place of ids: one CamelCase word."""
    text: str


RULES: dict[Rule, About] = {
    Rule.SYNTAX: About("BrokenYaml", "A file is not YAML, is not UTF-8 or cannot be read, or a key stands twice."),
    Rule.OBJECT: About(
        "NotAResource", "A document is no Kubernetes object: apiVersion, kind or metadata.name is missing or wrong."
    ),
    Rule.FIELD: About("UnknownField", "A field or a kind that there is none of, mostly misspelt."),
    Rule.VALUE: About("WrongValue", "A value of a wrong type, out of its limits, or missing."),
    Rule.ADMISSION: About("RuleBroken", "A rule of the CRD (CEL) is broken: the API server would refuse the resource."),
    Rule.TWICE: About("DeclaredTwice", "The same resource (kind, namespace, name) is declared twice."),
    Rule.CLAIM: About(
        "ClaimedTwice",
        "Two resources name the same topic or subject of the same cluster: only one of them would get it.",
    ),
    Rule.REFERENCE: About(
        "NotFound", "What a resource names is in none of the files. With --partial it is taken for there."
    ),
    Rule.GRANT: About(
        "NotAllowed", "The KafkaCluster's allowedNamespaces do not let the namespace in, or not with this name."
    ),
    Rule.NAME: About(
        "NameRefused", "A topic's name breaks Kafka's rules or the KafkaCluster's naming policy (mode Warn: a warning)."
    ),
    Rule.SCHEMA: About("InvalidSchema", "The text of a schema does not parse as Avro, JSON Schema or Protobuf."),
    Rule.CYCLE: About("ReferenceCycle", "Schemas reference each other in a circle."),
    Rule.DEAD_LETTERS: About(
        "DeadLetterLoop", "A policy names a dead-letter, retry or internal topic as a source of dead letters."
    ),
    Rule.REPLICAS: About(
        "NoWritesPossible",
        "min.insync.replicas is above the replication factor: nothing could be written to the topic.",
    ),
    Rule.SETTING: About(
        "UnknownSetting",
        "A warning: Kafka 3.5 to 4.4 knows no such topic setting, or 4.0 removed it. The brokers have the last word.",
    ),
    Rule.COMPATIBILITY: About(
        "IncompatibleSchema",
        "With --against: a schema's text changed such that it breaks the compatibility level of its subject.",
    ),
    Rule.IMMUTABLE: About(
        "ForbiddenChange",
        "With --against: a field changed that cannot change, or partitions became fewer: the API server would refuse it.",
    ),
    Rule.REMOVED: About(
        "DataLoss",
        "With --against, a warning: a resource went whose deletionPolicy takes records or versions away with it.",
    ),
}
"""Every rule, in the order of its id."""

WARNINGS = frozenset({Rule.SETTING, Rule.REMOVED})
"""Rules that only warn."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a manifest, and where. ``key``: the resource that it is about, where it is about one."""

    place: Place
    message: str
    rule: Rule
    key: Key | None = None
    warning: bool = False
    """Nothing would be refused; somebody should know all the same."""

    @property
    def severity(self) -> str:
        """``error`` or ``warning``."""
        return "warning" if self.warning else "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"
