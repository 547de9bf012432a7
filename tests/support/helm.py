"""The real helm and the chart: what values render to, and what is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kafkade.devstack import golang

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "kafkade"

Object = dict[str, Any]


def helm(
    *arguments: str | Path, values: Mapping[str, Any] | None = None, kubeconfig: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run helm; ``values`` come as a file of their own, after those that arguments name."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HELM_")}
    environment["KUBECONFIG"] = str(kubeconfig or "/dev/null")
    words = [golang.binaries(golang.HELM) / "helm", *arguments]
    done = subprocess.run(
        [str(word) for word in ([*words, "-f", "-"] if values is not None else words)],
        env=environment,
        input=None if values is None else yaml.safe_dump(dict(values)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def render(
    values: Mapping[str, Any], *, release: str = "kafka", namespace: str = "kafka", files: Sequence[Path] = ()
) -> list[Object]:
    """The objects that values render to, without a cluster; later values win over those of ``files``."""
    given = [word for file in files for word in ("-f", file)]
    done = helm("template", release, CHART, "-n", namespace, *given, values=values)
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def refused(values: Mapping[str, Any]) -> str:
    """What helm says to values that it does not take."""
    done = helm("template", "kafka", CHART, "-n", "kafka", values=values, check=False)
    assert done.returncode != 0, f"rendered: {values}"
    return done.stderr


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The object of that kind and name."""
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Objects of a kind by name."""
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}
