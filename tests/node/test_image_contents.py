"""The operator's image has what its SBOM lists: no package more, none less, in the same versions."""

from __future__ import annotations

import json
import re
import sys
import tarfile
from email.parser import Parser
from pathlib import Path

import pytest

from kafkade.devstack.images import recipes
from kafkade.devstack.node import apart, requirements
from support.places import ROOT

sys.path.append(str(ROOT / "deploy" / "supply"))

import sbom

_METADATA = re.compile(r"\./opt/kafkade/lib/python3\.\d+/site-packages/[^/]+\.dist-info/METADATA")
_DPKG = "./var/lib/dpkg/status"


@pytest.fixture(scope="module")
def contents() -> dict[str, str]:
    """The files of the image that say what is in it, by path."""
    if lacking := requirements.missing_rights():
        pytest.skip(f"images cannot be built here: {', '.join(lacking)} is lacking")
    if not apart.is_apart():
        pytest.fail("run these tests by `make e2e`")
    found = {}
    with tarfile.open(recipes.make(recipes.operator())) as image:
        (layer,) = (member for member in image.getmembers() if member.name.endswith("layer.tar"))
        with tarfile.open(fileobj=image.extractfile(layer)) as files:
            for file in files:
                if _METADATA.fullmatch(file.name) or file.name in (_DPKG, "./opt/kafkade/sbom.cdx.json"):
                    content = files.extractfile(file)
                    assert content is not None
                    found[file.name] = content.read().decode()
    return found


def test_python_packages_are_those_of_the_sbom(contents: dict[str, str]) -> None:
    text = contents["./opt/kafkade/sbom.cdx.json"]
    assert text == (ROOT / "sbom.cdx.json").read_text()
    listed = {(c["name"], c["version"]) for c in json.loads(text)["components"]}
    own = json.loads(text)["metadata"]["component"]
    heads = [Parser().parsestr(t, headersonly=True) for path, t in contents.items() if _METADATA.fullmatch(path)]
    installed = {(re.sub(r"[-_.]+", "-", head["Name"]).lower(), head["Version"]) for head in heads}
    assert installed == listed | {(own["name"], own["version"])}


def test_debian_packages_can_be_listed(contents: dict[str, str], tmp_path: Path) -> None:
    status = tmp_path / "var" / "lib" / "dpkg" / "status"
    status.parent.mkdir(parents=True)
    status.write_text(contents[_DPKG])
    names = {component["name"] for component in sbom.debian(tmp_path)}
    assert names >= {"libc6", "base-files"}
