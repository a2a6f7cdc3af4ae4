"""``spiritsafe watch``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from typing import Annotated

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import FilterOption, FormatOption
from cli.output import Format
from cli.session import connect
from spiritsafe.events import watch_events
from spiritsafe.registry.v1 import audit_pb2

COLUMNS = ("sequence", "create_time", "actor", "type", "resource")

app = new_app(no_args_is_help=False)


@app.command()
def watch(
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this event: 0 for all; without it, with what comes.")
    ] = None,
    condition: FilterOption = "",
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Print events as they are committed, one a line, until interrupted. A lost connection is made again.

    Example: spiritsafe watch --after 0 --filter 'type = "version.*"' --limit 10
    """
    with (
        suppress(KeyboardInterrupt),
        connect() as client,
        closing(watch_events(client, after=after, condition=condition)) as events,
    ):
        _print(islice(events, limit), form)


def _print(events: Iterator[audit_pb2.AuditEvent], form: Format) -> None:
    for event in events:
        data = output.to_data(event)
        if form is Format.JSON:
            output.print_json(data)
        else:
            output.console().print("  ".join(output.cell(data[column]) for column in COLUMNS), soft_wrap=True)
