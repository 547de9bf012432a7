"""Kopf's watches go on where Kopf itself would end them, and the whole process with them.

Kopf 1.45 takes two things for fatal that the API's own description has clients live with: 410 Gone as the answer to a watch or
to a further page of a list (it knows that only as an event), and an event ERROR with any other code, which an API server sends
when it loses sight of etcd. After both a new list is all that it takes, and it has no setting for that.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from kopf._cogs.clients import errors, watching

log = logging.getLogger("kafkade")

_ends_at_errors = watching.continuous_watch
_GONE = 410


async def _ends(**options: Any) -> AsyncIterator[Any]:
    """Kopf's list and watch of a kind; its caller begins with both anew, after a pause, where it ends without an error."""
    try:
        async with aclosing(cast(AsyncGenerator[Any], _ends_at_errors(**options))) as events:
            async for event in events:
                yield event
    except (watching.WatchingError, errors.APIClientError) as error:
        if isinstance(error, errors.APIClientError) and error.status != _GONE:
            raise
        log.warning("watch of %s: listed anew: %s", options["resource"].plural, error)


def go_on_after_errors() -> None:
    """Have Kopf do so, for all operators of this process; to say it twice changes nothing."""
    watching.continuous_watch = _ends
