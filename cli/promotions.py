"""``spiritsafe promote``, ``rollback`` and ``channel``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import channel_policies, evaluation_reports, evaluations, exits, output
from cli.lazy import app as new_app
from cli.options import (
    DistributedOption,
    DryRunOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OutboundOption,
    VersionArgument,
    exact_version,
    namespace_name,
    node_name,
)
from cli.output import Data, Format
from cli.pages import every
from cli.session import connect
from cli.times import read_time
from spiritsafe.operations import channel_of, context_value
from spiritsafe.registry.v1 import promotion_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, shorten

CHANNEL_COLUMNS = ("name", "version", "outbound_license", "verdict", "recalls", "update_time")
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
BreakGlassOption = Annotated[
    str, typer.Option("--break-glass", help="Why it must go through a freeze window; recorded, and for few to use.")
]
AtOption = Annotated[str, typer.Option("--at", help="As it was then, e.g. 2026-11-30 or 2026-11-30T12:00:00Z.")]

promote_app = new_app(no_args_is_help=False)
rollback_app = new_app(no_args_is_help=False)
channel_app = new_app("What every channel (context x stage) holds, held, and why it was allowed.")


@promote_app.command()
def promote(
    version: VersionArgument,
    channel: ChannelArgument,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    etag: Annotated[str, typer.Option("--etag", help="Of the channel, where it must not have moved meanwhile.")] = "",
    break_glass: BreakGlassOption = "",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Move a channel to a version, if the gate lets it pass; exit code 3 if not.

    Example: spiritsafe promote support-tool@1 commercial/production --outbound openrail-m
    """
    name = exact_version(version)
    target = channel_of(name.node, channel)
    request = promotion_pb2.PromoteVersionRequest(
        version=str(name),
        context=context_value(target.context),
        stage=target.stage,
        outbound_license=outbound,
        distributed=distributed,
        etag=etag,
        break_glass=break_glass,
        validate_only=dry_run,
    )
    with connect() as client:
        _finish(client.promotions.PromoteVersion(request).promotion, form)


@rollback_app.command()
def rollback(
    node: NodeArgument,
    channel: ChannelArgument,
    to: Annotated[int, typer.Option("--to", help="Number of an earlier version; the one before unless told.")] = 0,
    break_glass: BreakGlassOption = "",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Move a channel back to a version that it held before, through the gate again.

    Example: spiritsafe rollback support-tool commercial/production
    """
    name = channel_of(node_name(node), channel)
    with connect() as client:
        current = client.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=str(name))).channel
        request = promotion_pb2.RollbackChannelRequest(
            name=str(name), etag=current.etag, to_number=to, break_glass=break_glass, validate_only=dry_run
        )
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
    at: AtOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List channels, what they hold or held, and its verdict: under today's licence data, or the one of then.

    Example: spiritsafe channel list support-tool --at 2026-11-30
    """
    parent = str(node_name(node)) if node else namespace_name(namespace)
    with connect() as client:
        request = promotion_pb2.ListChannelsRequest(parent=parent, at_time=read_time(at, "at") if at else None)
        found = every(client.promotions.ListChannels, request, "channels", limit)
        output.print_list(form, "channels", found, CHANNEL_COLUMNS)


@channel_app.command("history")
def history(
    node: NodeArgument,
    channel: Annotated[str, typer.Argument(help="CONTEXT/STAGE; all when left out.")] = "",
    at: AtOption = "",
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the attempts at a channel, newest first; with --at show what was there then, and why it was allowed.

    Example: spiritsafe channel history support-tool commercial/production
    """
    name = node_name(node)
    parent: object = channel_of(name, channel) if channel else name
    if at:
        _print_held(str(parent), at, limit, form, one=bool(channel))
        return
    with connect() as client:
        request = promotion_pb2.ListPromotionsRequest(parent=str(parent))
        found = every(client.promotions.ListPromotions, request, "promotions", limit)
        output.print_list(form, "promotions", found, HISTORY_COLUMNS)


channel_app.add_typer(channel_policies.policy_app, name="policy")


def _print_held(parent: str, at: str, limit: int, form: Format, *, one: bool) -> None:
    """What was in a channel, or in those of a model, and the promotions that put it there."""
    time = read_time(at, "at")
    with connect() as client:
        if one:
            request = promotion_pb2.GetChannelRequest(name=parent, at_time=time)
            held = [client.promotions.GetChannel(request).channel]
        else:
            listing = promotion_pb2.ListChannelsRequest(parent=parent, at_time=time)
            held = list(every(client.promotions.ListChannels, listing, "channels", limit))
        requests = [promotion_pb2.GetPromotionRequest(name=channel.promotion) for channel in held]
        promotions = [client.promotions.GetPromotion(each).promotion for each in requests]
    if form is Format.JSON:
        output.print_json({"promotions": [output.to_data(each) for each in promotions]})
        return
    for each in promotions:
        print_promotion(output.to_data(each), output.console())
