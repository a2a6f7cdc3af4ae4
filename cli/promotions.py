"""``spiritsafe promote``, ``rollback`` and ``channel``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import evaluation_reports, evaluations, exits, output
from cli.lazy import app as new_app
from cli.options import (
    DistributedOption,
    DryRunOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OutboundOption,
    VersionArgument,
    channel_name,
    context_value,
    exact_version,
    namespace_name,
    node_name,
)
from cli.output import Data, Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import promotion_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, shorten

CHANNEL_COLUMNS = ("name", "version", "outbound_license", "verdict", "update_time")
HISTORY_COLUMNS = (
    "create_time",
    "action",
    "version",
    "state",
    "outbound_license",
    "previous_version",
    "actor",
    "self_administered",
)
ChannelArgument = Annotated[str, typer.Argument(help="CONTEXT/STAGE, e.g. commercial/production.")]
NodeArgument = Annotated[str, typer.Argument(help="MODEL or dataset:DATASET.")]

promote_app = new_app(no_args_is_help=False)
rollback_app = new_app(no_args_is_help=False)
channel_app = new_app("What every channel (context x stage) holds, held, and why it was allowed.")


@promote_app.command()
def promote(
    version: VersionArgument,
    channel: ChannelArgument,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Move a channel to a version, if the gate lets it pass; exit code 3 if not.

    Example: spiritsafe promote support-tool@1 commercial/production --outbound openrail-m
    """
    name = exact_version(version)
    target = channel_name(name.node, channel)
    request = promotion_pb2.PromoteVersionRequest(
        version=str(name),
        context=context_value(target.context),
        stage=target.stage,
        outbound_license=outbound,
        distributed=distributed,
        validate_only=dry_run,
    )
    with connect() as client:
        _finish(client.promotions.PromoteVersion(request).promotion, form)


@rollback_app.command()
def rollback(
    node: NodeArgument, channel: ChannelArgument, dry_run: DryRunOption = False, form: FormatOption = Format.TABLE
) -> None:
    """Move a channel back to the version that it held before, through the gate again.

    Example: spiritsafe rollback support-tool commercial/production
    """
    name = channel_name(node_name(node), channel)
    with connect() as client:
        current = client.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=str(name))).channel
        request = promotion_pb2.RollbackChannelRequest(name=str(name), etag=current.etag, validate_only=dry_run)
        _finish(client.promotions.RollbackChannel(request).promotion, form)


def _finish(promotion: promotion_pb2.Promotion, form: Format) -> None:
    data = output.to_data(promotion)
    if form is Format.JSON:
        output.print_json(data)
    else:
        print_promotion(data, output.console())
    if promotion.state != promotion_pb2.PROMOTION_STATE_PROMOTED:
        raise typer.Exit(exits.DENIED)


def print_promotion(data: Data, console: Console) -> None:
    """Prints what the gate answered: its checks with the way on, the reasons of the verdict, the paired figures."""
    outbound = f" as {data['outbound_license']}" if data["outbound_license"] else ""
    console.print(
        f"[bold]{escape(shorten(data['version']))}[/] -> {data['context']}/{data['stage']}{outbound}: "
        f"{output.cell(data['state'])}"
    )
    for check in data["checks"]:
        mark = "[green]pass[/]" if check["passed"] else "[red]fail[/]"
        console.print(f"  {mark} {check['check']}  [dim]{escape(check['detail'])}[/]".rstrip())
        if not check["passed"]:
            console.print(f"    [red]{check['reason']}[/] {escape(check['remedy'])}".rstrip())
    evaluations.print_reasons(data.get("evaluation", {}).get("reasons", []), console)
    for report in data["evaluation_reports"]:
        evaluation_reports.print_report(report, console)
    for review in data["reviews"]:
        console.print(f"  review: {output.cell(review)}")
    if data["self_administered"]:
        console.print("  [magenta]self-administered[/]: one person holds every token of an embedded registry")


@channel_app.command("list")
def list_channels(
    node: Annotated[str, typer.Argument(help="MODEL or dataset:DATASET; all when left out.")] = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List channels, what they hold, and its verdict under today's licence data.

    Example: spiritsafe channel list support-tool
    """
    parent = str(node_name(node)) if node else namespace_name(namespace)
    with connect() as client:
        request = promotion_pb2.ListChannelsRequest(parent=parent)
        found = every(client.promotions.ListChannels, request, "channels", limit)
        output.print_list(form, "channels", found, CHANNEL_COLUMNS)


@channel_app.command("history")
def history(
    node: NodeArgument,
    channel: Annotated[str, typer.Argument(help="CONTEXT/STAGE; all when left out.")] = "",
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the attempts at a channel, newest first: what was there when, and why.

    Example: spiritsafe channel history support-tool commercial/production
    """
    name = node_name(node)
    parent: object = channel_name(name, channel) if channel else name
    with connect() as client:
        request = promotion_pb2.ListPromotionsRequest(parent=str(parent))
        found = every(client.promotions.ListPromotions, request, "promotions", limit)
        output.print_list(form, "promotions", found, HISTORY_COLUMNS)
