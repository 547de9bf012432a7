"""What a KafkaTopic wants once the cluster's defaults are under it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import ManagementPolicy, config_text
from kafkade.api.objects import Resource
from kafkade.api.policy import collision_key
from kafkade.api.topic import AdoptionPolicy, DeletionPolicy, KafkaTopicSpec


@dataclass(frozen=True, slots=True)
class Desired:
    """A topic as declared. ``partitions`` and ``replication_factor`` None: a default for creation, then left alone."""

    name: str
    partitions: int | None
    replication_factor: int | None
    default_partitions: int
    default_replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)
    deletion: DeletionPolicy = DeletionPolicy.DELETE
    adoption: AdoptionPolicy = AdoptionPolicy.IF_IDENTICAL
    observe_only: bool = False

    @property
    def new_partitions(self) -> int:
        """Partitions of a topic made now."""
        return self.partitions or self.default_partitions

    @property
    def new_replication_factor(self) -> int:
        """Replication factor of a topic made now."""
        return self.replication_factor or self.default_replication_factor


def topic_name(resource: Resource) -> str:
    """spec.topicName, by default metadata.name."""
    name = resource.spec.get("topicName")
    return name if isinstance(name, str) and name else resource.key.name


def claim_of(resource: Resource) -> str:
    """What a KafkaTopic claims on its Kafka: its name, with '.' and '_' alike, since Kafka refuses both side by side."""
    return collision_key(topic_name(resource))


def desired(resource: Resource, spec: KafkaTopicSpec, cluster: KafkaClusterSpec) -> Desired:
    """Spec over the cluster's topicDefaults, key by key."""
    defaults = cluster.topic_defaults
    config = {**defaults.config, **spec.config}
    return Desired(
        name=topic_name(resource),
        partitions=spec.partitions,
        replication_factor=spec.replication_factor,
        default_partitions=defaults.partitions,
        default_replication_factor=defaults.replication_factor,
        config={k: config_text(v) for k, v in config.items()},
        deletion=spec.deletion_policy or defaults.deletion_policy,
        adoption=spec.adoption_policy or defaults.adoption_policy,
        observe_only=spec.management_policy is ManagementPolicy.OBSERVE,
    )
