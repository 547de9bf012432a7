"""``kafkade dlq``: look at dead letters and put them back, without Kubernetes.

Only what the commands take stands here; what they do is imported when one is called, so that others start fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from kafkade.cli.dlq_redrive import redrive
from kafkade.cli.options import Bootstrap, CommandConfig, Output, OutputOption, RegistryUrl, Topic

app = typer.Typer(
    help="Dead letters: which topics have some, why they are there, what is in them; and put them back.",
    no_args_is_help=True,
)


@app.command()
def ls(
    bootstrap: Bootstrap,
    topics: Annotated[
        list[str] | None, typer.Argument(help="Dead-letter topics; default: all with the suffix.")
    ] = None,
    suffix: Annotated[str, typer.Option(help="What the names of dead-letter topics end in.")] = ".dlq",
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead-letter topics: how many records wait, since when, and from where they come.

    What a redrive has put back does not count. Of source topics, those of the oldest waiting records are shown.
    """
    from kafkade.cli.dlq_topics import ls_command

    ls_command(bootstrap, command_config, topics or [], suffix, output)


@app.command()
def peek(
    topic: Topic,
    bootstrap: Bootstrap,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many records.")] = 20,
    from_end: Annotated[bool, typer.Option("--from-end", help="The newest records, the newest first.")] = False,
    partition: Annotated[int | None, typer.Option(min=0, help="Of this partition only.")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="From this offset on; needs --partition.")] = None,
    error: Annotated[
        str | None, typer.Option(help="Regular expression that is searched in the class and the message of the error.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Regular expression that is searched in the decoded key.")] = None,
    put_back: Annotated[bool, typer.Option("--put-back", help="Also records that a redrive has put back.")] = False,
    registry: RegistryUrl = None,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show records of a dead-letter topic, oldest first: where they were, why they are here, what is in them."""
    from kafkade.cli.dlq_peek import Wanted, expression, peek_command

    wanted = Wanted(expression("--error", error), expression("--key", key), put_back)
    if offset is not None and partition is None:
        raise typer.BadParameter("needs --partition", param_hint="--offset")
    peek_command(bootstrap, command_config, registry, topic, wanted, limit, from_end, partition, offset, output)


@app.command()
def stats(
    topic: Topic,
    bootstrap: Bootstrap,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count the records that wait in a dead-letter topic, by error, source topic and age. Reads all of them."""
    from kafkade.cli.dlq_stats import stats_command

    stats_command(bootstrap, command_config, topic, output)


app.command()(redrive)
