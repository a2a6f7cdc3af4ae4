"""``spiritsafe license bundle``, ``duties``, ``attest`` and ``revoke-attestation``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli import exits, output
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DistributedOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OutboundOption,
    VersionArgument,
    exact_version,
    invalid,
    namespace_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe import bundles
from spiritsafe.client import Client
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import duty_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, shorten

DUTY_COLUMNS = ("code", "state", "finding", "remedy")
ATTESTATION_COLUMNS = ("name", "version", "context", "duty", "attester", "self_administered", "statement")
ContextOption = Annotated[ContextName, typer.Option(help="Where it is deployed.")]

app = new_app()


@app.command("bundle")
def bundle(
    version: VersionArgument,
    context: ContextOption,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    output_: Annotated[Path | None, typer.Option("--output", help="Folder to write the files into.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier bundle there.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Also keep it in the registry, beside the version.")] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Go on although texts are missing.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Make the files that a release must carry: licence texts, notices, credits, restrictions, changes.

    Ends with exit code 1 where a text is missing, and says where to get it. A recorded bundle counts in the gate.

    Example: spiritsafe license bundle support-tool@1 --context commercial --outbound openrail-m --output legal
    """
    if output_ is None and not record:
        raise invalid("output", "name a folder with --output, or keep the bundle with --record")
    if output_ is not None:
        bundles.check_target(output_, overwrite=overwrite)
    release: dict[str, Any] = {
        "version": str(exact_version(version)),
        "context": context_value(context),
        "outbound_license": outbound,
        "distributed": distributed,
    }
    with connect() as client:
        made = _make(client, release, record=record, allow_missing=allow_missing)
    if output_ is not None:
        bundles.write_bundle(made, output_, overwrite=overwrite)
    _print(made, output_, form)
    if made.missing and not allow_missing:
        raise typer.Exit(exits.FAILED)


def _make(client: Client, release: dict[str, Any], *, record: bool, allow_missing: bool) -> duty_pb2.Bundle:
    if record:
        request = duty_pb2.RecordBundleRequest(allow_missing=allow_missing, **release)
        return client.duties.RecordBundle(request).bundle
    return client.duties.GetBundle(duty_pb2.GetBundleRequest(**release)).bundle


def _print(made: duty_pb2.Bundle, folder: Path | None, form: Format) -> None:
    missing = [output.to_data(each) for each in made.missing]
    if form is Format.JSON:
        data = output.to_data(made) | {
            "files": [{"path": file.path, "sha256": file.sha256} for file in made.files],
            "missing": missing,
            "output": str(folder) if folder else "",
        }
        output.print_json(data)
        return
    console = output.console()
    where = f" in {folder}" if folder else ""
    console.print(escape(f"{shorten(made.version)}: {len(made.files)} files{where}"))
    for file in made.files:
        console.print(escape(f"  {file.path}"))
    for each in made.missing:
        console.print(f"  [bold red]MISSING[/] {escape(each.path)} ({escape(each.license)})")
        console.print(f"    {escape(each.detail)}")
    if made.recorder:
        console.print(escape(f"recorded by {made.recorder}"))


@app.command("duties")
def duties(
    version: VersionArgument,
    context: ContextOption,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    limit: LimitOption = 1000,
    form: FormatOption = Format.TABLE,
) -> None:
    """List what licences ask of a release, and how each duty is met: by a file, by a person, or not yet.

    Example: spiritsafe license duties support-tool@1 --context commercial --outbound openrail-m
    """
    request = duty_pb2.ListDutiesRequest(
        version=str(exact_version(version)),
        context=context_value(context),
        outbound_license=outbound,
        distributed=distributed,
    )
    with connect() as client:
        output.print_list(form, "duties", every(client.duties.ListDuties, request, "duties", limit), DUTY_COLUMNS)


@app.command("attest")
def attest(
    version: VersionArgument,
    context: ContextOption,
    duty: Annotated[list[str], typer.Option(help="CODE:LICENCE as `duties` lists it; repeatable.")],
    statement: Annotated[str, typer.Option(help="What you answer for; kept in the record.")],
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    evidence_sha256: Annotated[str, typer.Option(help="Digest of the evidence that it rests on.")] = "",
    form: FormatOption = Format.TABLE,
) -> None:
    """Answer for a duty by name. It holds for this version and context only, and not for your own promotion of it.

    Example: spiritsafe license attest tool@1 --context commercial --duty AUP:llama3.2 --statement "our terms have it"
    """
    made = []
    with connect() as client:
        for code in duty:
            request = duty_pb2.AttestDutyRequest(
                version=str(exact_version(version)),
                context=context_value(context),
                duty=code,
                statement=statement,
                evidence_sha256=evidence_sha256,
                outbound_license=outbound,
                distributed=distributed,
            )
            made.append(client.duties.AttestDuty(request).attestation)
    output.print_list(form, "attestations", made, ATTESTATION_COLUMNS)


@app.command("revoke-attestation")
def revoke_attestation(
    attestation: Annotated[str, typer.Argument(help="Id of the attestation, or its full resource name.")],
    rationale: Annotated[str, typer.Option(help="Why it no longer holds; kept in the record.")],
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take an attestation back from now on.

    Example: spiritsafe license revoke-attestation 3f2a --rationale "the product page dropped the line"
    """
    full = attestation.startswith("namespaces/")
    name = attestation if full else f"{namespace_name(namespace)}/attestations/{attestation}"
    with connect() as client:
        request = duty_pb2.RevokeAttestationRequest(name=name, rationale=rationale)
        output.print_one(form, client.duties.RevokeAttestation(request).attestation)
