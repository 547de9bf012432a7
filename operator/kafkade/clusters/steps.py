"""The steps a cluster's plan can hold: its cluster-wide dynamic broker settings."""

from __future__ import annotations

from dataclasses import dataclass

from kafkade.api.plan import Step, settings_change


@dataclass(frozen=True, slots=True)
class SetBrokerConfig(Step):
    """Set a cluster-wide dynamic broker setting; ``old`` None: it was not set."""

    key: str
    old: str | None
    new: str

    @property
    def verb(self) -> str:
        return "set"

    @property
    def change(self) -> str:
        return settings_change({self.key: self.old}, {self.key: self.new})


@dataclass(frozen=True, slots=True)
class UnsetBrokerConfig(Step):
    """Take a setting away that kafkade had set: brokers go back to their own file's value, or Kafka's default."""

    key: str
    old: str

    @property
    def verb(self) -> str:
        return "unset"

    @property
    def change(self) -> str:
        return settings_change({self.key: self.old}, {self.key: None})
