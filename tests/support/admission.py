"""The chart's policy that puts a finalizer on new KafkaTopics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kafkade.devstack.helm import Helm
from kafkade.devstack.kubernetes import MUTATING_POLICY
from support.chart import objects
from support.places import CHART

STABLE = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"


def rendered(home: Path, *arguments: str, served: tuple[str, ...] = (MUTATING_POLICY,)) -> list[dict[str, Any]]:
    """The policy and its binding as the chart has them for an API server that serves these."""
    options = [word for version in served for word in ("--api-versions", version)]
    text = Helm(home).run("template", "kafkade", CHART, "-n", "kafkade-system", *options, *arguments)
    return [found for found in objects(text) if found["kind"].startswith("MutatingAdmission")]
