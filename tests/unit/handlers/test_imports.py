"""What the operator imports only when it is needed: an idle one is to be small."""

from __future__ import annotations

import subprocess
import sys

LATE = ("kafkade.schemas.reconcile", "kafkade.ui.server", "re2", "google.protobuf", "protoxy", "avro", "jsonschema")


def test_what_few_need_is_not_imported_by_all() -> None:
    """12 MiB of 81."""
    code = "import sys, kafkade.handlers.operator; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*LATE} & {*done.stdout.split()}
