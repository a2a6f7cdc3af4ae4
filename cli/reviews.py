"""``spiritsafe review``."""

from __future__ import annotations

import json
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
    exact_version,
    invalid,
    namespace_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from cli.times import in_days
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import identity_pb2, review_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "version", "context", "code", "license", "origin", "state", "assignee", "reviewer", "expire_time")
GROUP_COLUMNS = ("name", "version", "context", "code", "license", "origin", "path")
MAX_BATCH = 1_000
DecisionArgument = Annotated[Literal["approve", "reject"], typer.Argument(help="The decision.")]
RationaleOption = Annotated[str, typer.Option(help="Why; kept in the record.")]
AnswerOption = Annotated[
    list[str] | None, typer.Option("--answer", help="Answers in the order of the questions; repeatable.")
]
EvidenceOption = Annotated[str, typer.Option("--evidence-sha256", help="Digest of the evidence that it rests on.")]
ExpireOption = Annotated[
    int, typer.Option("--expire-days", min=0, help="Days until it ends; 0 leaves it to the server.")
]
ReviewArgument = Annotated[str, typer.Argument(help="Id of the review, or its full resource name.")]

app = new_app("Human decisions on contested reasons: one reason of one exact version in one context each.")


def review_name(text: str, namespace: str = DEFAULT_NAMESPACE) -> str:
    return text if text.startswith("namespaces/") else f"{namespace_name(namespace)}/reviews/{text}"


@app.command("list")
def list_reviews(
    state: Annotated[
        Literal["open", "approved", "rejected", "revoked", "expired", "any"],
        typer.Option(help="Reviews in that state."),
    ] = "open",
    mine: Annotated[bool, typer.Option("--mine", help="Only those that I am asked to decide.")] = False,
    expiring_within: Annotated[
        int, typer.Option(min=0, help="Approvals in force that end within so many days; 0 for all.")
    ] = 0,
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List reviews, newest first; open ones unless told.

    Example: spiritsafe review list --expiring-within 30
    """
    request = review_pb2.ListReviewsRequest(parent=namespace_name(namespace))
    conditions = [condition] if condition else []
    if expiring_within:
        request.expires_before.CopyFrom(in_days(expiring_within))
    elif state != "any":
        conditions.append(f'state = "{state}"')
    with connect() as client:
        if mine:
            conditions.append(
                f"assignee = {json.dumps(client.identity.GetCaller(identity_pb2.GetCallerRequest()).identity)}"
            )
        request.filter = " AND ".join(conditions)
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


@app.command("assign")
def assign(
    review: ReviewArgument,
    assignee: Annotated[str, typer.Argument(help="Who is asked to decide; an empty text takes it back.")],
    note: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Ask somebody to decide a review. Another reviewer may decide it all the same.

    Example: spiritsafe review assign 3f2a bob --note "knows the agreement with the licensor"
    """
    with connect() as client:
        name = review_name(review, namespace)
        current = client.reviews.GetReview(review_pb2.GetReviewRequest(name=name)).review
        request = review_pb2.AssignReviewRequest(name=name, assignee=assignee, note=note, etag=current.etag)
        output.print_one(form, client.reviews.AssignReview(request).review)


@app.command("decide")
def decide(
    review: ReviewArgument,
    decision: DecisionArgument,
    rationale: RationaleOption,
    answer: AnswerOption = None,
    evidence_sha256: EvidenceOption = "",
    expire_days: ExpireOption = 0,
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
            decision=_decision(decision),
            rationale=rationale,
            answers=answer or [],
            evidence_sha256=evidence_sha256,
            expire_time=in_days(expire_days) if expire_days else None,
            etag=current.etag,
        )
        output.print_one(form, client.reviews.DecideReview(request).review)


@app.command("decide-group")
def decide_group(
    group: Annotated[str, typer.Argument(help="The `group` that reviews show.")],
    decision: DecisionArgument,
    rationale: RationaleOption,
    answer: AnswerOption = None,
    evidence_sha256: EvidenceOption = "",
    expire_days: ExpireOption = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deciding.")] = False,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    form: FormatOption = Format.TABLE,
) -> None:
    """Decide all open reviews of a group at once: the same reason, licence and path in the same context.

    Shows them first and asks. All are decided or none.

    Example: spiritsafe review decide-group 9c41 approve --rationale "memo of 12 May" --answer no --answer no
    """
    parent = namespace_name(namespace)
    request = review_pb2.ListReviewsRequest(parent=parent, filter=f'state = "open" AND group = {json.dumps(group)}')
    with connect() as client:
        found = list(every(client.reviews.ListReviews, request, "reviews", MAX_BATCH))
        if not found:
            raise invalid("group", f"no open review belongs to {group}", "spiritsafe review show tells the group")
        if not yes:
            output.notices().print(output.table([output.to_data(one) for one in found], GROUP_COLUMNS))
            typer.confirm(f"{decision} these {len(found)}?", abort=True, err=True)
        batch = review_pb2.BatchDecideReviewsRequest(
            parent=parent,
            names=[one.name for one in found],
            decision=_decision(decision),
            rationale=rationale,
            answers=answer or [],
            evidence_sha256=evidence_sha256,
            expire_time=in_days(expire_days) if expire_days else None,
        )
        output.print_list(form, "reviews", client.reviews.BatchDecideReviews(batch).reviews, COLUMNS)


def _decision(text: str) -> review_pb2.ReviewDecision.ValueType:
    return review_pb2.ReviewDecision.Value(f"REVIEW_DECISION_{text.upper()}")


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
