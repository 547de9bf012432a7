"""Writes what the chart has from elsewhere in the repository: the CRDs from crds/, the policies from deploy/admission/.

``python helm/generate.py`` writes the templates; with ``--check`` it writes nothing and ends with 1 when one is stale.

Helm never upgrades what is in a chart's own ``crds/`` folder, so the CRDs are templates. They are annotated to be kept:
``helm uninstall`` would otherwise delete them, and with them every topic that is declared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
    return made


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


def _stale(made: dict[Path, str]) -> list[Path]:
    """Paths of generated files that are not as they should be, and of files in their folders that nothing makes."""
    folders = {path.parent for path in made}
    surplus = [path for folder in sorted(folders) for path in folder.glob("*.yaml") if path not in made]
    return surplus + [
        path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the templates, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a file is stale")
    check = parser.parse_args().check
    made = templates()
    stale = _stale(made)
    for path in stale:
        sys.stdout.write(f"{'stale: ' if check else ''}{path.relative_to(ROOT)}\n")
        if not check and path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        elif not check:
            path.unlink()
    if check and stale:
        sys.stderr.write("hint: run `make crds` and commit the result\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
