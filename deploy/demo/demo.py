"""kafkade's main job on a real Kubernetes API, Kafka and schema registry, told in scenes. Run it by ``make demo``."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from types import FrameType
from typing import Annotated, NoReturn

import typer
from checks import NotAsTold
from kubectl import KubectlFailed, NeverCame
from scenes import CLEAN_UP, STORY, Scene
from screen import Screen
from stage import NAMESPACE, Stage, stage

from kafkade.devstack.errors import DevStackError, last_lines

OPENING = (
    "Starts a Kubernetes API, a Kafka of three brokers and a schema registry on this machine, installs kafkade, and"
    " keeps topics and schemas as declared. The first time this fetches and builds the parts; later they come from the"
    " cache. Everything is stopped at the end."
)


def main(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running, with its resources, until Ctrl-C.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter between the scenes.")] = False,
) -> None:
    """Show kafkade's main job on a real Kubernetes API, Kafka and schema registry."""
    signal.signal(signal.SIGTERM, _terminate)
    screen = Screen(pause=pause)
    began = time.monotonic()
    screen.opening("kafkade: Kafka, declared", OPENING)
    try:
        with stage(screen) as parts:
            _perform(parts, (*STORY,) if keep else (*STORY, CLEAN_UP))
            if keep:
                _keep(parts)
    except DevStackError as error:
        screen.failure("The stack did not start:", str(error))
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        screen.text("\nstopped")
        raise typer.Exit(0 if keep else 130) from None
    screen.ending(timedelta(seconds=time.monotonic() - began))


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    """A signal ends the demo as Ctrl-C does: everything is stopped."""
    raise SystemExit(128 + number)


def _perform(parts: Stage, story: tuple[Scene, ...]) -> None:
    for scene in story:
        parts.screen.scene(scene.title, scene.told)
        try:
            scene.play(parts)
        except (NotAsTold, NeverCame, KubectlFailed) as error:
            parts.screen.failure(f"Scene “{scene.title}” did not come out as told:", str(error))
            parts.screen.failure("The operator's log ends with:", last_lines(parts.operator.log))
            raise typer.Exit(1) from error


def _keep(parts: Stage) -> None:
    """Tell how to use what runs, and wait for Ctrl-C."""
    parts.screen.scene("Yours", "Everything goes on running until Ctrl-C. In another terminal:")
    parts.screen.text(f"export KUBECONFIG={parts.cluster.kubeconfig}")
    parts.screen.text(f"export KAFKA_BOOTSTRAP={parts.kafka.bootstrap}")
    parts.screen.text(f"export SCHEMA_REGISTRY_URL={parts.registry.url}")
    parts.screen.text(f"export PATH={parts.kubectl.folder}{os.pathsep}$PATH   # kubectl")
    parts.screen.text(f"kubectl -n {NAMESPACE} get kafkade")
    parts.screen.text(f"tail -f {parts.operator.log}")
    sys.stdout.flush()
    while parts.operator.running:
        time.sleep(0.5)
    raise DevStackError(f"the operator ended; its log ends with:\n{last_lines(parts.operator.log)}")


if __name__ == "__main__":
    typer.run(main)
