"""An image's archive: what a container runtime checks when it imports one."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from kafkade.devstack.images import archive


def test_an_archive_names_its_layer_by_its_content(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "motd").write_text("hello")
    (root / "link").symlink_to("etc/motd")
    file = tmp_path / "image.tar"
    settings = archive.Settings(environment={"A": "1"}, command=("run",), user="1000:1000", folder="/")

    archive.pack(root, settings, "kafkade/test:1", file)

    with tarfile.open(file) as image:

        def read(name: str) -> bytes:
            member = image.extractfile(name)
            assert member is not None
            return member.read()

        (manifest,) = json.loads(read("manifest.json"))
        assert manifest["RepoTags"] == ["kafkade/test:1"]
        config_text = read(manifest["Config"])
        assert manifest["Config"] == f"{hashlib.sha256(config_text).hexdigest()}.json"
        config = json.loads(config_text)
        assert config["config"]["Env"] == ["A=1"]
        assert config["config"]["Cmd"] == ["run"]
        assert config["config"]["User"] == "1000:1000"
        (layer,) = manifest["Layers"]
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(read(layer)).hexdigest()}"]
        inner = image.extractfile(layer)
        assert inner is not None
        with tarfile.open(fileobj=inner) as files:
            names = {member.name: member for member in files.getmembers()}
    assert names["./etc/motd"].size == 5
    assert names["./link"].linkname == "etc/motd"
