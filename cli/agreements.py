"""``spiritsafe agreement``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DryRunOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    namespace_name,
    node_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from cli.times import read_time, timestamp
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import agreement_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "licensor", "license", "models", "contexts", "start_time", "end_time", "revoke_time")
AgreementArgument = Annotated[str, typer.Argument(help="Id of the agreement, or its full resource name.")]

app = new_app("Contracts that waive one licensor's licence for named models, contexts and dates.")


def agreement_name(text: str, namespace: str = DEFAULT_NAMESPACE) -> str:
    return text if text.startswith("namespaces/") else f"{namespace_name(namespace)}/agreements/{text}"


@app.command("create")
def create(
    agreement_id: Annotated[str, typer.Argument(help="Its id, for example salesforce-2026.")],
    licensor: Annotated[str, typer.Option(help="Who waives.")],
    license_: Annotated[str, typer.Option("--license", help="The licence that is waived.")],
    model: Annotated[list[str], typer.Option(help="A model whose own licence it is; repeatable.")],
    context: Annotated[list[ContextName], typer.Option(help="Where it is waived; repeatable.")],
    end: Annotated[str, typer.Option(help="When it ends: a date or time in ISO 8601, UTC unless it says otherwise.")],
    start: Annotated[str, typer.Option(help="When it begins; now unless told.")] = "",
    evidence_sha256: Annotated[str, typer.Option(help="Digest of the signed contract.")] = "",
    reference: Annotated[str, typer.Option(help="Where the contract is kept.")] = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Record an agreement. From its start to its end it waives that licence of those models, and no other.

    Example: spiritsafe agreement create salesforce-2026 --licensor Salesforce --license cc-by-nc-4.0
    --model xlam-7b-fc-r --context commercial --end 2027-12-31
    """
    request = agreement_pb2.CreateAgreementRequest(
        parent=namespace_name(namespace),
        agreement_id=agreement_id,
        agreement=agreement_pb2.Agreement(
            licensor=licensor,
            license=license_,
            models=[str(node_name(each)) for each in model],
            contexts=[context_value(each) for each in context],
            start_time=read_time(start, "start") if start else timestamp(datetime.now(UTC)),
            end_time=read_time(end, "end"),
            evidence_sha256=evidence_sha256,
            reference=reference,
        ),
        validate_only=dry_run,
    )
    with connect() as client:
        output.print_one(form, client.agreements.CreateAgreement(request).agreement)


@app.command("list")
def list_agreements(
    namespace: NamespaceOption = DEFAULT_NAMESPACE, limit: LimitOption = 100, form: FormatOption = Format.TABLE
) -> None:
    """List the agreements of a namespace.

    Example: spiritsafe agreement list
    """
    request = agreement_pb2.ListAgreementsRequest(parent=namespace_name(namespace))
    with connect() as client:
        output.print_list(
            form, "agreements", every(client.agreements.ListAgreements, request, "agreements", limit), COLUMNS
        )


@app.command("show")
def show(
    agreement: AgreementArgument, namespace: NamespaceOption = DEFAULT_NAMESPACE, form: FormatOption = Format.TABLE
) -> None:
    """Show one agreement.

    Example: spiritsafe agreement show salesforce-2026
    """
    request = agreement_pb2.GetAgreementRequest(name=agreement_name(agreement, namespace))
    with connect() as client:
        output.print_one(form, client.agreements.GetAgreement(request).agreement)


@app.command("revoke")
def revoke(
    agreement: AgreementArgument, namespace: NamespaceOption = DEFAULT_NAMESPACE, form: FormatOption = Format.TABLE
) -> None:
    """End an agreement from now on; every verdict that rests on it changes at once.

    Example: spiritsafe agreement revoke salesforce-2026
    """
    request = agreement_pb2.RevokeAgreementRequest(name=agreement_name(agreement, namespace))
    with connect() as client:
        output.print_one(form, client.agreements.RevokeAgreement(request).agreement)
