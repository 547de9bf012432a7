"""``kafkade dlq redrive``: what a KafkaDLQRedrive does, from a terminal. Only what it takes; light to import."""

from __future__ import annotations

from typing import Annotated

import typer

from kafkade.cli.options import Bootstrap, CommandConfig, Output, OutputOption, Topic

_WHICH, _WHAT, _HOW = "Which records", "What happens to them", "How it runs"

Destination = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="TOPIC",
        help="Put them all there; default: each to the topic that its headers name.",
        rich_help_panel=_WHAT,
    ),
]
ErrorClass = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="Regular expression that is searched in the class of the error.", rich_help_panel=_WHICH
    ),
]
ErrorMessage = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="Regular expression that is searched in the message of the error.", rich_help_panel=_WHICH
    ),
]
OriginTopic = Annotated[
    str | None, typer.Option(metavar="TOPIC", help="The topic that the record was in before.", rich_help_panel=_WHICH)
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="Regular expression that is searched in the key as text.", rich_help_panel=_WHICH
    ),
]
Header = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=VALUE]",
        help="A header that it must have; may be given several times, and then all count.",
        rich_help_panel=_WHICH,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Timestamp of the record, this or later: 2026-11-25T08:00:00Z (RFC 3339).",
        rich_help_panel=_WHICH,
    ),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Timestamp of the record, before this.", rich_help_panel=_WHICH)
]
Partition = Annotated[
    list[int] | None,
    typer.Option(
        min=0,
        help="A partition of the dead-letter topic; may be given several times.",
        rich_help_panel=_WHICH,
    ),
]
Offsets = Annotated[
    list[str] | None,
    typer.Option(
        metavar="P:FIRST-LAST",
        help="Offsets of partition P, both ends included, either left out for no bound: 0:5-9, 0:5-, 0:-9."
        " May be given several times.",
        rich_help_panel=_WHICH,
    ),
]
RateLimit = Annotated[
    int | None, typer.Option(min=1, help="Records a second; default: as fast as it goes.", rich_help_panel=_HOW)
]
MaxRecords = Annotated[int | None, typer.Option(min=1, help="Stop after so many were put back.", rich_help_panel=_HOW)]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only count, by error, source topic and age; write nothing.", rich_help_panel=_HOW),
]
RemoveHeader = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Leave out headers of this name, or that fit a pattern with * and ?: '__connect.errors.*'."
        " May be given several times.",
        rich_help_panel=_WHAT,
    ),
]
AddHeader = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A header to put at the end; may be given several times.",
        rich_help_panel=_WHAT,
    ),
]
MaxRedrives = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Put no record back more often than this; each then carries a header with the count."
        " One that came back too often stays where it is. Default: no limit, or 3 with --quarantine-topic.",
        rich_help_panel=_WHAT,
    ),
]
QuarantineTopic = Annotated[
    str | None,
    typer.Option(
        metavar="TOPIC",
        help="Where a record goes that came back too often; no redrive takes it again.",
        rich_help_panel=_WHAT,
    ),
]
Id = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="NAME",
        help="Name of this run. The same command with the name of a run that was broken off goes on with it, with its"
        " counts. Default: a new one, which is said at the start.",
        rich_help_panel=_HOW,
    ),
]


def redrive(
    topic: Topic,
    bootstrap: Bootstrap,
    to: Destination = None,
    error_class: ErrorClass = None,
    error_message: ErrorMessage = None,
    origin: OriginTopic = None,
    key: Key = None,
    header: Header = None,
    since: Since = None,
    until: Until = None,
    partition: Partition = None,
    offsets: Offsets = None,
    remove_header: RemoveHeader = None,
    add_header: AddHeader = None,
    max_redrives: MaxRedrives = None,
    quarantine_topic: QuarantineTopic = None,
    rate_limit: RateLimit = None,
    max_records: MaxRecords = None,
    dry_run: DryRun = False,
    run_id: Id = None,
    command_config: CommandConfig = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put dead letters back, each exactly once for readers of committed records (isolation.level=read_committed).

    A record goes back byte for byte, with its key, value, timestamp and headers, to its partition if the topic has it.
    Without options that say which, all go back that are there when the run begins and were not put back before.

    Nothing is ever deleted from the dead-letter topic.
    What was put back is written down in Kafka, together with the records, and no redrive takes it again.

    Ctrl-C ends the run after the transaction that is under way, and --id goes on with it.
    A second Ctrl-C ends it at once, and --id goes on with that too: nothing is lost or doubled.

    Exit codes:
    0: all is done.
    1: an error.
    2: a wrong option.
    3: done, but some records could not be put back (failed) or are not there any more (lost).
    130, 143: stopped by Ctrl-C, by SIGTERM.
    """
    from kafkade.cli.redrive_command import redrive_command
    from kafkade.cli.redrive_options import add_headers, header_matches, offset_ranges, spec_of

    guard = {"maxRedrives": max_redrives, "quarantineTopic": quarantine_topic}
    if quarantine_topic is not None:
        guard["action"] = "Quarantine"
    spec = spec_of(
        {
            "source": {"topic": topic},
            "destination": {"topic": to},
            "filter": {
                "errorClass": error_class,
                "errorMessage": error_message,
                "origin": origin,
                "key": key,
                "headers": header_matches(header or ()),
                "since": since,
                "until": until,
                "partitions": partition or [],
                "offsets": offset_ranges(offsets or ()),
            },
            "headers": {"remove": remove_header or [], "add": add_headers(add_header or ())},
            "loopGuard": guard,
            "rateLimit": rate_limit,
            "maxRecords": max_records,
            "dryRun": dry_run,
        }
    )
    redrive_command(bootstrap, command_config, spec, run_id, output)
