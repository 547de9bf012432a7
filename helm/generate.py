"""Writes what the chart has from elsewhere in the repository: the CRDs from crds/, the policies from deploy/admission/, and
the operator's rights from deploy/rbac/.

``python helm/generate.py`` writes the templates; with ``--check`` it writes nothing and ends with 1 when one is stale.

Helm never upgrades what is in a chart's own ``crds/`` folder, so the CRDs are templates. They are annotated to be kept:
``helm uninstall`` would otherwise delete them, and with them every topic that is declared.
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

from kafkade.devstack.generated import main

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "helm" / "kafkade" / "templates"
HEAD = "{{{{- /* Made by helm/generate.py of {source}; change that instead. */ -}}}}\n"
CRD_SWITCH = ".Values.crds.create"
# the operator's: there is one of it in a cluster, and a release of brokers alone leaves that to the one that has it
ADMISSION_SWITCH = "and .Values.operator.enabled .Values.operator.admission.deletionProtection"

_NAME = "  name: "
_LABELS = '  labels:\n    {{- include "kafkade.operator.labels" $ | nindent 4 }}\n'
_KEEP = "  annotations:\n    helm.sh/resource-policy: keep\n"


def templates() -> dict[Path, str]:
    """The text of each generated template by its path."""
    made = {}
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        # the comment of the generator of crds/ is not true of this file
        text = file.read_text(encoding="utf-8").partition("\n")[2]
        made[TEMPLATES / "crds" / file.name] = template(f"crds/{file.name}", text, CRD_SWITCH, _LABELS + _KEEP)
    for file in sorted((ROOT / "deploy" / "admission").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        made[TEMPLATES / "admission" / file.name] = template(
            f"deploy/admission/{file.name}", text, ADMISSION_SWITCH, _LABELS
        )
    made[TEMPLATES / "operator" / "_rules.tpl"] = rules()
    return made


def rules() -> str:
    """What the operator may do in a namespace that it watches, as a template that Roles include."""
    source = "deploy/rbac/namespaced.yaml"
    role = (ROOT / source).read_text(encoding="utf-8").split("\n---\n")[0]
    lines = dedent(role.partition("\nrules:\n")[2])
    return HEAD.format(source=source) + f'{{{{- define "kafkade.operator.rules" -}}}}\n{lines}\n{{{{- end -}}}}\n'


def template(source: str, text: str, switch: str, metadata: str) -> str:
    """Manifests as a template that a value switches, with further lines of metadata below each object's name.

    Raises:
        ValueError: an object has no ``metadata.name`` at the expected place, or labels or annotations of another kind.
    """
    parts = [_document(part, metadata, source) for part in text.split("\n---\n")]
    return HEAD.format(source=source) + f"{{{{- if {switch} }}}}\n" + "---\n".join(parts) + "{{- end }}\n"


def _document(text: str, metadata: str, source: str) -> str:
    # what looks like Helm's own syntax is to come out as it is
    lines = text.rstrip("\n").replace("{{", '{{ "{{" }}').split("\n")
    starts = [number for number, line in enumerate(lines) if line == "metadata:"]
    if len(starts) != 1 or not lines[starts[0] + 1].startswith(_NAME):
        raise ValueError(f"{source}: an object that does not begin its metadata with its name")
    end = starts[0] + 2
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    own = "\n".join(lines[starts[0] + 2 : end])
    if own not in ("", "  labels:\n    app.kubernetes.io/part-of: kafkade"):
        raise ValueError(f"{source}: metadata that the chart does not know how to carry over:\n{own}")
    return "\n".join([*lines[: starts[0] + 2], metadata.rstrip("\n"), *lines[end:]]) + "\n"


def found() -> list[Path]:
    """What there is in the folders of generated templates."""
    return [path for folder in ("crds", "admission") for path in (TEMPLATES / folder).glob("*.yaml")]


if __name__ == "__main__":
    sys.exit(main(__doc__, templates, "make crds", found()))
