"""``spiritsafe audit``."""

from __future__ import annotations

import typer

from cli import exits, output
from cli.lazy import app as new_app
from cli.options import FilterOption, FormatOption, LimitOption, OrderOption
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import audit_pb2

COLUMNS = ("sequence", "create_time", "actor", "type", "resource")

app = new_app("The record of every change: one event each, chained by hash.")


@app.command("log")
def log(
    condition: FilterOption = "",
    order_by: OrderOption = "",
    limit: LimitOption = 1000,
    form: FormatOption = Format.TABLE,
) -> None:
    """List events, oldest first unless told ('sequence desc').

    Example: spiritsafe audit log --filter 'type = "review.decided"'
    """
    with connect() as client:
        request = audit_pb2.ListAuditEventsRequest(filter=condition, order_by=order_by)
        found = every(client.audit.ListAuditEvents, request, "events", limit)
        output.print_list(form, "events", found, COLUMNS)


@app.command("verify")
def verify(form: FormatOption = Format.TABLE) -> None:
    """Recompute the whole chain; exit code 1 where it does not hold.

    Example: spiritsafe audit verify
    """
    with connect() as client:
        result = client.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())
    output.print_one(form, result)
    if not result.verified:
        raise typer.Exit(exits.FAILED)
