"""KafkaDLQRedrive: put dead letters back, each exactly once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kafkade.api.common import (
    Bool,
    ClusterRef,
    Condition,
    DnsName,
    Int,
    Managed,
    ManagementPolicy,
    Model,
    cel,
    rules,
)
from kafkade.api.patterns import pattern
from kafkade.api.topic import MAX_TOPIC_NAME

TopicName = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_NAME, pattern=r"^[a-zA-Z0-9._-]+$")]
HeaderName = Annotated[str, Field(min_length=1, max_length=1024)]
HeaderPattern = Annotated[str, Field(min_length=1, max_length=1024)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

MAX_PROGRESS, MAX_BUCKETS, MAX_FAILURES = 200, 50, 20
"""Entries that the lists of a status have at most."""


def _regular_expression(text: str) -> str:
    try:
        pattern(text)
    except ValueError as error:
        raise PydanticCustomError("pattern", "not a regular expression: {why}", {"why": str(error)}) from error
    return text


Pattern = Annotated[str, AfterValidator(_regular_expression), Field(min_length=1, max_length=1024)]


class Phase(StrEnum):
    """Where a redrive is. Completed, Cancelled and Failed are final."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens."""
        return self in (Phase.COMPLETED, Phase.CANCELLED, Phase.FAILED)


class PolicySource(Model):
    """A KafkaDLQPolicy in the same namespace."""

    name: DnsName = Field(description="Name of the KafkaDLQPolicy.")


class Source(Model):
    """Where the dead letters are: one topic, or all dead-letter topics of a policy."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.topic) != has(self.policyRef)", "give topic or policyRef, one of the two")
        )
    )
    topic: TopicName | None = Field(default=None, description="A dead-letter topic.")
    policy_ref: PolicySource | None = Field(default=None, description="All dead-letter topics of a policy.")


class Destination(Model):
    """Where they go."""

    topic: TopicName | None = Field(
        default=None, description="One topic for all; absent: each to the topic that its headers name."
    )


class HeaderMatch(Model):
    """A header that a record must have."""

    name: HeaderName = Field(description="Its name.")
    value: str | None = Field(default=None, max_length=4096, description="Its value as text; absent: any value.")


class OffsetRange(Model):
    """Offsets of one partition, both ends included."""

    partition: Int = Field(ge=0, description="Partition of the dead-letter topic.")
    first: Int | None = Field(default=None, ge=0, description="First offset; absent: the earliest.")
    last: Int | None = Field(default=None, ge=0, description="Last offset; absent: the latest when the redrive began.")


class RedriveFilter(Model):
    """Which dead letters are put back: those that fit everything that is given. The others stay where they are."""

    error_class: Pattern | None = Field(
        default=None, description="Regular expression that is searched in the class of the error."
    )
    error_message: Pattern | None = Field(
        default=None, description="Regular expression that is searched in the message of the error."
    )
    origin: TopicName | None = Field(default=None, description="The topic that the record was in before.")
    key: Pattern | None = Field(default=None, description="Regular expression that is searched in the key as text.")
    headers: Annotated[list[HeaderMatch], Field(max_length=32)] = Field(
        default_factory=list, description="Headers that it must have."
    )
    since: Timestamp | None = Field(default=None, description="Timestamp of the record, this or later; RFC 3339.")
    until: Timestamp | None = Field(default=None, description="Timestamp of the record, before this; RFC 3339.")
    partitions: Annotated[list[Annotated[Int, Field(ge=0)]], Field(max_length=1000)] = Field(
        default_factory=list, description="Partitions of the dead-letter topic."
    )
    offsets: Annotated[list[OffsetRange], Field(max_length=256)] = Field(
        default_factory=list, description="Offsets of the dead-letter topic."
    )


class HeaderEdits(Model):
    """Changes to the headers of each record; without them a record is put back byte for byte."""

    remove: Annotated[list[HeaderPattern], Field(max_length=64)] = Field(
        default_factory=list, description="Names of headers to leave out, or patterns with * and ?: __connect.errors.*"
    )
    add: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32)] = Field(
        default_factory=dict, description="Headers to put at the end, with text values."
    )


class LoopGuard(Model):
    """What happens to a record that keeps coming back. Each redriven record then carries a header with the count."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "(has(self.action) && self.action == 'Quarantine') == has(self.quarantineTopic)",
                "action: Quarantine takes a quarantineTopic, and action: Skip takes none",
            )
        )
    )
    max_redrives: Int = Field(default=3, ge=1, le=1000, description="How often a record is put back; default 3.")
    action: Literal["Skip", "Quarantine"] = Field(
        default="Skip", description="Skip (default) leaves it in the dead-letter topic; Quarantine moves it away."
    )
    quarantine_topic: TopicName | None = Field(default=None, description="With Quarantine: where it goes.")


class KafkaDLQRedriveSpec(Managed):
    """One run that puts dead letters back. Only cancel, paused, managementPolicy, rateLimit, ttlSecondsAfterFinished can change."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("self.clusterRef == oldSelf.clusterRef", "clusterRef is immutable: create another redrive"),
            cel("self.source == oldSelf.source", "source is immutable: create another redrive"),
            cel(
                "has(self.destination) == has(oldSelf.destination)"
                " && (!has(self.destination) || self.destination == oldSelf.destination)",
                "destination is immutable: create another redrive",
            ),
            cel(
                "has(self.filter) == has(oldSelf.filter) && (!has(self.filter) || self.filter == oldSelf.filter)",
                "filter is immutable: create another redrive",
            ),
            cel(
                "has(self.headers) == has(oldSelf.headers) && (!has(self.headers) || self.headers == oldSelf.headers)",
                "headers is immutable: create another redrive",
            ),
            cel(
                "(has(self.dryRun) && self.dryRun) == (has(oldSelf.dryRun) && oldSelf.dryRun)",
                "dryRun is immutable: create another redrive",
            ),
            cel(
                "has(self.maxRecords) == has(oldSelf.maxRecords)"
                " && (!has(self.maxRecords) || self.maxRecords == oldSelf.maxRecords)",
                "maxRecords is immutable: create another redrive",
            ),
            cel(
                "has(self.loopGuard) == has(oldSelf.loopGuard)"
                " && (!has(self.loopGuard) || self.loopGuard == oldSelf.loopGuard)",
                "loopGuard is immutable: create another redrive",
            ),
            cel(
                "!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel)",
                "a cancelled redrive cannot go on: create another one, which takes up where this one stopped",
            ),
        )
    )
    paused: Bool = Field(
        default=False,
        description="While true nothing is put back: a redrive that runs holds after its transaction, and goes on where it"
        " was once this is false. A dry run counts anew then.",
    )
    management_policy: ManagementPolicy = Field(
        default=ManagementPolicy.FULL,
        description="Full (default) runs the redrive. With Observe it does not run, and nothing is read: to look without"
        " writing, use dryRun.",
    )
    cluster_ref: ClusterRef = Field(description="The KafkaCluster; immutable.")
    source: Source = Field(description="Where the dead letters are; immutable.")
    destination: Destination = Field(default_factory=Destination, description="Where they go; immutable.")
    filter: RedriveFilter = Field(default_factory=RedriveFilter, description="Which ones; immutable; absent: all.")
    rate_limit: Int | None = Field(default=None, ge=1, description="Records a second; absent: as fast as it goes.")
    max_records: Int | None = Field(
        default=None, ge=1, description="Stop after so many were put back, from all topics together; immutable."
    )
    dry_run: Bool = Field(
        default=False, description="Only count, by error, source topic and age; nothing is written; immutable."
    )
    headers: HeaderEdits = Field(default_factory=HeaderEdits, description="Changes to headers; immutable.")
    loop_guard: LoopGuard | None = Field(default=None, description="Against records that keep coming back; immutable.")
    cancel: Bool = Field(default=False, description="true stops it; what was put back stays put back.")
    ttl_seconds_after_finished: Int | None = Field(
        default=None, ge=0, description="Delete this resource so long after the end; absent: keep it."
    )


class Counts(Model):
    """Exact numbers, committed together with the records."""

    read: Int = Field(default=0, description="Dead letters looked at.")
    moved: Int = Field(default=0, description="Put back.")
    skipped: Int = Field(default=0, description="Left where they are: the filter or the loop guard says so.")
    quarantined: Int = Field(default=0, description="Moved to the quarantine topic.")
    failed: Int = Field(default=0, description="Left where they are: they could not be put back.")
    lost: Int = Field(
        default=0, description="Pointers of share groups to records that the source's retention has taken already."
    )


class PartitionProgress(Model):
    """How far one partition of a dead-letter topic is."""

    topic: str = Field(description="The dead-letter topic.")
    partition: Int = Field(description="Its partition.")
    next: Int = Field(description="The offset that is looked at next.")
    end: Int = Field(description="Where it ends: the end of the partition when the redrive began.")


class Bucket(Model):
    """A line of the histogram."""

    error: str = Field(description="Class of the error; empty when the record does not say.")
    origin: str = Field(description="Topic that the record was in; empty when the record does not say.")
    age: str = Field(description="under 1h, under 1d, under 7d, or older.")
    records: Int = Field(description="How many.")


class Failure(Model):
    """A record that could not be put back, with why."""

    topic: str = Field(description="The dead-letter topic.")
    partition: Int = Field(description="Its partition.")
    offset: Int = Field(description="Its offset.")
    reason: str = Field(
        description="NoDestination: its headers name no topic that it was in. UnknownTopic: the destination does not exist."
        " NotAllowed: the destination is not for this namespace, or is the dead-letter topic itself. NotAuthorized: kafkade's"
        " principal may not write there. RecordTooLarge: larger than the destination's max.message.bytes. NoKey: the"
        " destination is compacted and takes no record without a key. TimestampZero: its timestamp is 0, which cannot be"
        " written as it is. InvalidRecord: the brokers refuse it for another reason of its own. Lost: it only pointed to a"
        " record that retention has taken."
    )


class KafkaDLQRedriveStatus(Model):
    """How far the redrive is."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled.")
    phase: Phase | None = Field(
        default=None, description="Pending, Running, Completed, Cancelling, Cancelled or Failed."
    )
    topics: list[str] | None = Field(
        default=None, description="The dead-letter topics, in the order of work; they are settled when it begins."
    )
    topic_ids: list[str] | None = Field(
        default=None,
        description="Kafka's ids of these topics, in the same order: one that is deleted and made again is another topic.",
    )
    started: str | None = Field(default=None, description="When it began.", json_schema_extra={"format": "date-time"})
    finished: str | None = Field(default=None, description="When it ended.", json_schema_extra={"format": "date-time"})
    counts: Counts | None = Field(default=None, description="What became of the records.")
    progress: list[PartitionProgress] | None = Field(
        default=None, description=f"By partition; the first {MAX_PROGRESS}, more are only in counts."
    )
    histogram: list[Bucket] | None = Field(
        default=None,
        description=f"Of a dry run: what would be put back; the {MAX_BUCKETS} largest lines, more are only in counts.",
    )
    failures: list[Failure] | None = Field(
        default=None,
        description=f"The first {MAX_FAILURES} records that could not be put back; more are only in counts.",
    )
