"""The scenes about dead letters: a service fails, the policy calls for help, and a redrive puts back what failed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

from checks import eventually, expect
from kubectl import Resource, is_ready
from outside import Service
from stage import Stage

EXAMPLE, NAMESPACE, TOPIC = "09-redrive", "returns", "return-events"
KEYS = [f"return-{number:02}" for number in range(30)]
TIMEOUTS = {key for number, key in enumerate(KEYS) if number % 3 == 0}
MALFORMED = {"return-07", "return-16"}


def _fails(key: str) -> str | None:
    return "TimeoutException" if key in TIMEOUTS else "DeserializationException" if key in MALFORMED else None


def _apply(stage: Stage, file: str) -> None:
    stage.kubectl.apply(stage.example(EXAMPLE, file))
    stage.screen.command(f"kubectl apply -f deploy/examples/{EXAMPLE}/{file}")


def _get(stage: Stage, *words: str) -> None:
    said = stage.kubectl("-n", NAMESPACE, "get", *words)
    stage.screen.command(f"kubectl -n {NAMESPACE} get {' '.join(words)}", said)


def _alert(resource: Resource) -> str:
    found = [c for c in resource["status"].get("conditions", ()) if c["type"] == "Alert"]
    return str(found[0]["status"]) if found else ""


def fail(stage: Stage) -> None:
    """A policy for a topic; its service gives up on some records, and the policy's alert says so."""
    for file in ("01-namespace.yaml", "02-cluster.yaml", "03-topic.yaml", "04-policy.yaml"):
        _apply(stage, file)
    kubectl = stage.kubectl
    for kind, name, spec in (
        ("kafkacluster", "main", {"resyncInterval": "1s"}),
        ("kafkadlqpolicy", "returns", {"alert": {"depth": 5}}),
    ):
        patch = json.dumps({"spec": spec})
        said = kubectl("-n", NAMESPACE, "patch", kind, name, "--type=merge", "-p", patch)
        stage.screen.command(f"kubectl -n {NAMESPACE} patch {kind} {name} --type=merge -p '{patch}'", said)
    kubectl.wait(NAMESPACE, "kafkadlqpolicy", "returns", is_ready, "Ready")
    eventually(lambda: f"{TOPIC}.dlq" in stage.kafka.names(), "the policy made the dead-letter topic")
    service = Service(stage.kafka.bootstrap, TOPIC)
    service.send(KEYS)
    seen = service.run("returns-service", len(KEYS), _fails)
    expect(sorted(seen) == KEYS, "the service saw each record", seen)
    stage.screen.checked(f"the service processed {len(KEYS)} records and gave up on {len(TIMEOUTS | MALFORMED)}")
    found = kubectl.wait(NAMESPACE, "kafkadlqpolicy", "returns", lambda r: _alert(r) == "True", "alerting")
    alert = next(c for c in found["status"]["conditions"] if c["type"] == "Alert")
    stage.screen.says("Alert=True", alert["message"])
    _get(stage, "kafkadlqpolicies")
    said = _kafkade(stage, "dlq", "peek", f"{TOPIC}.dlq", "--limit", "3")
    expect("TimeoutException" in said, "kafkade dlq peek shows why", said)


def put_back(stage: Stage) -> None:
    """A dry run counts by error; the redrive puts the timeouts back, each once."""
    _apply(stage, "05-count.yaml")
    counted = _finished(stage, "count")
    lines = {line["error"]: line["records"] for line in counted["histogram"]}
    stage.screen.says("status.histogram", json.dumps(lines))
    expect(lines == {"TimeoutException": len(TIMEOUTS), "DeserializationException": len(MALFORMED)}, "why", lines)
    _apply(stage, "06-timeouts.yaml")
    done = _finished(stage, "timeouts")
    _get(stage, "kafkadlqredrives")
    counts = (done["counts"]["moved"], done["counts"]["skipped"])
    expect(counts == (len(TIMEOUTS), len(MALFORMED)), "the counts are exact", done["counts"])
    everything = Service(stage.kafka.bootstrap, TOPIC).run("another-service", len(KEYS) + len(TIMEOUTS), lambda _: None)
    times = Counter(everything)
    expect(all(times[key] == (2 if key in TIMEOUTS else 1) for key in KEYS), "each came back once", times)
    stage.screen.checked(f"{len(TIMEOUTS)} records came back to {TOPIC}, each exactly once")
    stage.kubectl.wait(NAMESPACE, "kafkadlqpolicy", "returns", lambda r: _alert(r) == "False", "quiet again")
    stage.screen.checked(f"{len(MALFORMED)} records wait in {TOPIC}.dlq, and the alert is over")


def _finished(stage: Stage, name: str) -> dict[str, Any]:
    found = stage.kubectl.wait(NAMESPACE, "kafkadlqredrive", name, is_ready, "Completed")
    status: dict[str, Any] = found["status"]
    return status


def _kafkade(stage: Stage, *words: str) -> str:
    """The command line, with the address in its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "kafkade.cli.main", *words, "--bootstrap-server", stage.kafka.bootstrap],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    expect(done.returncode == 0, f"kafkade {' '.join(words)}", done.stderr)
    stage.screen.command(f"kafkade {' '.join(words)}", done.stdout.rstrip())
    return done.stdout


def clean_up(stage: Stage) -> None:
    """Delete the resources; the dead letters stay."""
    stage.kubectl("delete", "-f", "-", "--timeout=60s", stdin=stage.example(EXAMPLE))
    stage.screen.command(f"kubectl delete -f deploy/examples/{EXAMPLE}")
