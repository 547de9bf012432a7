"""``kafkade diagnose``: what may be wrong with a consumer, a producer, a topic or a cluster, and what helps.

Only what the commands take stands here; what they do is imported when one is called, so that others start fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kafkade.cli.options import Bootstrap, CommandConfig, Output, OutputOption

app = typer.Typer(
    help="Find out what is wrong with a consumer group, a producer, a topic or the cluster: what was seen, why, what helps."
    " Nothing is changed in Kafka, and no group is joined.",
    epilog="To begin: kafkade diagnose consumer orders-app -b localhost:9092",
    no_args_is_help=True,
)

Sample = Annotated[
    float,
    typer.Option(
        "--sample",
        min=0.0,
        max=600.0,
        metavar="SECONDS",
        help="Look twice, with so many seconds between: what moves in between shows rates and what stands still.",
    ),
]
"""Consumers commit every five seconds by themselves, so ten tell more than one commit from another."""


@app.command()
def consumer(
    group: Annotated[str, typer.Argument(help="The consumer group: group.id of the application.")],
    bootstrap: Bootstrap,
    sample: Sample = 10.0,
    max_lag_seconds: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="A record that waits for longer is a problem.")
    ] = 60.0,
    max_error_rate: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="SHARE", help="More dead letters than this share of the records is a problem."
        ),
    ] = 0.01,
    dlq: Annotated[
        list[str] | None,
        typer.Option("--dlq", metavar="TOPIC", help="Dead-letter topic of the group; may be given several times."),
    ] = None,
    dlq_suffix: Annotated[
        str, typer.Option(metavar="SUFFIX", help="Else: what dead-letter topics are called after their topic.")
    ] = ".dlq",
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Diagnose a consumer group: members, assignment of partitions, lag, processing rate, and error rate.

    Lag is told in records, as kafka-consumer-groups.sh counts them, and in seconds: how long the oldest record waits.
    What a consumer could not process is seen in its dead-letter topic. Groups of the classic protocol and of KIP-848
    are looked at; of share and Streams groups what brokers tell.
    Exit codes: 0 no problem was found, 1 an error, 2 there is a problem.
    """
    from kafkade.cli.diagnose_command import consumer_command
    from kafkade.diagnose.consumer import Limits

    limits = Limits(max_lag_seconds, max_error_rate)
    consumer_command(bootstrap, command_config, group, sample, limits, dlq or [], dlq_suffix, output)


@app.command()
def producer(
    topic: Annotated[str, typer.Argument(help="The topic that is written to.")],
    bootstrap: Bootstrap,
    sample: Sample = 10.0,
    records: Annotated[
        int,
        typer.Option(
            min=1, max=100_000, help="Look at the batches of so many of the newest records of each partition."
        ),
    ] = 1000,
    client_metrics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A producer's own metrics: librdkafka's statistics (JSON of stats_cb), or those of Java's client by name.",
        ),
    ] = None,
    max_latency_seconds: Annotated[
        float,
        typer.Option(min=0.0, metavar="SECONDS", help="Records that take longer until they can be read are a problem."),
    ] = 1.0,
    max_failure_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="More failures than this share is a problem.")
    ] = 0.01,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Diagnose what producers write to a topic: batch size, compression, failure rate, latency, and how keys are spread.

    The newest record batches are looked at as they lie in the log, and new ones as they come. What brokers refused is in no
    log: the failure rate is that of aborted transactions, and of the producer's own metrics (--client-metrics).
    Exit codes: 0 no problem was found, 1 an error, 2 there is a problem.
    """
    from kafkade.cli.diagnose_command import producer_command
    from kafkade.diagnose.producer import Limits

    limits = Limits(max_latency_seconds, max_failure_rate)
    producer_command(bootstrap, command_config, topic, sample, records, client_metrics, limits, output)


@app.command()
def topic(
    name: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic.")],
    bootstrap: Bootstrap,
    max_lag_seconds: Annotated[
        float,
        typer.Option(min=0.0, metavar="SECONDS", help="A group whose oldest record waits for longer is a problem."),
    ] = 60.0,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Diagnose a topic: replicas, leaders, sizes, retention, its own settings, and the groups that consume it.

    Exit codes: 0 no problem was found, 1 an error, 2 there is a problem.
    """
    from kafkade.cli.diagnose_command import topic_command

    topic_command(bootstrap, command_config, name, max_lag_seconds, output)


@app.command()
def cluster(
    bootstrap: Bootstrap,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Diagnose the cluster: brokers, controllers, partitions, leaders, disks, defaults that are risky, and versions.

    What the user may not see is named, with the right that it takes.
    Exit codes: 0 no problem was found, 1 an error, 2 there is a problem.
    """
    from kafkade.cli.diagnose_command import cluster_command

    cluster_command(bootstrap, command_config, output)
