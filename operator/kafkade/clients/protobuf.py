"""Protobuf texts by ``protoxy``, a compiler in Rust that reads files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import protoxy
from google.protobuf.descriptor_pb2 import FileDescriptorProto

ROOT = "kafkade-schema.proto"
"""Name of the file that is compiled; the others are what it imports."""


def is_import_path(name: str) -> bool:
    """Whether a file of this name can stand beside ROOT: a relative path that leads nowhere else."""
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or name == ROOT)


def compile_texts(texts: Mapping[str, str]) -> dict[str, FileDescriptorProto]:
    """The descriptors of ROOT and of all that it imports, Google's well-known types included, by name.

    The texts, whose names are import paths, stand in a temporary folder for that long.

    Raises:
        protoxy.ProtoxyError: they do not compile.
    """
    with tempfile.TemporaryDirectory(prefix="kafkade-") as folder:
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        compiled = protoxy.compile([str(Path(folder, ROOT))], [folder], include_imports=True, include_source_info=False)
    return {file.name: file for file in compiled.file}
