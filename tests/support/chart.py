"""The chart and its scripts, for tests."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "kafkade"


def script(name: str) -> ModuleType:
    """A script of helm/ as a module."""
    folder = str(ROOT / "helm")
    if folder not in sys.path:
        sys.path.append(folder)  # they import each other
    spec = spec_from_file_location(f"helm_{name}", ROOT / "helm" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def objects(manifests: str) -> list[dict[str, Any]]:
    """The objects of a stream of YAML; by libyaml, since the definitions are long."""
    return [found for found in yaml.load_all(manifests, yaml.CSafeLoader) if found]
