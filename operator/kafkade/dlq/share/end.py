"""Policies in deletion: what they set on share groups is taken back, and the finalizer goes. Their KafkaTopics go by owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context, Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.objects import Report
from kafkade.clients.connection import Connection
from kafkade.dlq.match import Rule, World
from kafkade.dlq.plan import Facts
from kafkade.dlq.share.act import act_on_groups
from kafkade.dlq.share.observe import observe
from kafkade.dlq.share.plan import groups_of, plan_groups
from kafkade.dlq.share.status import settled
from kafkade.dlq.status import failed


async def end(
    policies: Sequence[tuple[Work[KafkaDLQPolicySpec], Rule]], world: World, connection: Connection, context: Context
) -> list[Report]:
    """Take back what is still as kafkade set it, one policy after the other; a policy is held until that is done.

    Raises:
        KafkaError: no answer at all.
    """
    groups = {g for work, _ in policies for g in groups_of(work.resource, work.spec)}
    share = await observe(connection, groups)
    reports = []
    for work, rule in policies:
        resource = work.resource
        if work.spec.management_policy is ManagementPolicy.OBSERVE:
            reports.append(Report(resource.key, release=True))
            continue
        plan = plan_groups(resource, rule, (), Facts(world, {}, {}), share)
        acted = await act_on_groups(resource, plan, connection.kafka, context)
        error = next((gone.error for gone in settled(plan, acted).leaving), None)
        if error is None:
            reports.append(Report(resource.key, release=True))
        else:
            reports.append(replace(failed(resource, error, context.now()), retry="backoff"))
    return reports
