"""What an export comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.local.admission import faults
from kafkade.local.writing import Draft


@dataclass(frozen=True, slots=True)
class Target:
    """What the resources are to be called: their namespace, and the KafkaCluster that they name.

    ``with_cluster``: the KafkaCluster is among them; its topicDefaults then say what else every topic would.
    """

    namespace: str
    cluster: str
    with_cluster: bool = True

    @property
    def cluster_ref(self) -> Mapping[str, str]:
        """spec.clusterRef."""
        return {"name": self.cluster}


@dataclass(slots=True)
class Exported:
    """Resources, and what they do not say."""

    drafts: list[Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What cannot be expressed or is left out on purpose, and why."""
    failed: list[str] = field(default_factory=list)
    """What could not be read, or be no resource, and why: the export is not whole."""

    def checked(self) -> Exported:
        """The same; what Kubernetes would refuse is no resource but a failure, so that the others can be applied."""
        good, failed = list[Draft](), list(self.failed)
        for draft in self.drafts:
            found = faults(draft.key, draft.spec)
            if found:
                failed.append(f"{draft.key}: {'; '.join(found)}")
            else:
                good.append(draft)
        return Exported(good, self.notes, failed)

    def add(self, other: Exported) -> None:
        """Take the other's in."""
        self.drafts += other.drafts
        self.notes += other.notes
        self.failed += other.failed
