"""The mover with a producer that does what librdkafka's does too seldom to wait for."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import KafkaException, TopicPartition

from kafkade.api.errors import Aborted, AuthorizationFailed, ClusterUnreachable, Fenced
from kafkade.clients import kafka_mover, kafka_mover_client
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover import KafkaMover
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.model import Committed


class Producer:
    """Each method does what is written down for it, then nothing."""

    def __init__(self, **acts: Callable[[], Any]) -> None:
        self.acts = acts
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any, **__: Any) -> Any:
            self.calls.append(name)
            return self.acts.get(name, lambda: 0)()

        return call


def raising(error: Exception) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


@pytest.fixture
def mover() -> Iterator[KafkaMover]:
    made = KafkaMover(
        # nobody listens there: no request is made before the producer's
        Security("127.0.0.1:1"),
        "orders.dlq",
        ledger_group="kafkade-dlq.orders.dlq",
        progress_group="kafkade-redrive.1",
        transactional_id="kafkade-dlq.orders.dlq",
        timeout=1,
    )
    yield made
    made._producer = made._began = None
    made.close()


def begun(mover: KafkaMover, producer: Producer) -> KafkaMover:
    mover._producer = producer
    mover.begin()
    return mover


LEDGER = {0: Committed(5, "")}


def test_a_request_that_never_returns_is_left_behind(mover: KafkaMover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_mover, "_HANGS", 0.3)
    free = threading.Event()
    producer = Producer(send_offsets_to_transaction=free.wait)
    with pytest.raises(ClusterUnreachable, match=r"orders\.dlq: no answer to a transactional request within"):
        begun(mover, producer).commit(LEDGER, {})
    free.set()
    assert "commit_transaction" not in producer.calls
    assert mover._producer is None, "the next transaction is another producer's"


def test_a_topic_of_which_nothing_is_ever_told_is_not_waited_for(
    mover: KafkaMover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_mover_client, "MARGIN", 0.0)
    mover.lookup._way.timeout = 0.2
    known = SimpleNamespace(topics={"orders": SimpleNamespace(error=None, partitions={0: None})})
    mover.lookup._admin = Producer(
        list_topics=lambda: known,
        describe_topics=lambda: defaultdict(Future),
        describe_configs=lambda: defaultdict(Future),
    )
    for ask in (mover.lookup.identity, mover.lookup.target):
        with pytest.raises(ClusterUnreachable, match=r"no broker at 127\.0\.0\.1:1 answered"):
            ask("orders")


def failure(code: int, text: str = "told", *, fatal: bool = False, abort: bool = False) -> KafkaException:
    return KafkaException(ForeignError(code, text, fatal, False, abort))


@pytest.mark.parametrize(
    ("where", "error", "expected"),
    [
        ("flush", failure(ForeignError.MSG_SIZE_TOO_LARGE, abort=True), Aborted),
        ("send_offsets_to_transaction", failure(ForeignError.PRODUCER_FENCED, fatal=True), Fenced),
        ("commit_transaction", failure(ForeignError.INVALID_TXN_STATE, abort=True), Aborted),
    ],
)
def test_an_error_gives_the_producer_up(
    mover: KafkaMover, where: str, error: KafkaException, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        begun(mover, Producer(**{where: raising(error)})).commit(LEDGER, {})
    assert mover._producer is None


def test_a_transaction_that_fails_while_more_is_sent_tells_its_own_cause(mover: KafkaMover) -> None:
    """librdkafka refuses further records by their being out of place, which says nothing of the one that was refused."""
    producer = Producer(
        produce=raising(failure(ForeignError._STATE, "Erroneous state")),
        send_offsets_to_transaction=raising(failure(ForeignError.MSG_SIZE_TOO_LARGE, abort=True)),
    )
    record = Record(partition=0, offset=1, timestamp=-1, key=None, value=b"", headers=())
    begun(mover, producer).send([("orders", -1, record, [])] * 3)
    assert producer.calls.count("produce") == 1
    with pytest.raises(Aborted) as raised:
        mover.commit(LEDGER, {})
    assert raised.value.code == ForeignError.MSG_SIZE_TOO_LARGE


def test_a_fatal_error_while_the_log_is_handed_over(mover: KafkaMover) -> None:
    """Python makes a SystemError of an exception in a call that has raised one already."""

    def act() -> Any:
        raise SystemError("error return without exception set") from failure(ForeignError.PRODUCER_FENCED, fatal=True)

    with pytest.raises(Fenced):
        begun(mover, Producer(flush=act)).commit(LEDGER, {})


def test_another_system_error_is_not_hidden(mover: KafkaMover) -> None:
    with pytest.raises(SystemError, match="of its own"):
        begun(mover, Producer(flush=raising(SystemError("of its own")))).commit(LEDGER, {})


@pytest.mark.parametrize("code", [14, 15, 16])
def test_a_group_whose_coordinator_moves_is_asked_for_again(mover: KafkaMover, code: int) -> None:
    answers = iter([raising(failure(code)), lambda: [TopicPartition("orders.dlq", 0, 5)]])
    partitions = SimpleNamespace(error=None, partitions={0: None})
    topics = SimpleNamespace(topics={"orders.dlq": partitions})
    mover._progress = Producer(list_topics=lambda: topics, committed=lambda: next(answers)())
    assert mover.progress() == {0: Committed(5, "")}
    assert mover._progress.calls.count("committed") == 2


@pytest.mark.parametrize("code", [5, 6, 74, 75, 78])
def test_a_leader_that_is_not_there_yet_is_asked_again(mover: KafkaMover, code: int) -> None:
    answers = iter([raising(failure(code)), lambda: (2, 5)])
    partitions = SimpleNamespace(error=None, partitions={0: None})
    topics = SimpleNamespace(topics={"orders.dlq": partitions})
    reader = Producer(list_topics=lambda: topics, get_watermark_offsets=lambda: next(answers)())
    mover.reader._consumer = reader
    assert mover.reader.bounds() == {0: (2, 5)}
    assert reader.calls.count("get_watermark_offsets") == 2


def test_what_a_leader_refuses_is_told_at_once(mover: KafkaMover) -> None:
    partitions = SimpleNamespace(error=None, partitions={0: None})
    topics = SimpleNamespace(topics={"orders.dlq": partitions})
    reader = Producer(list_topics=lambda: topics, get_watermark_offsets=raising(failure(29)))
    mover.reader._consumer = reader
    with pytest.raises(AuthorizationFailed):
        mover.reader.bounds()
    assert reader.calls.count("get_watermark_offsets") == 1
