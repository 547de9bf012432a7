"""``kafkade import``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from typing import Annotated

import typer

from kafkade.cli.options import Force, Manifest, ManifestOutput, Out

app = typer.Typer(
    help="Manifests of other tools' files: Strimzi, Jikkou, topicctl, ns4kafka, Terraform. Nothing is asked or changed.",
    no_args_is_help=True,
)

Files = Annotated[
    list[str],
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE|FOLDER|-",
        help="Files to import: a file, a folder with all that is in it, or - for stdin. May be given several times.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace of the resources; default: as the files say, else default."),
]
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster-name",
        metavar="NAME",
        help="Name of the KafkaCluster that they name; default: as the files say, else main.",
    ),
]


_TOOLS = {
    "strimzi": """Import Strimzi's KafkaTopics, from files or from kubectl.

    The label strimzi.io/cluster becomes the name of the KafkaCluster, strimzi.io/managed: "false" managementPolicy: Observe.
    From a cluster: kubectl get kafkatopics.kafka.strimzi.io -A -o yaml | kafkade import strimzi -f -
    """,
    "jikkou": """Import Jikkou's KafkaTopics and SchemaRegistrySubjects, single ones and lists, with the ConfigMaps that they refer to.

    Files with templates ({{ … }}) are to be rendered first: jikkou validate --files … prints what they come to.
    """,
    "topicctl": "Import topic configs of segmentio/topicctl. meta.cluster becomes the name of the KafkaCluster.",
    "ns4kafka": "Import Topics and Schemas of michelin/ns4kafka, as kafkactl applies them.",
    "terraform": """Import kafka_topic resources of Terraform's (or OpenTofu's) provider mongey/kafka.

    It reads what terraform show -json prints, of the state or of a plan, and not the .tf files: there, variables, loops and
    modules are resolved. So: terraform show -json | kafkade import terraform -f -
    """,
}
"""By the tool whose files are read: the help of its command. All of them take the same options."""


def _add(tool: str) -> None:
    """Adds a tool's command."""

    @app.command(tool, help=_TOOLS[tool])
    def run(
        filename: Files,
        namespace: Namespace = None,
        cluster_name: ClusterName = None,
        out: Out = None,
        force: Force = False,
        output: ManifestOutput = Manifest.YAML,
    ) -> None:
        from kafkade.cli.import_command import import_command

        import_command(tool, filename, namespace, cluster_name, out, force, output)


for _tool in _TOOLS:
    _add(_tool)
