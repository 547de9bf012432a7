"""One look at the pods of a KafkaCluster's spec.rolling: observe, plan, act, report."""

from __future__ import annotations

from kafkade.api.cluster import Rolling
from kafkade.api.context import Context
from kafkade.api.errors import KafkadeError, RollingForbidden, StatefulSetNotFound
from kafkade.api.objects import Resource
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import Replication
from kafkade.clusters.rolling.act import delete
from kafkade.clusters.rolling.observe import observe
from kafkade.clusters.rolling.plan import needs_kafka, plan
from kafkade.clusters.rolling.status import Rolled, failed, rolled


async def roll(
    resource: Resource, rolling: Rolling, kafka: KafkaAdmin, context: Context, *, observe_only: bool
) -> Rolled:
    """Delete the one pod that may go now, or say why none may. Kafka is asked only when it depends on it.

    Raises:
        KubernetesError: the API server does not answer.
    """
    before = resource.status.get("rolling")
    try:
        sets = await observe(rolling, resource.key.namespace, context)
        seen = await _replication(kafka) if needs_kafka(sets) else None
        decision = plan(sets, seen, was_active=before is not None)
        gone = None
        if decision.delete is not None and not observe_only:
            gone = decision.delete if await delete(decision.delete, resource.key.namespace, context) else None
    except (RollingForbidden, StatefulSetNotFound) as error:
        return failed(error, before)
    return rolled(sets, decision, gone, was_active=before is not None, observe_only=observe_only)


async def _replication(kafka: KafkaAdmin) -> Replication | KafkadeError:
    try:
        return await kafka.replication()
    except KafkadeError as error:
        return error
