"""Where things are in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = ROOT / "helm" / "kafkade"
DOCUMENT = DEPLOY / "k8s" / "modules" / "messaging" / "kafka" / "values.yaml"
"""The platform's values of the chart."""
