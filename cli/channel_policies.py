"""``spiritsafe channel policy`` and ``spiritsafe promotion``: what channels require, and who approved a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration

from cli import output
from cli.files import read_json
from cli.lazy import app as new_app
from cli.options import (
    DryRunOption,
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
from spiritsafe.operations import channel_of, context_value
from spiritsafe.registry.v1 import channel_policy_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

POLICY_COLUMNS = ("name", "revision", "channels", "models", "requirements", "reason", "creator", "create_time")
APPROVAL_COLUMNS = (
    *("name", "version", "context", "stage", "outbound_license", "decision"),
    *("approver", "rationale", "expire_time", "revoke_time"),
)
PolicyArgument = Annotated[str, typer.Argument(help="Id of the policy.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the record.")]
ChannelArgument = Annotated[str, typer.Argument(help="CONTEXT/STAGE, e.g. commercial/production.")]
RationaleOption = Annotated[str, typer.Option("--rationale", help="Why; kept in the record.")]

policy_app = new_app("What channels require beyond the gate's own checks, in revisions.")
promotion_app = new_app("Approvals of releases, as channel policies ask for them.")


@policy_app.command("set")
def set_policy(
    policy: PolicyArgument,
    file: Annotated[Path, typer.Argument(help="JSON file with channels, models and requirements.")],
    reason: ReasonOption,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Put a policy in force for the channels that its patterns match; every promotion follows it at once.

    Example: spiritsafe channel policy set production policy.json --reason "Release board of 12 May"
    """
    request = channel_policy_pb2.SetChannelPolicyRequest(
        parent=namespace_name(namespace),
        policy_id=policy,
        policy=_read(file),
        reason=reason,
        validate_only=dry_run,
    )
    with connect() as client:
        output.print_one(form, client.channel_policies.SetChannelPolicy(request).policy)


@policy_app.command("list")
def list_policies(
    policy: Annotated[str, typer.Argument(help="Id of a policy, for its revisions.")] = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the policies in force, or the revisions of one, newest first.

    Example: spiritsafe channel policy list
    """
    parent = _policy_name(namespace, policy) if policy else namespace_name(namespace)
    request = channel_policy_pb2.ListChannelPoliciesRequest(parent=parent)
    with connect() as client:
        found = every(client.channel_policies.ListChannelPolicies, request, "policies", limit)
        output.print_list(form, "policies", found, POLICY_COLUMNS)


@policy_app.command("show")
def show(
    policy: PolicyArgument,
    revision: Annotated[int, typer.Option("--revision", help="An earlier revision.")] = 0,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show a policy whole.

    Example: spiritsafe channel policy show production
    """
    name = _policy_name(namespace, policy)
    request = channel_policy_pb2.GetChannelPolicyRequest(name=name, revision=revision)
    with connect() as client:
        output.print_one(form, client.channel_policies.GetChannelPolicy(request).policy)


@policy_app.command("retire")
def retire(
    policy: PolicyArgument,
    reason: ReasonOption,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take a policy out of force; what it was stays readable.

    Example: spiritsafe channel policy retire production --reason "Replaced by the policy on releases"
    """
    name = _policy_name(namespace, policy)
    request = channel_policy_pb2.RetireChannelPolicyRequest(name=name, reason=reason, validate_only=dry_run)
    with connect() as client:
        output.print_one(form, client.channel_policies.RetireChannelPolicy(request).policy)


@promotion_app.command("approve")
def approve(
    version: VersionArgument,
    channel: ChannelArgument,
    rationale: RationaleOption,
    outbound: OutboundOption = "",
    days: Annotated[int, typer.Option("--days", help="For how many days it holds.")] = 30,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Approve one exact release: version, channel and outbound licence. Your own version does not count.

    Example: spiritsafe promotion approve support-tool@1 commercial/production --outbound openrail-m --rationale "Ok"
    """
    _decide("APPROVE", version, channel, rationale, outbound, days, dry_run, form)


@promotion_app.command("reject")
def reject(
    version: VersionArgument,
    channel: ChannelArgument,
    rationale: RationaleOption,
    outbound: OutboundOption = "",
    days: Annotated[int, typer.Option("--days", help="For how many days it holds.")] = 30,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Reject one exact release: it stands in the way, however many approve, until you revoke it or approve.

    Example: spiritsafe promotion reject support-tool@1 commercial/production --rationale "It loops on dates"
    """
    _decide("REJECT", version, channel, rationale, outbound, days, dry_run, form)


@promotion_app.command("revoke")
def revoke(
    approval: Annotated[str, typer.Argument(help="Resource name of your approval or rejection.")],
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take back your own approval or rejection.

    Example: spiritsafe promotion revoke namespaces/default/approvals/6f1c
    """
    request = channel_policy_pb2.RevokeApprovalRequest(name=approval, validate_only=dry_run)
    with connect() as client:
        output.print_one(form, client.channel_policies.RevokeApproval(request).approval)


@promotion_app.command("list")
def list_approvals(
    version: Annotated[str, typer.Argument(help="MODEL@N; all of the namespace when left out.")] = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List approvals and rejections, newest first.

    Example: spiritsafe promotion list support-tool@1
    """
    parent = str(exact_version(version)) if version else namespace_name(namespace)
    request = channel_policy_pb2.ListApprovalsRequest(parent=parent)
    with connect() as client:
        found = every(client.channel_policies.ListApprovals, request, "approvals", limit)
        output.print_list(form, "approvals", found, APPROVAL_COLUMNS)


def _decide(
    decision: str,
    version: str,
    channel: str,
    rationale: str,
    outbound: str,
    days: int,
    dry_run: bool,
    form: Format,
) -> None:
    name = exact_version(version)
    target = channel_of(name.node, channel)
    request = channel_policy_pb2.CreateApprovalRequest(
        version=str(name),
        context=context_value(target.context),
        stage=target.stage,
        outbound_license=outbound,
        decision=channel_policy_pb2.ApprovalDecision.Value(f"APPROVAL_DECISION_{decision}"),
        rationale=rationale,
        valid_for=Duration(seconds=days * 24 * 3600),
        validate_only=dry_run,
    )
    with connect() as client:
        output.print_one(form, client.channel_policies.CreateApproval(request).approval)


def _policy_name(namespace: str, policy: str) -> str:
    return f"{namespace_name(namespace)}/channelPolicies/{policy}"


def _read(file: Path) -> channel_policy_pb2.ChannelPolicy:
    """Raises InvalidArgument for a field that a policy does not have."""
    try:
        return json_format.ParseDict(read_json(file), channel_policy_pb2.ChannelPolicy())
    except json_format.ParseError as error:
        raise invalid(str(file), str(error), "docs/registry/promotion.md shows one") from error
