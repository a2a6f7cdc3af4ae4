"""``spiritsafe license plan``: what a student that does not exist yet may be used for, and what would change that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import output
from cli.options import (
    ContextName,
    FormatOption,
    OutboundOption,
    invalid,
    resolve_version,
)
from cli.output import Data, Format
from cli.session import connect
from spiritsafe.client import Client
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.names import Collection, shorten

VERDICT_COLUMNS = ("context", "verdict", "reasons", "duties")
_SHOWN = 4
_PARTS = "Hub id of the catalogue, or MODEL@N of the registry"


class MethodName(StrEnum):
    """What of the teacher the student is trained on."""

    OUTPUTS = "outputs"
    LOGITS = "logits"


def plan(
    student: Annotated[str, typer.Option(help=f"Base that the student is built on. {_PARTS}.")],
    teacher: Annotated[str, typer.Option(help=f"{_PARTS}; with a dataset it may be left out.")] = "",
    dataset: Annotated[list[str] | None, typer.Option(help="Hub id, HUB_ID#PART or DATASET@N; repeatable.")] = None,
    judge: Annotated[list[str] | None, typer.Option(help=f"Chooses among answers. {_PARTS}; repeatable.")] = None,
    method: Annotated[MethodName, typer.Option(help="What of the teacher it is trained on.")] = MethodName.OUTPUTS,
    name: Annotated[str, typer.Option(help="Public name of the student, e.g. acme/support.")] = "",
    outbound: OutboundOption = "",
    context: Annotated[
        list[ContextName] | None, typer.Option(help="Look for plans here; everywhere when left out.")
    ] = None,
    eu: Annotated[bool, typer.Option("--eu", help="The licensee is based in the European Union.")] = False,
    distribute: Annotated[
        bool,
        typer.Option("--distribute", "--distributed", help="It is handed to others also outside commercial contexts."),
    ] = False,
    plans: Annotated[int, typer.Option(min=1, max=10, help="Plans to look for in each context.")] = 3,
    form: FormatOption = Format.TABLE,
) -> None:
    """Give the verdict of a student that does not exist yet, and the cheapest changes that would clear it.

    Example: spiritsafe license plan --teacher Salesforce/xLAM-7b-fc-r --student Qwen/Qwen3-8B --outbound apache-2.0
    --context commercial
    """
    if not teacher and not dataset:
        raise invalid("teacher", "name a teacher with --teacher, or data to train on with --dataset")
    with connect() as client:
        recipe = licensing_pb2.StudentRecipe(
            teacher=_part(client, teacher),
            student=_part(client, student),
            datasets=[_part(client, one, "datasets") for one in dataset or ()],
            judges=[_part(client, one) for one in judge or ()],
            method=licensing_pb2.DistillMethod.Value(f"DISTILL_METHOD_{method.upper()}"),
            public_name=name,
            outbound_license=outbound,
        )
        request = licensing_pb2.PlanStudentRequest(
            recipe=recipe,
            contexts=[context_value(one) for one in context or ()],
            distributed=distribute,
            licensee_in_eu=eu,
            max_plans=plans,
        )
        data = output.to_data(client.licenses.PlanStudent(request))
    if form is Format.JSON:
        output.print_json(data)
    else:
        _print(data, output.console())


def _part(client: Client, text: str, collection: Collection = "models") -> str:
    """A hub id has a slash and stays as it is; everything else names a version, the newest one without a number."""
    if not text or ("/" in text and not text.startswith("namespaces/")):
        return text
    return str(resolve_version(client, text, collection))


def _print(data: Data, console: Console) -> None:
    recipe = data["recipe"]
    console.print(f"[bold]{escape(recipe['public_name'])}[/]: {escape(_sentence(recipe))}")
    rows = [
        {
            "context": one["context"],
            "verdict": one["verdict"],
            "reasons": list(dict.fromkeys(reason["code"] for reason in one["reasons"])),
            "duties": [duty["code"] for duty in one["obligations"]],
        }
        for one in data["evaluations"]
    ]
    console.print(output.table(rows, VERDICT_COLUMNS))
    evaluations = {one["context"]: one for one in data["evaluations"]}
    for search in data["searches"]:
        _print_search(search, evaluations[search["context"]], console)
    doubtful = [one for one in data["facts"] if one["confidence"] != "verified"]
    if doubtful:
        listed = ", ".join(f"{one['hub_repo']} {one['field']} ({one['confidence']})" for one in doubtful)
        console.print(f"rests on facts that are not verified: {escape(listed)}")


def _sentence(recipe: Data) -> str:
    """How the student would be made, as one sentence."""
    sources = [
        recipe["teacher"] and f"{recipe['method']} of {shorten(recipe['teacher'])}",
        *map(shorten, recipe["datasets"]),
    ]
    judged = f", judged by {' and '.join(map(shorten, recipe['judges']))}" if recipe["judges"] else ""
    outbound = recipe["outbound_license"] or "no named licence"
    trained = " and ".join(filter(None, sources))
    return f"{shorten(recipe['student'])} trained on {trained}{judged}, released under {outbound}"


def _print_search(search: Data, evaluation: Data, console: Console) -> None:
    context = search["context"]
    console.print(f"\n[bold]{context}[/] is {output.cell(evaluation['verdict'])}:")
    for reason in evaluation["reasons"]:
        console.print(f"  {escape(reason['sentence'])}")
    if search["plans"]:
        console.print(f"[bold]Cheapest way to clear {context}:[/]")
        for number, one in enumerate(search["plans"], start=1):
            console.print(f"  {number}. " + "\n     ".join(_plan_lines(one)))
    else:
        _print_none(search, console)
    if not search["complete"]:
        console.print(f"  The search ended at its bound of {search['tries']} combinations: something may be cheaper.")


def _print_none(search: Data, console: Console) -> None:
    console.print(f"[bold]Nothing that was tried clears {search['context']}.[/] No alternative lifts:")
    for reason in search["unlifted_reasons"]:
        console.print(f"  {reason['code']} of {escape(shorten(reason['origin']))}: {escape(reason['remedy'])}")


def _plan_lines(plan: Data) -> Iterator[str]:
    """One plan: what changes, what people would have to decide, and what is then left to do and to ask."""
    yield escape("; ".join(map(_change, plan["changes"])) or "as asked")
    human = [*map(_review, plan["reviews"]), *map(_agreement, plan["agreements"])]
    verdict = output.cell(plan["verdict"])
    yield (
        f"would then be {output.cell(plan['undecided_verdict'])}, and {verdict} once decided"
        if human
        else f"would be {verdict}"
    )
    for step in human:
        yield f"would need {escape(step)}"
    if plan["obligations"]:
        yield "duties: " + escape(", ".join(one["code"] for one in plan["obligations"]))
    for question in plan["open_questions"]:
        yield f"open: {escape(question)}"


def _change(change: Data) -> str:
    also = change["also"]
    more = f" and {len(also) - _SHOWN} more" if len(also) > _SHOWN else ""
    others = f" (as well: {', '.join(map(shorten, also[:_SHOWN]))}{more})" if also else ""
    return f"{change['subject']}: {shorten(change['after'])} instead of {shorten(change['before'])}{others}"


def _review(review: Data) -> str:
    return f"an approved review of {review['code']}, {review['license']} of {shorten(review['origin'])}"


def _agreement(agreement: Data) -> str:
    named = _joined(agreement["origins"])
    return (
        f"an agreement with {agreement['licensor']} that waives {agreement['license']}{f' on {named}' if named else ''}"
    )


def _joined(names: Sequence[str]) -> str:
    return " and ".join(map(shorten, names))
