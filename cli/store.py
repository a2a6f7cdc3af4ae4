"""``spiritsafe store``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from uuid import uuid4

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, invalid
from cli.output import Format
from cli.session import connect
from spiritsafe.registry.v1 import store_pb2

_SPAN = re.compile(r"(?P<number>\d{1,9})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_COUNTS = ("examined_blobs", "collected_blobs", "collected_bytes", "young_blobs", "older_blobs", "aborted_uploads")

app = new_app("The artifact store: what it is, and removing what no version names.")


@app.command("check")
def check(form: FormatOption = Format.TABLE) -> None:
    """Show where artifacts are kept, after asking the store for something.

    Example: spiritsafe store check
    """
    with connect() as client:
        output.print_one(form, client.store.CheckStore(store_pb2.CheckStoreRequest()))


@app.command("gc")
def collect(
    grace: Annotated[str, typer.Option(help="Keep what is younger: a number with s, m, h or d.")] = "24h",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Remove content that no version and no recorded bundle names, and uploads that were given up.

    Example: spiritsafe store gc --grace 7d --dry-run
    """
    total = store_pb2.CollectGarbageResponse()
    request = store_pb2.CollectGarbageRequest(validate_only=dry_run)
    request.grace.FromTimedelta(_span(grace))
    with connect() as client:
        while True:
            request.request_id = str(uuid4())
            page = client.store.CollectGarbage(request)
            for name in _COUNTS:
                setattr(total, name, getattr(total, name) + getattr(page, name))
            request.page_token = page.next_page_token
            if not request.page_token:
                break
    output.print_one(form, total)


def _span(text: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise invalid("grace", f"{text!r} is no span of time", "write a number with s, m, h or d, for example 24h")
    return timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
