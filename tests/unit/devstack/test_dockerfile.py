"""What is read in Dockerfiles, and that nothing in them is passed over."""

from __future__ import annotations

import pytest

from kafkade.devstack import DevStackError
from kafkade.devstack.images import rootfs
from kafkade.devstack.images.dockerfile import parse
from support.places import ROOT

TEXT = """\
# a comment
FROM python:3.13-slim AS build
RUN one \\
# a comment within
 && two
FROM eclipse-temurin:21-jre
COPY --from=build --chmod=755 /a /b /c/
LABEL one=1 \\
      two="2 and more"
CMD ["java", "-jar", "a b.jar"]
"""


def test_stages_and_instructions() -> None:
    build, image = parse(TEXT)
    assert (build.base, build.name) == ("python:3.13-slim", "build")
    assert build.instructions[0].text.split() == ["one", "&&", "two"]
    copy, label, command = image.instructions
    assert copy.flags == {"from": "build", "chmod": "755"}
    assert copy.words == ("/a", "/b", "/c/")
    assert label.pairs() == {"one": "1", "two": "2 and more"}
    assert command.command == ("java", "-jar", "a b.jar")
    assert build.instructions[0].command[:2] == ("/bin/sh", "-c")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RUN true", "before the first FROM"),
        ("", "no FROM"),
        ("FROM a b", "FROM a b is not"),
        ("FROM a\nHEALTHCHECK CMD true", "HEALTHCHECK is not supported"),
        ("FROM a\nONBUILD RUN true", "ONBUILD is not supported"),
    ],
)
def test_what_is_not_understood_is_an_error(text: str, told: str) -> None:
    with pytest.raises(DevStackError, match=told):
        parse(text)


@pytest.mark.parametrize(
    "file",
    [
        "Dockerfile",
        "deploy/images/kafka/Dockerfile",
        "deploy/images/schema-registry/Dockerfile",
        "deploy/examples/11-user-service/Dockerfile",
    ],
)
def test_the_repositorys_own_can_be_built(file: str) -> None:
    stages = parse((ROOT / file).read_text())
    for stage in stages:
        rootfs.base(stage.base)
    # a number, which runAsNonRoot can be checked by
    (user,) = (i.text for i in stages[-1].instructions if i.keyword == "USER")
    assert user.partition(":")[0].isdigit()
