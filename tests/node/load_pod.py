"""Runs in a pod: writes numbered records, and reads them, until /tmp/stop is there; then prints what became of them.

usage: load_pod.py BOOTSTRAP TOPIC
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer

QUIET = {"log_level": 0}
"""librdkafka's log would come between the lines that are printed."""
STOP = Path("/tmp/stop")  # noqa: S108 - the pod's own
EVERY = 0.005  # seconds between records
LIMIT = 120.0  # seconds for what is still under way at the end


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(bootstrap: str, topic: str) -> None:
    # records of an earlier run in the same topic are not ours
    run = str(time.time_ns()).encode()
    acknowledged: set[int] = set()
    refused: list[str] = []
    read: list[int] = []
    pauses = [0.0]
    last = time.monotonic()

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal last
        if error is not None:
            refused.append(str(error))
            return
        acknowledged.add(int(message.key() or b"-1"))
        now = time.monotonic()
        pauses.append(now - last)
        last = now

    broker = {"bootstrap.servers": bootstrap, **QUIET}
    producer = Producer({**broker, "acks": "all", "enable.idempotence": True, "linger.ms": 5})
    consumer = Consumer({**broker, "group.id": f"load-{time.time_ns()}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])

    def take() -> None:
        for message in consumer.consume(100, 0):
            if message.error() is None and message.value() == run:
                read.append(int(message.key() or b"-1"))

    sent = 0
    while not STOP.exists():
        producer.produce(topic, key=str(sent), value=run, on_delivery=delivered)
        sent += 1
        producer.poll(0)
        take()
        time.sleep(EVERY)
        if sent == 100:
            say("under way")
    producer.flush(LIMIT)
    deadline = time.monotonic() + LIMIT
    while len(read) < len(acknowledged) and time.monotonic() < deadline:
        take()
        time.sleep(EVERY)
    lost = acknowledged - set(read)
    while lost and time.monotonic() < deadline:
        # some were read twice, so that the numbers told too little
        take()
        time.sleep(EVERY)
        lost = acknowledged - set(read)
    consumer.close()
    result = {
        "sent": sent,
        "acknowledged": len(acknowledged),
        "refused": refused[:5],
        "lost": sorted(lost)[:20],
        "twice": len(read) - len(set(read)),
        "longest_pause": round(max(pauses), 1),
    }
    say(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
