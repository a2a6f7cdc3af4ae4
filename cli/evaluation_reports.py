"""``spiritsafe model evaluation``: what weights do on held-out scenarios, paired with their untouched base.

What licences permit is ``spiritsafe license check``; no command calls that an evaluation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.markup import escape

from cli import output
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, LimitOption, exact_version, invalid
from cli.output import Data, Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import evaluation_report_pb2
from spiritsafe.rpc.names import EvaluationReportName, shorten

COLUMNS = ("name", "baseline", "dataset", "creator", "create_time")
FIGURES = ("category", "baseline", "candidate", "gained", "lost", "difference", "p")

ModelVersionArgument = Annotated[str, typer.Argument(help="MODEL@N, or a full resource name.")]

app = new_app("Reports of evaluations against the untouched base; a model goes commercial with one on record.")


@app.command("record")
def record(
    version: ModelVersionArgument,
    baseline: Annotated[str, typer.Option(help="The untouched base, as MODEL@N.")],
    dataset: Annotated[str, typer.Option(help="The held-out scenarios, as dataset:DATASET@N.")],
    file: Annotated[Path, typer.Option(help="JSON with the paired counts of each category.")],
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Record how a version did on held-out scenarios, each of which its untouched base answered too.

    FILE is {"categories": [{"category", "count", "candidate_exact", "baseline_exact", "gained", "lost"}, ...]}, where
    gained counts the scenarios that only the version got right, and lost those that only its base got right.

    Example: spiritsafe model evaluation record tool@1 --baseline qwen3@1 --dataset dataset:held-out@1 --file c.json
    """
    report = evaluation_report_pb2.EvaluationReport(
        baseline=str(exact_version(baseline)),
        dataset=str(exact_version(dataset, "datasets")),
        categories=_counts(file),
    )
    request = evaluation_report_pb2.CreateEvaluationReportRequest(
        parent=str(exact_version(version)), evaluation_report=report, validate_only=dry_run
    )
    with connect() as client:
        _print(client.evaluation_reports.CreateEvaluationReport(request).evaluation_report, form)


@app.command("list")
def list_reports(version: ModelVersionArgument, limit: LimitOption = 100, form: FormatOption = Format.TABLE) -> None:
    """List the reports that hold for a version, newest first: its own, and those of versions with the same weights.

    Example: spiritsafe model evaluation list support-tool@1
    """
    request = evaluation_report_pb2.ListEvaluationReportsRequest(parent=str(exact_version(version)))
    with connect() as client:
        found = every(client.evaluation_reports.ListEvaluationReports, request, "evaluation_reports", limit)
        output.print_list(form, "evaluation_reports", found, COLUMNS)


@app.command("show")
def show(
    report: Annotated[str, typer.Argument(help="MODEL@N/ID as listed, or a full resource name.")],
    form: FormatOption = Format.TABLE,
) -> None:
    """Show one report with its figures.

    Example: spiritsafe model evaluation show support-tool@1/3f2a
    """
    request = evaluation_report_pb2.GetEvaluationReportRequest(name=str(report_name(report)))
    with connect() as client:
        _print(client.evaluation_reports.GetEvaluationReport(request).evaluation_report, form)


def report_name(text: str) -> EvaluationReportName:
    """Reads a full resource name or MODEL@N/ID. Raises InvalidArgument."""
    if text.startswith("namespaces/"):
        return EvaluationReportName.parse(text)
    version, slash, report = text.rpartition("/")
    if not slash:
        raise invalid("report", f"{text!r} names no report", "write MODEL@N/ID; `list` shows the ids")
    return EvaluationReportName.parse(str(EvaluationReportName(exact_version(version), report)), "report")


def print_report(data: Data, console: Console) -> None:
    """Prints what was compared on what, and the figures of each category."""
    console.print(f"  evaluation {escape(shorten(data['name']))}")
    console.print(f"    on {escape(shorten(data['dataset']))} against {escape(shorten(data['baseline']))}")
    console.print(output.table([_row(each) for each in data["categories"]], FIGURES))


def _counts(file: Path) -> list[evaluation_report_pb2.EvaluationCategory]:
    try:
        report = json_format.Parse(file.read_text("utf-8"), evaluation_report_pb2.EvaluationReport())
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        raise invalid("file", f"cannot read {file}: {error}", "see --help for its form") from error
    return list(report.categories)


def _print(report: evaluation_report_pb2.EvaluationReport, form: Format) -> None:
    data = output.to_data(report)
    if form is Format.JSON:
        output.print_json(data)
        return
    console = output.console()
    print_report(data, console)
    console.print(output.details({key: data.get(key) for key in ("weights_sha256", "creator", "create_time")}))


def _row(category: Data) -> dict[str, object]:
    """A category as people read it: the difference in percentage points with its 95 % interval, McNemar's p."""
    count = category["count"]
    low, high = category["difference_low"], category["difference_high"]
    return {
        **category,
        "baseline": f"{category['baseline_exact']} of {count}",
        "candidate": f"{category['candidate_exact']} of {count}",
        "difference": f"{100 * category['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
        "p": f"{category['mcnemar_p']:.2g}",
    }
