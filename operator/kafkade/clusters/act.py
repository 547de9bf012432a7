"""Carries out a cluster's plan: all settings in one IncrementalAlterConfigs, which brokers take whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from kafkade.api.errors import InvalidConfig
from kafkade.api.plan import Step
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clusters.steps import SetBrokerConfig, UnsetBrokerConfig


async def act(kafka: KafkaAdmin, steps: Sequence[Step]) -> None:
    """Execute the steps; none makes no request.

    Raises:
        InvalidConfig: a value that the brokers refuse, with their text.
        KafkaError: a missing right, or no answer.
    """
    changes: dict[str, str | None] = {}
    for step in steps:
        match step:
            case SetBrokerConfig(key=key, new=new):
                changes[key] = new
            case UnsetBrokerConfig(key=key):
                changes[key] = None
            case _:
                raise TypeError(f"not a step of a cluster's plan: {step!r}")
    try:
        await kafka.alter_default_broker_configs(changes)
    except InvalidConfig as error:
        if any(key in error.message for key in changes):
            raise
        # the text of an exception inside the broker, for example "/ by zero"
        raise InvalidConfig(f"brokerConfig {', '.join(changes)}: {error.message}") from error
