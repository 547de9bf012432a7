"""deploy/argocd/argocd-cm.yaml: made from health.lua, for every kind."""

from __future__ import annotations

import subprocess
import sys

import yaml

from kafkade.api import GROUP
from kafkade.api.kinds import KINDS
from support.places import DEPLOY

FOLDER = DEPLOY / "argocd"


def test_the_settings_are_fresh_and_for_every_kind() -> None:
    done = subprocess.run([sys.executable, FOLDER / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    data = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
    kinds = {key.partition(f"{GROUP}_")[2] for key in data if GROUP in key}
    assert kinds == set(KINDS)
    assert {text for key, text in data.items() if f"health.{GROUP}_" in key} == {(FOLDER / "health.lua").read_text()}
    quiet = [yaml.safe_load(text) for key, text in data.items() if "ignoreResourceUpdates" in key]
    assert quiet == [{"jsonPointers": ["/status"]}] * len(KINDS)
