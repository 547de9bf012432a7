"""What ``helm install --wait`` does where pods run: the chart's hook comes once its kinds are served. Here no pod runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.kubernetes import Kubectl
from support.places import CHART
from support.waiting import until

_JOB = "pods"

_AFTER_THE_KINDS = f"""
apiVersion: batch/v1
kind: Job
metadata:
  name: {_JOB}
  namespace: {{{{ .Release.Namespace }}}}
  annotations:
    helm.sh/hook: post-install
    helm.sh/hook-weight: "-1"
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: none
          image: none
"""


def waiting_chart(folder: Path) -> Path:
    """The chart with a hook before its own, which is over when ``kinds_are_served`` says so; it is in ``folder``."""
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "pods.yaml").write_text(_AFTER_THE_KINDS)
    return chart


def kinds(kubectl: Kubectl) -> list[str]:
    """Those of kafkade's group that the API server tells of."""
    return kubectl.run("api-resources", "--api-group=kafkade.io", "-o", "name", check=False).stdout.split()


def served(kubectl: Kubectl) -> bool:
    """Whether the API server tells of all kinds."""
    return len(kinds(kubectl)) == 6


def kinds_are_served(kubectl: Kubectl, namespace: str) -> None:
    """Say of the hook's pod that it is done, once they are. To be called beside the installation."""
    until(lambda: served(kubectl), "the kinds are served")
    words = ("pods", "-n", namespace, "-l", f"job-name={_JOB}", "-o", "name")
    until(lambda: kubectl.run("get", *words, check=False).stdout, "the hook's pod is there")
    pod = kubectl.run("get", *words).stdout.strip()
    done = json.dumps({"status": {"phase": "Succeeded"}})
    kubectl.run("patch", pod, "-n", namespace, "--subresource=status", "--type=merge", "-p", done)
