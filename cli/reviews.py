"""``spiritsafe review``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DistributedOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OutboundOption,
    VersionArgument,
    context_value,
    exact_version,
    namespace_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import review_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "version", "context", "code", "license", "origin", "state", "reviewer", "self_administered")
ReviewArgument = Annotated[str, typer.Argument(help="Id of the review, or its full resource name.")]

app = new_app("Human decisions on contested reasons: one reason of one exact version in one context each.")


def review_name(text: str, namespace: str = DEFAULT_NAMESPACE) -> str:
    return text if text.startswith("namespaces/") else f"{namespace_name(namespace)}/reviews/{text}"


@app.command("list")
def list_reviews(
    state: Annotated[
        Literal["open", "approved", "rejected", "revoked", "any"], typer.Option(help="Reviews in that state.")
    ] = "open",
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List reviews, newest first; open ones unless told.

    Example: spiritsafe review list --state any
    """
    conditions = [condition] if condition else []
    if state != "any":
        conditions.append(f'state = "{state}"')
    request = review_pb2.ListReviewsRequest(parent=namespace_name(namespace), filter=" AND ".join(conditions))
    with connect() as client:
        found = every(client.reviews.ListReviews, request, "reviews", limit)
        output.print_list(form, "reviews", found, COLUMNS)


@app.command("show")
def show(
    review: ReviewArgument, namespace: NamespaceOption = DEFAULT_NAMESPACE, form: FormatOption = Format.TABLE
) -> None:
    """Show one review with its questions, answers and rationale.

    Example: spiritsafe review show 3
    """
    with connect() as client:
        request = review_pb2.GetReviewRequest(name=review_name(review, namespace))
        output.print_one(form, client.reviews.GetReview(request).review)


@app.command("request")
def request_reviews(
    version: VersionArgument,
    context: Annotated[ContextName, typer.Option(help="Where it shall be deployed.")],
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Open a review for every contested reason of a version in a context.

    Example: spiritsafe review request support-tool@1 --context commercial --outbound openrail-m
    """
    request = review_pb2.RequestReviewsRequest(
        version=str(exact_version(version)),
        context=context_value(context),
        outbound_license=outbound,
        distributed=distributed,
    )
    with connect() as client:
        output.print_list(form, "reviews", client.reviews.RequestReviews(request).reviews, COLUMNS)


@app.command("decide")
def decide(
    review: ReviewArgument,
    decision: Annotated[Literal["approve", "reject"], typer.Argument(help="The decision.")],
    rationale: Annotated[str, typer.Option(help="Why; kept in the record.")],
    answer: Annotated[list[str] | None, typer.Option(help="Answers in the order of the questions; repeatable.")] = None,
    evidence_sha256: Annotated[str, typer.Option(help="Digest of the evidence that it rests on.")] = "",
    expire_days: Annotated[int, typer.Option(min=0, help="Days until it ends; 0 leaves it to the server.")] = 0,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Approve or reject. Nobody decides on what they registered.

    Example: spiritsafe review decide 3 approve --rationale "Counsel's memo of 12 May" --answer no --answer no
    """
    with connect() as client:
        name = review_name(review, namespace)
        current = client.reviews.GetReview(review_pb2.GetReviewRequest(name=name)).review
        request = review_pb2.DecideReviewRequest(
            name=name,
            decision=review_pb2.ReviewDecision.Value(f"REVIEW_DECISION_{decision.upper()}"),
            rationale=rationale,
            answers=answer or [],
            evidence_sha256=evidence_sha256,
            etag=current.etag,
        )
        if expire_days:
            request.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=expire_days))
        output.print_one(form, client.reviews.DecideReview(request).review)


@app.command("revoke")
def revoke(
    review: ReviewArgument,
    rationale: Annotated[str, typer.Option(help="Why; kept in the record.")],
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take an approval back from now on.

    Example: spiritsafe review revoke 3 --rationale "the memo was withdrawn"
    """
    with connect() as client:
        request = review_pb2.RevokeReviewRequest(name=review_name(review, namespace), rationale=rationale)
        output.print_one(form, client.reviews.RevokeReview(request).review)
