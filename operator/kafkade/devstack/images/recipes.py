"""The images that the repository has recipes for."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from .. import cache, kafka, kind, maven, progress, registry
from ..errors import DevStackError
from ..node import requirements
from ..process import output
from . import build, dockerfile, rootfs

REPOSITORY = Path(__file__).parents[4]
"""The checkout: recipes are no part of the installed package."""

NAMES = ("operator", "kafka:3.5.2", "kafka:4.1.1", "schema-registry", "user-service")
"""What ``by_name`` is asked for by default; Kafka has more versions."""

_PACKAGE = ("operator", "pyproject.toml", "README.md")
"""What kafkade's wheel is made of."""

_WRAPPER_SINCE = (3, 7)
_WRAPPER_VERSION = "3.9.1"


@dataclass(frozen=True)
class Image:
    """A recipe and its name; ``contexts`` are the folders that it takes from besides its own."""

    name: str
    context: Path
    sources: tuple[str, ...]
    """What of the context the image is made of."""
    contexts: Mapping[str, Path]

    @property
    def key(self) -> str:
        """Changes with everything that the image is made of."""
        digest = hashlib.sha256(self.name.encode())
        _add(digest, self.context, ("Dockerfile", *self.sources))
        for name, folder in sorted(self.contexts.items()):
            digest.update(f"{name} {sorted(file.name for file in folder.iterdir())}\n".encode())
        for stage in dockerfile.parse((self.context / "Dockerfile").read_text()):
            digest.update(rootfs.name(rootfs.base(stage.base)).encode())
        # the ways of carrying it out count as well
        for file in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def operator() -> Image:
    """The operator's image, of this checkout."""
    sources = (*_PACKAGE, "requirements.lock", "requirements-build.lock", "sbom.cdx.json")
    return Image(f"kafkade/kafkade:{__version__}", REPOSITORY, sources, {})


def kafka_image(version: str) -> Image:
    """Kafka of a version that there is a lock file for."""
    jars = maven.fetch("kafka", version)
    folder = jars[0].parent
    number = tuple(int(word) for word in version.split(".")[:2])
    wrapper = _folder_of() if number >= _WRAPPER_SINCE else _folder_of(_core_jar(_WRAPPER_VERSION))
    return Image(
        f"kafkade/kafka:{version}",
        REPOSITORY / "deploy" / "images" / "kafka",
        ("run", "kafka-run-class.sh", "defaults"),
        {"libs": folder, "wrapper": wrapper},
    )


def schema_registry() -> Image:
    """Apicurio's registry."""
    return Image(
        f"apicurio/apicurio-registry:{registry.VERSION}",
        REPOSITORY / "deploy" / "images" / "schema-registry",
        (),
        {"app": registry.prepare()},
    )


def user_service() -> Image:
    """The example of a service, with kafkade of this checkout as a wheel beside its requirements."""
    example, sources = REPOSITORY / "deploy" / "examples" / "11-user-service", ("user_service", "requirements")

    def put_together(made: Path) -> None:
        for file in build.files(example, ("Dockerfile", *sources)):
            place = made / file.relative_to(example)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={made / 'requirements'}"]
        output([sys.executable, "-m", "pip", *wheel, REPOSITORY])

    digest = hashlib.sha256()
    _add(digest, REPOSITORY, _PACKAGE)
    _add(digest, example, ("Dockerfile", *sources))
    place = cache.folder("user-service", digest.hexdigest()[:12])
    return Image("registry.example/user-service:1", cache.make_once(place, put_together), sources, {})


def by_name(name: str) -> Image:
    """``operator``, ``kafka:VERSION``, ``schema-registry`` or ``user-service``."""
    kind, _, version = name.partition(":")
    if kind == "kafka":
        return kafka_image(version or kafka.DEFAULT_VERSION)
    if name == "operator":
        return operator()
    if name == "schema-registry":
        return schema_registry()
    if name == "user-service":
        return user_service()
    raise DevStackError(
        f"There is no image {name!r}; there are operator, kafka:VERSION, schema-registry and user-service."
    )


def prepare(name: str) -> None:
    """Bring the archive of an image into the cache."""
    make(by_name(name))


def make(image: Image) -> Path:
    """The image's archive; built if it is not in the cache. An older one of the same name is thrown away."""
    name = image.name.replace("/", "-").replace(":", "-")
    place = cache.folder("images", name) / image.key
    if not place.exists():
        requirements.check()
        # before, since it is shared and has a lock of its own
        for stage in dockerfile.parse((image.context / "Dockerfile").read_text()):
            rootfs.folder(rootfs.base(stage.base))

        def build_it(made: Path) -> None:
            with progress.task(f"building the image {image.name}"):
                build.build(image.context, image.name, made / "image.tar", image.contexts)

        cache.make_once(place, build_it)
        for other in place.parent.iterdir():
            if other.is_dir() and other.name != place.name and cache.PARTIAL not in other.name:
                shutil.rmtree(other, ignore_errors=True)
    return place / "image.tar"


def make_with_docker(image: Image, runner: kind.Runner = kind.run) -> None:
    """Have Docker build the image; it keeps it under its name."""
    contexts = [f"--build-context={name}={folder}" for name, folder in sorted(image.contexts.items())]
    command = ["docker", "build", f"--tag={image.name}", *contexts, str(image.context)]
    with progress.task(f"building the image {image.name}"):
        done = runner(command)
    if done.returncode != 0:
        raise DevStackError(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def _add(digest: hashlib._Hash, context: Path, names: tuple[str, ...]) -> None:
    """Add the files of a context: their names, whether they are programs, what is in them."""
    for file in build.files(context, names):
        digest.update(f"{file.relative_to(context)} {os.access(file, os.X_OK)}\n".encode())
        digest.update(file.read_bytes())


def _core_jar(version: str) -> Path:
    (jar,) = (file for file in maven.fetch("kafka", version) if file.name == f"kafka_2.13-{version}.jar")
    return jar


def _folder_of(*files: Path) -> Path:
    """A folder in the cache with these files alone."""
    name = "-".join(file.stem for file in files) or "nothing"

    def link(made: Path) -> None:
        for file in files:
            os.link(file, made / file.name)

    return cache.make_once(cache.folder("wrapper", name), link)
