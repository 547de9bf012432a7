"""The SBOM of the operator's image, CycloneDX 1.6: ``sbom.cdx.json``, which the image has too.

Its Python packages are those of requirements.lock that Linux gets, each with the hashes of the files that may be installed.
Debian packages are those of the base image, which is not of this repository: ``--root DIR`` adds them, as dpkg there has them.
Usage: ``make sbom``, or ``python deploy/supply/sbom.py --check``.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locks import IMAGE, ROOT, Pinned, read

PLACE = ROOT / "sbom.cdx.json"
VERSION_FILE = ROOT / "operator" / "kafkade" / "__init__.py"


def sbom(packages: list[Pinned], version: str, debian: list[dict[str, Any]]) -> dict[str, Any]:
    """The document: the same packages give the same text."""
    components = [*map(_python, (p for p in packages if p.in_image)), *debian]
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'https://kafkade.io/sbom/{version}/{content}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "kafkade",
                "name": "kafkade",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": f"pkg:pypi/kafkade@{version}",
            }
        },
        "components": components,
        "dependencies": [{"ref": "kafkade", "dependsOn": [c["bom-ref"] for c in components]}],
    }


def _python(package: Pinned) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{package.name}/{package.version}/",
                "hashes": [{"alg": "SHA-256", "content": one} for one in package.hashes],
            }
        ],
    }


def debian(root: Path) -> list[dict[str, Any]]:
    """The packages that dpkg has installed under a root.

    Raises:
        OSError: dpkg has nothing there.
    """
    return [_debian(fields) for fields in _stanzas(root / "var" / "lib" / "dpkg") if _installed(fields)]


def _stanzas(place: Path) -> Iterator[dict[str, str]]:
    """Of dpkg's status file, or of the files that images without dpkg have in its place (status.d)."""
    files = sorted((place / "status.d").glob("*")) if (place / "status.d").is_dir() else [place / "status"]
    for file in files:
        if file.suffix == ".md5sums":
            continue
        for stanza in file.read_text(encoding="utf-8", errors="replace").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in stanza.splitlines() if line[:1].strip() and ": " in line)
            if "Package" in fields:
                yield fields


def _installed(fields: dict[str, str]) -> bool:
    return fields.get("Status", "install ok installed").endswith(" installed")


def _debian(fields: dict[str, str]) -> dict[str, Any]:
    name, version, architecture = fields["Package"], fields["Version"], fields.get("Architecture", "all")
    purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def made(root: Path | None = None) -> str:
    """The text of the document for this checkout."""
    names: dict[str, str] = {}
    exec(VERSION_FILE.read_text(), names)  # noqa: S102 -- the repository's own, one line; importing it would take the package
    return json.dumps(sbom(read(IMAGE), names["__version__"], debian(root) if root else []), indent=1) + "\n"


def main() -> None:
    """Write it, or say that it is stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when sbom.cdx.json is stale")
    parser.add_argument("--root", type=Path, help="the root of an image: its Debian packages are listed too")
    parser.add_argument("--output", type=Path, default=PLACE)
    args = parser.parse_args()
    text = made(args.root)
    if args.check:
        if not PLACE.exists() or PLACE.read_text() != text:
            sys.exit("sbom.cdx.json is stale: run `make sbom`")
        return
    args.output.write_text(text)


if __name__ == "__main__":
    main()
