"""Follows the kinds of which there are thousands by streams of kafkade's own, in place of Kopf's watches."""

from __future__ import annotations

import asyncio
import logging
import random

from kafkade.api.errors import KubernetesError
from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.clients.kube_stream import Stream
from kafkade.engine.engine import Engine

log = logging.getLogger("kafkade")

STREAMED = frozenset({TOPIC, SCHEMA})
"""The kinds that Kopf does not watch."""

LONGEST_PAUSE = 1.0
"""Seconds between two attempts to reach the API server, at most: well below ``connections.DELETION_GRACE``, within which the
deletions of a cluster's topics have to be seen after the cluster's own."""


async def follow(stream: Stream, engine: Engine) -> None:
    """Tell the engine of all that changes; runs until cancelled.

    Where credentials have run out, Kopf sees it by its own watches, and gets new ones for all (``_Operator._session``).
    """
    pause = 0.5
    while True:
        try:
            if not stream.goes_on:
                before = engine.known(stream.kind, stream.namespace)
                engine.listed(before, await stream.listed())
            async for changes in stream.changes():
                pause = 0.5
                for change in changes:
                    resource = change.resource
                    if change.what == "GONE":
                        engine.gone(resource.key, resource.resource_version)
                    else:
                        engine.seen(resource)
        except KubernetesError as error:
            log.warning("watch of %s: %s", stream.kind, error.message)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
            pause = min(pause * 2, LONGEST_PAUSE)
