"""The chart and its scripts, for tests."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import yaml

from support.places import ROOT


def script(path: str) -> ModuleType:
    """A script of the repository as a module."""
    place = ROOT / path
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))  # they import each other
    spec = spec_from_file_location(path.removesuffix(".py").replace("/", "_"), place)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def objects(manifests: str) -> list[dict[str, Any]]:
    """The objects of a stream of YAML; by libyaml, since the definitions are long."""
    return [found for found in yaml.load_all(manifests, yaml.CSafeLoader) if found]
