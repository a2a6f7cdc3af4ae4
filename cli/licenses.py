"""``spiritsafe license``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import duties, evaluations, license_rules, output
from cli.files import read_struct
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DistributedOption,
    FormatOption,
    LimitOption,
    OutboundOption,
    VersionArgument,
    exact_version,
    invalid,
    resolve_version,
)
from cli.output import Format
from cli.pages import every
from cli.plans import plan
from cli.session import connect
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import licensing_pb2, version_pb2

LICENSE_COLUMNS = ("id", "category", "purposes", "outbound_relicense", "confidence")

app = new_app("Licence profiles, what changing them would do, verdicts, and what duties ask for. Not legal advice.")
app.command("revise")(license_rules.revise)
app.command("impact")(license_rules.impact)
app.command("changes")(license_rules.changes)
app.command("reevaluations")(license_rules.reevaluations)
app.add_typer(duties.app)


@app.command("list")
def list_licenses(limit: LimitOption = 1000, form: FormatOption = Format.TABLE) -> None:
    """List the licence profiles.

    Example: spiritsafe license list
    """
    with connect() as client:
        found = every(client.licenses.ListLicenses, licensing_pb2.ListLicensesRequest(), "licenses", limit)
        output.print_list(form, "licenses", found, LICENSE_COLUMNS)


@app.command("show")
def show(
    license_id: Annotated[str, typer.Argument(help="Id of the licence.")], form: FormatOption = Format.TABLE
) -> None:
    """Show one licence profile: limitations, conditions, reach and evidence.

    Example: spiritsafe license show cc-by-nc-4.0
    """
    with connect() as client:
        request = licensing_pb2.GetLicenseRequest(name=f"licenses/{license_id.removeprefix('licenses/')}")
        output.print_one(form, client.licenses.GetLicense(request).license)


@app.command("evaluate")
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSON file with a scenario, or with `cases`.")],
    explain: Annotated[bool, typer.Option("--explain", help="Say why in plain language instead of a table.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Evaluate a what-if scenario without touching the registry.

    Example: spiritsafe license evaluate cases.json --explain
    """
    scenario = read_struct(file, "write one scenario, or an object with `cases`")
    with connect() as client:
        response = client.licenses.EvaluateScenario(licensing_pb2.EvaluateScenarioRequest(scenario=scenario))
    result = evaluations.scenarios(response.result)
    if form is Format.JSON:
        output.print_json(result)
    elif explain:
        evaluations.print_explanations(result)
    else:
        evaluations.print_scenarios(result)


@app.command("check")
def check(
    version: VersionArgument,
    context: Annotated[list[ContextName] | None, typer.Option(help="A context; all four when left out.")] = None,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    public_name: Annotated[str, typer.Option(help="A public name to try instead of the current one.")] = "",
    form: FormatOption = Format.TABLE,
) -> None:
    """Give the verdict of a version, with reasons, their lineage paths and remedies.

    Example: spiritsafe license check support-tool@1 --context commercial --outbound openrail-m
    """
    with connect() as client:
        request = licensing_pb2.EvaluateVersionRequest(
            name=str(resolve_version(client, version)),
            contexts=[context_value(one) for one in context or ()],
            outbound_license=outbound,
            distributed=distributed,
            public_name=public_name,
        )
        found = client.licenses.EvaluateVersion(request).evaluations
    data = [output.to_data(one) for one in found]
    if form is Format.JSON:
        output.print_json({"evaluations": data})
        return
    for one in data:
        evaluations.print_evaluation(one)


@app.command("conclude")
def conclude(
    version: VersionArgument,
    rationale: Annotated[str, typer.Option(help="Why; kept in the record.")],
    license_: Annotated[list[str] | None, typer.Option("--license", help="A concluded licence; repeatable.")] = None,
    no_license: Annotated[bool, typer.Option("--no-license", help="It has no licence of its own.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Record which licences a reviewer concluded for a version; they replace declared and detected ones.

    Example: spiritsafe license conclude imported@1 --license apache-2.0 --rationale "LICENSE file at commit 1a2b3c"
    """
    if bool(license_) == no_license:
        raise invalid("license", "name licences with --license, or say --no-license")
    name = str(exact_version(version))
    with connect() as client:
        current = client.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
        request = licensing_pb2.ConcludeLicensesRequest(
            name=name,
            licenses=licensing_pb2.LicenseSet(ids=license_ or []),
            rationale=rationale,
            etag=current.etag,
        )
        output.print_one(form, client.licenses.ConcludeLicenses(request))


app.command("plan")(plan)
