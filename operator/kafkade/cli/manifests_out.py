"""How commands hand over manifests that they made: in a folder or on stdout, and what there is to say of it on stderr.

And which names they take for what is in them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.cli.options import Manifest, Output
from kafkade.cli.output import print_data
from kafkade.local.admission import MAX_NAME, MAX_NAMESPACE, is_name, is_namespace
from kafkade.local.writing import Draft, in_order, stream, write


def check_names(namespace: str | None, cluster: str | None) -> None:
    """Raises InvalidSpec unless Kubernetes takes what --namespace and --cluster-name give; None: nothing is given."""
    if namespace is not None and not is_namespace(namespace):
        raise InvalidSpec(f"--namespace {namespace}: only lowercase letters, digits and '-', {MAX_NAMESPACE} at most")
    if cluster is not None and not is_name(cluster):
        raise InvalidSpec(f"--cluster-name {cluster}: only lowercase letters, digits, '-' and '.', {MAX_NAME} at most")


def hand_over(drafts: Sequence[Draft], out: Path | None, *, force: bool, output: Manifest) -> None:
    """Write to ``out`` or print.

    Raises:
        InvalidSpec: the folder has other content, or cannot be written.
    """
    if out is None:
        if output is Manifest.JSON:
            items = [draft.body for draft in in_order(drafts)]
            print_data({"apiVersion": "v1", "kind": "List", "items": items}, Output.JSON, lambda: "")
        else:
            sys.stdout.write(stream(drafts))
        return
    files = write(drafts, out, force=force)
    typer.echo(f"{len(files.written)} files written to {out}, {len(files.same)} were so already", err=True)
    if files.others:
        shown = ", ".join(str(path) for path in files.others[:5]) + (", …" if len(files.others) > 5 else "")
        typer.echo(f"{len(files.others)} other files there are left as they are: {shown}", err=True)


def counted(drafts: Sequence[Draft]) -> str:
    """``1 KafkaCluster, 500 KafkaTopics``."""
    count = Counter(draft.key.kind for draft in in_order(drafts))
    return ", ".join(f"{n} {_plural(kind, n)}" for kind, n in count.items()) or "nothing"


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
