"""``spiritsafe catalog``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from rich.console import Console
from rich.markup import escape

from cli import output
from cli.files import read_json
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, LimitOption, invalid
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.registry.v1 import catalog_pb2

COLUMNS = ("hub_repo", "kind", "licenses", "upstream_licenses", "origin", "confidence")
# The order in which entries are written.
_FIELDS = (
    *("kind", "hub_id", "display_name", "licenses", "base", "generated_by", "derived_from", "name", "rows", "parts"),
    *("edge", "first", "last", "base_family", "multimodal", "lineage_completeness", "source", "as_of", "confidence"),
    *("facts", "notes"),
)
# What `facts` shows better, and what is for programs.
_NOT_SHOWN = ("name", "sources", "as_of", "confidence", "document", "overridden_document")
HubArgument = Annotated[str, typer.Argument(help="ORGANISATION/REPOSITORY; ORGANISATION/REPOSITORY#PART of a dataset.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the record.")]

app = new_app("Known models, datasets and services: licences, upstream, and where each fact comes from.")


@app.command("list")
def list_entries(
    kind: Annotated[Literal["model", "dataset", "service", "any"], typer.Option(help="Entries of that kind.")] = "any",
    origin: Annotated[
        Literal["shipped", "curated", "any"], typer.Option(help="Shipped with the product, or the organisation's own.")
    ] = "any",
    license_: Annotated[str, typer.Option("--license", help="Entries under that licence of their own.")] = "",
    limit: LimitOption = 1000,
    form: FormatOption = Format.TABLE,
) -> None:
    """List what is known, with own and upstream licences.

    Example: spiritsafe catalog list --kind dataset
    """
    wanted = {"kind": kind, "origin": origin, "license": license_ or "any"}
    conditions = [f'{field} = "{value}"' for field, value in wanted.items() if value != "any"]
    request = catalog_pb2.ListCatalogEntriesRequest(filter=" AND ".join(conditions))
    with connect() as client:
        found = every(client.catalog.ListCatalogEntries, request, "entries", limit)
        output.print_list(form, "entries", found, COLUMNS)


@app.command("show")
def show(
    hub_repo: HubArgument,
    document: Annotated[
        bool, typer.Option("--document", help="Print the entry in the form that `catalog import` reads.")
    ] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show one entry: each fact with its source, date and confidence, and whether it is shipped or curated.

    Example: spiritsafe catalog show Salesforce/xlam-function-calling-60k#mixtral
    """
    with connect() as client:
        request = catalog_pb2.GetCatalogEntryRequest(name=entry_name(hub_repo))
        entry = client.catalog.GetCatalogEntry(request).entry
    if document:
        typer.echo(json.dumps({"entries": [_in_order(json_format.MessageToDict(entry.document))]}, indent=2))
    elif form is Format.JSON:
        output.print_one(form, entry)
    else:
        print_entry(entry)


@app.command("import")
def import_entries(
    file: Annotated[Path, typer.Argument(help='JSON file: one entry, a list, or {"entries": [...]}.')],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Curate: write entries of your own over the shipped ones. All of the file or nothing.

    Example: spiritsafe catalog import entries.json --reason "counsel's memo of 12 May"
    """
    documents = [_struct(each, file, position) for position, each in enumerate(_entries(read_json(file), file))]
    request = catalog_pb2.BatchCurateCatalogEntriesRequest(documents=documents, reason=reason, validate_only=dry_run)
    with connect() as client, _fields_of(file):
        curated = client.catalog.BatchCurateCatalogEntries(request).entries
    output.print_list(form, "entries", curated, (*COLUMNS, "curator"))


@app.command("withdraw")
def withdraw(
    hub_repo: HubArgument,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take a curation back: the shipped entry holds again, or none.

    Example: spiritsafe catalog withdraw acme/support-base --reason "published with a licence of its own"
    """
    name = entry_name(hub_repo)
    with connect() as client:
        current = client.catalog.GetCatalogEntry(catalog_pb2.GetCatalogEntryRequest(name=name)).entry
        request = catalog_pb2.WithdrawCatalogEntryRequest(
            name=name, reason=reason, etag=current.etag, validate_only=dry_run
        )
        response = client.catalog.WithdrawCatalogEntry(request)
    if form is Format.JSON:
        output.print_one(form, response)
    elif response.HasField("entry"):
        output.notices().print("the shipped entry holds again")
        print_entry(response.entry)
    else:
        output.notices().print(f"{escape(hub_repo)} is no longer in the catalogue", soft_wrap=True)


def entry_name(hub_repo: str) -> str:
    return f"catalog/{hub_repo.removeprefix('catalog/')}"


def print_entry(entry: catalog_pb2.CatalogEntry, console: Console | None = None) -> None:
    """Prints an entry with source, date and confidence of each fact, and what it overrides."""
    console = console or output.console()
    data = output.to_data(entry)
    console.print(output.details({key: value for key, value in data.items() if key not in _NOT_SHOWN}))
    console.print(_facts(data["document"], "what is stated"))
    if overridden := data.get("overridden_document"):
        console.print(_facts(overridden, f"overrides the shipped entry: {', '.join(overridden['licenses'])}"))


def _facts(document: dict[str, Any], title: str) -> Any:
    rows = [{"field": field, **fact} for field, fact in _in_order(document["facts"]).items()]
    return output.table(rows, ("field", "confidence", "as_of", "source"), title=escape(title))


def _entries(data: Any, file: Path) -> list[Any]:
    if isinstance(data, dict) and "entries" in data:
        data = data["entries"]
    entries = data if isinstance(data, list) else [data]
    if not entries:
        raise invalid(str(file), "holds no entry", "write one entry, a list of them, or an object with `entries`")
    return entries


@contextmanager
def _fields_of(file: Path) -> Iterator[None]:
    """Tells a refusal of the request's ``documents`` as one of the file's entries."""
    try:
        yield
    except InvalidArgument as error:
        if not error.message.startswith("documents["):
            raise
        raise InvalidArgument(
            _in_file(file, error.message),
            reason=error.reason,
            remedy=error.remedy,
            metadata=error.metadata,
            violations=tuple(Violation(_in_file(file, each.field), each.description) for each in error.violations),
        ) from error


def _in_file(file: Path, field: str) -> str:
    return f"{file}: {field.replace('documents[', 'entries[', 1)}"


def _struct(entry: Any, file: Path, position: int) -> Struct:
    if not isinstance(entry, dict):
        raise invalid(f"{file}: entries[{position}]", "is not a JSON object", "write one object for each entry")
    try:
        return json_format.ParseDict(entry, Struct())
    except json_format.ParseError as error:
        raise invalid(f"{file}: entries[{position}]", str(error), "correct the file") from error


def _in_order(value: Any) -> Any:
    """A Struct forgets the order of fields, and holds every number as a float, although rows are whole."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value, key=_position)}
    if isinstance(value, list):
        return [_in_order(each) for each in value]
    return int(value) if isinstance(value, float) else value


def _position(field: str) -> int:
    return _FIELDS.index(field) if field in _FIELDS else len(_FIELDS)
