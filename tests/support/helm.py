"""What values of the chart render to without a cluster, and what is refused."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kafkade.devstack.errors import DevStackError
from kafkade.devstack.helm import Helm
from support.chart import objects
from support.places import CHART

Object = dict[str, Any]


@cache
def _home() -> tempfile.TemporaryDirectory[str]:
    """What helm keeps; it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="kafkade-helm-")


def render(
    values: Mapping[str, Any],
    *,
    release: str = "kafka",
    namespace: str = "kafka",
    files: Sequence[Path] = (),
    chart: Path = CHART,
    kubernetes: str | None = None,
) -> list[Object]:
    """The objects that values render to, for a version of Kubernetes; they win over those of ``files``.

    Raises:
        DevStackError: helm does not take them; it says why.
    """
    given = [word for file in files for word in ("-f", str(file))]
    version = () if kubernetes is None else ("--kube-version", kubernetes)
    words = ("template", release, chart, "-n", namespace, *version, *given, "-f", "-")
    return objects(Helm(Path(_home().name)).run(*words, stdin=yaml.safe_dump(dict(values))))


def refused(values: Mapping[str, Any]) -> str:
    """What helm says to values that it does not take."""
    try:
        render(values)
    except DevStackError as error:
        return str(error)
    raise AssertionError(f"rendered: {values}")


def one(found: Sequence[Object], kind: str, name: str) -> Object:
    """The object of that kind and name."""
    (wanted,) = [o for o in found if o["kind"] == kind and o["metadata"]["name"] == name]
    return wanted


def of_kind(found: Sequence[Object], kind: str) -> dict[str, Object]:
    """Objects of a kind by name."""
    return {o["metadata"]["name"]: o for o in found if o["kind"] == kind}


def older_chart(folder: Path) -> Path:
    """The chart with the values of the first one, as Helm's ``--reuse-values`` leaves the new one; it is in ``folder``."""
    chart = folder / "older"
    shutil.copytree(CHART, chart)
    file = chart / "values.yaml"
    values = yaml.safe_load(file.read_text())
    operator = values["operator"]
    del operator["ui"], operator["logFormat"], operator["networkPolicy"]["uiFrom"]
    operator["metrics"]["dashboard"] = operator["metrics"].pop("dashboards")
    values["schemaRegistry"]["image"]["tag"] = "3.3.3"
    file.write_text(yaml.safe_dump(values))
    return chart
