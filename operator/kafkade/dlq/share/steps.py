"""The steps that a policy's plan can hold besides its KafkaTopics, which have plans of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.plan import Step, settings_change


@dataclass(frozen=True, slots=True)
class SetGroupConfig(Step):
    """IncrementalAlterConfigs of a share group; ``new`` None takes the group's own value away."""

    group: str
    new: Mapping[str, str | None]
    old: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def verb(self) -> str:
        return "set"

    @property
    def change(self) -> str:
        return f"share group {self.group}: {settings_change(self.old, self.new)}"
