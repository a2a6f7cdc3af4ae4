"""The demo's second half: verdicts, refusals, a second pair of eyes, a release, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from cli import evaluations, lineage, output
from cli.promotions import print_promotion
from cli.tour import duties
from cli.tour.actors import Actor
from cli.tour.narrator import Narrator
from spiritsafe.client import Client
from spiritsafe.errors import PermissionDenied
from spiritsafe.registry.v1 import (
    artifact_pb2,
    audit_pb2,
    licensing_pb2,
    promotion_pb2,
    review_pb2,
    version_pb2,
)
from spiritsafe.rpc.names import ChannelName, VersionName, shorten

STAGE = "production"
PERMISSIVE = "apache-2.0"
NONCOMMERCIAL = "cc-by-nc-4.0"
FLOWDOWN_FILE = "USE_RESTRICTIONS.md"
COMMERCIAL = licensing_pb2.CONTEXT_COMMERCIAL
RESEARCH = licensing_pb2.CONTEXT_RESEARCH
RATIONALE = (
    "Demonstration with stand-ins: the lineage is simulated, and no published model is involved. With real weights a "
    "reviewer decides on counsel's opinion about both questions, and names its digest as evidence."
)
ANSWERS = (
    "Assumed not, for this demonstration only: executed calls, no text of the teacher's.",
    "Assumed to be permitted, for this demonstration only: no commercial product is built.",
)


def verdict(client: Client, name: str, context: licensing_pb2.Context.ValueType, outbound: str = "") -> str:
    """The verdict of a version in one context."""
    return _evaluate(client, name, [context], outbound)[0]["verdict"]  # type: ignore[no-any-return] # JSON data


def _evaluate(
    client: Client, name: str, contexts: Sequence[licensing_pb2.Context.ValueType] = (), outbound: str = ""
) -> list[output.Data]:
    request = licensing_pb2.EvaluateVersionRequest(name=name, contexts=contexts, outbound_license=outbound)
    return [output.to_data(one) for one in client.licenses.EvaluateVersion(request).evaluations]


def show_verdicts(narrator: Narrator, client: Client, name: str) -> dict[str, str]:
    """Shows a version in every context: context to verdict."""
    found = _evaluate(client, name)
    for one in found:
        evaluations.print_evaluation(one, narrator.console)
    return {one["context"]: one["verdict"] for one in found}


def promote(
    narrator: Narrator, actor: Actor, name: str, context: licensing_pb2.Context.ValueType, outbound: str, *states: str
) -> promotion_pb2.Promotion:
    """Tries to promote to production and shows the gate's answer, which must be one of ``states``."""
    request = promotion_pb2.PromoteVersionRequest(version=name, context=context, stage=STAGE, outbound_license=outbound)
    promotion = actor.client.promotions.PromoteVersion(request).promotion
    _show(narrator, promotion, *states)
    return promotion


def _show(narrator: Narrator, promotion: promotion_pb2.Promotion, *states: str) -> None:
    data = output.to_data(promotion)
    print_promotion(data, narrator.console)
    narrator.expect(f"{data['action']} of {shorten(promotion.version)}", data["state"], *states)


def restricted_material(
    narrator: Narrator, alice: Actor, teacher: str, traces: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The teacher's adapter and its traces: refused for commerce, free for research. Gives both verdicts by context."""
    narrator.step("Verdicts of the teacher's adapter and of its traces")
    of_teacher = show_verdicts(narrator, alice.client, teacher)
    of_traces = show_verdicts(narrator, alice.client, traces)
    narrator.expect("the teacher's commercial verdict", of_teacher["commercial"], "denied")
    narrator.expect("the traces' commercial verdict", of_traces["commercial"], "denied", "needs_review")
    narrator.step("Into commercial/production? Refused")
    for name in (teacher, traces):
        refused = promote(narrator, alice, name, COMMERCIAL, NONCOMMERCIAL, "denied", "awaiting_review")
        licenses = [one for reason in refused.evaluation.reasons for one in reason.licenses]
        narrator.expect_among("the licence behind the refusal", licenses, NONCOMMERCIAL)
    narrator.step("Into research/production? Accepted")
    for name in (teacher, traces):
        promote(narrator, alice, name, RESEARCH, "", "promoted")
    return of_teacher, of_traces


def refuse_permissive(narrator: Narrator, alice: Actor, student: str) -> str:
    """The student's release under a permissive licence is refused. Gives its verdict as such."""
    narrator.step(f"{shorten(student)} as {PERMISSIVE}? Denied: use restrictions flow down")
    refused = promote(narrator, alice, student, COMMERCIAL, PERMISSIVE, "denied")
    codes = {reason.code for reason in refused.evaluation.reasons}
    narrator.expect_among("the reason", codes, "OUTBOUND_LICENSE_INCOMPATIBLE")
    return verdict(alice.client, student, COMMERCIAL, PERMISSIVE)


def release_student(narrator: Narrator, alice: Actor, bob: Actor, student: str, outbound: str) -> str:
    """Takes the student to commercial/production, once another person has decided. Gives its verdict as released."""
    narrator.step(f"{shorten(student)} as {outbound}? Nobody has answered what the licences ask for")
    duties.expect_unmet(narrator, promote(narrator, alice, student, COMMERCIAL, outbound, "denied"))
    narrator.step("Duties become files, and a named person's word")
    duties.answer(narrator, alice, bob, student, outbound)
    narrator.step("A contested question remains")
    promote(narrator, alice, student, COMMERCIAL, outbound, "awaiting_review")
    reviews = request_reviews(narrator, alice, student, outbound)
    narrator.step("A second pair of eyes")
    refuse_own_approval(narrator, alice, reviews[0])
    approve(narrator, bob, reviews)
    narrator.step("Into commercial/production")
    promotion = promote(narrator, alice, student, COMMERCIAL, outbound, "promoted")
    _expect_mark(narrator, promotion.self_administered)
    duties.show(narrator, alice, student, outbound)
    return verdict(alice.client, student, COMMERCIAL, outbound)


def request_reviews(narrator: Narrator, alice: Actor, name: str, outbound: str) -> list[review_pb2.Review]:
    """Asks for a decision on every contested reason of a version."""
    request = review_pb2.RequestReviewsRequest(version=name, context=COMMERCIAL, outbound_license=outbound)
    reviews = list(alice.client.reviews.RequestReviews(request).reviews)
    narrator.require(bool(reviews), "reviews opened", "none", "at least one")
    for review in reviews:
        narrator.say(f"{alice.identity} asks for a decision on {_subject(review)}:")
        for question in review.questions:
            narrator.say(f"  ? {question}")
    return reviews


def _subject(review: review_pb2.Review) -> str:
    return f"{review.code}, {review.license} of {shorten(review.origin)}"


def refuse_own_approval(narrator: Narrator, alice: Actor, review: review_pb2.Review) -> None:
    """Alice registered the version: her own approval must be refused, although she holds the reviewer's role."""
    try:
        decided = _decide(alice, review)
    except PermissionDenied as error:
        narrator.say(f"{alice.identity} tries to approve it: refused, {error.reason}: {error.message}")
        narrator.expect("the reason of the refusal", error.reason, "FOUR_EYES")
        return
    state = output.enum_label(review_pb2.ReviewState.DESCRIPTOR, decided.state)
    narrator.expect("the registrant's own approval", state, "refused")


def approve(narrator: Narrator, bob: Actor, reviews: Sequence[review_pb2.Review]) -> None:
    """Bob approves each, with a rationale."""
    for review in reviews:
        decided = _decide(bob, review)
        state = output.enum_label(review_pb2.ReviewState.DESCRIPTOR, decided.state)
        mark = ", self-administered" if decided.self_administered else ""
        narrator.say(f"{decided.reviewer}: {state} {_subject(decided)}{mark}")
        narrator.say(f"  rationale: {decided.rationale}")
        narrator.expect("the decision", state, "approved")
        _expect_mark(narrator, decided.self_administered)


def _expect_mark(narrator: Narrator, self_administered: bool) -> None:
    narrator.require(self_administered, "who holds the tokens", "several persons", "the mark self-administered")


def _decide(actor: Actor, review: review_pb2.Review) -> review_pb2.Review:
    request = review_pb2.DecideReviewRequest(
        name=review.name,
        decision=review_pb2.REVIEW_DECISION_APPROVE,
        rationale=RATIONALE,
        answers=ANSWERS if len(review.questions) == len(ANSWERS) else (),
        etag=review.etag,
    )
    return actor.client.reviews.DecideReview(request).review


def show_lineage(narrator: Narrator, client: Client, name: str) -> None:
    narrator.step("Where the student comes from")
    found = lineage.read(client, VersionName.parse(name))
    narrator.console.print(lineage.tree(output.to_data(found)))


def second_version(narrator: Narrator, alice: Actor, bob: Actor, first: str, outbound: str) -> None:
    """Releases the same weights with the appendix of the first one's bundle, then rolls back and forward."""
    narrator.step(f"A second version: the same weights and {FLOWDOWN_FILE}")
    second = _register_second(narrator, alice, first, outbound)
    narrator.say("Bundles, attestations and reviews hold for one exact version, so this one needs its own:")
    duties.answer(narrator, alice, bob, second, outbound)
    promote(narrator, alice, second, COMMERCIAL, outbound, "awaiting_review")
    approve(narrator, bob, request_reviews(narrator, alice, second, outbound))
    promotion = promote(narrator, alice, second, COMMERCIAL, outbound, "promoted")
    narrator.say("An evaluation is of weights, so the first version's holds for this one:")
    reports = [shorten(report.name).partition("/")[0] for report in promotion.evaluation_reports]
    narrator.expect_among("the version whose evaluation counts", reports, shorten(first))
    narrator.say(f"  recorded on {', '.join(reports)}")
    narrator.step("Back, and forward again")
    channel = ChannelName(VersionName.parse(first).node, "commercial", STAGE)
    request = promotion_pb2.RollbackChannelRequest(name=str(channel))
    back = alice.client.promotions.RollbackChannel(request).promotion
    _show(narrator, back, "promoted")
    _expect_channel(narrator, alice.client, channel, first)
    promote(narrator, alice, second, COMMERCIAL, outbound, "promoted")
    _expect_channel(narrator, alice.client, channel, second)
    history = alice.client.promotions.ListPromotions(promotion_pb2.ListPromotionsRequest(parent=str(channel)))
    rows = [output.to_data(one) for one in history.promotions]
    columns = ("create_time", "action", "version", "state", "outbound_license", "actor")
    narrator.console.print(output.table(rows, columns, f"History of {channel.label}"))


def _expect_channel(narrator: Narrator, client: Client, channel: ChannelName, version: str) -> None:
    held = client.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=str(channel))).channel
    narrator.say(f"{channel.label} holds {shorten(held.version)}")
    narrator.expect(channel.label, shorten(held.version), shorten(version))


def _register_second(narrator: Narrator, alice: Actor, first: str, outbound: str) -> str:
    """Declares the first version's files and one of its bundle: nothing has to be uploaded."""
    client = alice.client
    original = client.versions.GetVersion(version_pb2.GetVersionRequest(name=first)).version
    text = duties.recorded_file(alice, first, outbound, FLOWDOWN_FILE)
    entry = version_pb2.FileEntry(path=text.path, size_bytes=len(text.content), sha256=text.sha256)
    declared = _declaration(original, [*original.files, entry])
    parent = str(VersionName.parse(first).node)
    draft = client.versions.CreateVersion(version_pb2.CreateVersionRequest(parent=parent, version=declared)).version
    missing = list(client.artifacts.ListMissingFiles(artifact_pb2.ListMissingFilesRequest(version=draft.name)).paths)
    narrator.say(f"{shorten(draft.name)} declares {len(declared.files)} files; to upload: {len(missing)}")
    narrator.expect("files to upload", ", ".join(missing), "")
    finalized = client.versions.FinalizeVersion(version_pb2.FinalizeVersionRequest(name=draft.name)).version
    return finalized.name


def _declaration(original: version_pb2.Version, files: Sequence[version_pb2.FileEntry]) -> version_pb2.Version:
    """What the first version declared, with other files."""
    declared = version_pb2.Version(
        kind=original.kind,
        description=original.description,
        tags=original.tags,
        files=[version_pb2.FileEntry(path=one.path, size_bytes=one.size_bytes, sha256=one.sha256) for one in files],
        edges=original.edges,
        lineage_completeness=original.lineage_completeness,
        stand_in=original.stand_in,
    )
    if original.HasField("declared_licenses"):
        declared.declared_licenses.CopyFrom(original.declared_licenses)
    return declared


def verify_audit(narrator: Narrator, client: Client) -> dict[str, object]:
    """Checks the whole chain."""
    narrator.step("The record of all this")
    result = client.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())
    narrator.say(f"{result.events} audit events, chain {'verified' if result.verified else result.problem}")
    narrator.require(result.verified, "the audit chain", result.problem, "a chain that holds")
    return {"events": result.events, "verified": result.verified}
