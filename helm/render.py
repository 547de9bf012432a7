"""Writes deploy/operator.yaml: what the chart installs by its default values, for plain ``kubectl apply --server-side -f``.

``python helm/render.py`` writes it; with ``--check`` it writes nothing and ends with 1 when it is stale. The chart is the
one source; helm is built into the cache where it isn't there yet.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from kafkade.devstack.generated import main
from kafkade.devstack.helm import Helm

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "deploy" / "operator.yaml"
RELEASE, NAMESPACE = "kafkade", "kafkade-system"
HEAD = f"""# Made by helm/render.py from the chart helm/kafkade with its default values; change that instead, then `make manifests`.
# The definitions of kafkade's kinds, the operator for all namespaces, and what it may do:
#   kubectl apply --server-side -f deploy/operator.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/part-of: kafkade
    pod-security.kubernetes.io/enforce: restricted
"""

# true of what Helm installs only
_OF_HELM = re.compile(
    r"^ *(app\.kubernetes\.io/managed-by: Helm|helm\.sh/chart: .*|annotations:\n *helm\.sh/resource-policy: keep)\n",
    re.MULTILINE,
)
_SOURCE = re.compile(r"^# Source: .*\n", re.MULTILINE)
_GAPS = re.compile(r"\n+(?=---\n)")


def manifest() -> str:
    """The whole text.

    Raises:
        DevStackError: helm cannot be built, or the chart cannot be rendered.
    """
    with tempfile.TemporaryDirectory(prefix="kafkade-helm-") as home:
        rendered = Helm(Path(home)).run("template", RELEASE, ROOT / "helm" / "kafkade", "--namespace", NAMESPACE)
    text = _GAPS.sub("\n", _SOURCE.sub("", _OF_HELM.sub("", rendered)))
    return HEAD + text.rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: {TARGET: manifest()}, "make manifests"))
