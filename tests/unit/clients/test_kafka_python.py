"""What becomes of a client of kafka-python when a request comes to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.errors import ClusterUnreachable, TopicConflict
from kafkade.clients.kafka import Security
from kafkade.clients.kafka_python import _DESCRIBE, KafkaPython


class Client:
    """May be closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("trouble", "raised", "closed"),
    [
        pytest.param(KeyError("errors"), KeyError, 1, id="a defect, or an answer that cannot be read"),
        pytest.param(OSError("reset"), ClusterUnreachable, 1, id="no broker"),
        pytest.param(TopicConflict("another one has it"), TopicConflict, 0, id="an answer"),
    ],
)
async def test_a_client_that_may_be_broken_is_closed(trouble: Exception, raised: type[Exception], closed: int) -> None:
    async def clear() -> None:
        """The way is."""

    python, client = KafkaPython(Security("a:1"), 1, clear), Client()
    python._client = client

    def work(_: Any) -> None:
        raise trouble

    with pytest.raises(raised):
        await python._run(_DESCRIBE, work)
    assert client.closed == closed
    assert python._client is (None if closed else client)
    await python.close()
