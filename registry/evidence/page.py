"""The report as one HTML page for people: no script, no outside request, printable. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from registry.evidence.completeness import Completeness
from registry.evidence.facts import (
    DISCLAIMER,
    AgreementFact,
    Dossier,
    EvaluationFact,
    Item,
    LicenceFact,
    ReasonFact,
    ReviewFact,
    stamp,
)
from registry.evidence.markup import Markup, bullets, facts, join, table, tag

MAX_INDENT = 20
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2329; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ccd; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { color: #56606b; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } th, td { text-align: left; vertical-align: top;
padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #e3e6ea; } dd, td, li { overflow-wrap: anywhere; }
.note { background: #f4f5f7; border-left: 4px solid #8893a0; padding: .5rem .8rem; }
.verdict { font-weight: 600; padding: 0 .4rem; border: 1px solid currentColor; white-space: nowrap; }
.allowed, .allowed_with_obligations, .promoted, .approved { color: #146c2e; }
.needs_review, .awaiting_review, .open { color: #8a5300; }
.denied, .rejected, .revoked { color: #a3161f; } .small { color: #56606b; font-size: .9rem; }
ul.tree { list-style: none; padding-left: 0; } ul.tree li { border-left: 1px solid #b9c0c8; padding-left: .6rem; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } tr, li { break-inside: avoid; } }
"""


def render(dossier: Dossier, completeness: Completeness) -> str:
    """The page, complete in itself."""
    title = f"{dossier.item.public_name}, version {dossier.item.number}"
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            tag("title", f"Licence report: {title}"),
            tag("style", Markup(_STYLE)),
        ]
    )
    body = [tag("h1", f"Licence report: {title}"), tag("p", DISCLAIMER, class_="note")]
    body += [join([tag("h2", name), *content]) for name, content in _sections(dossier, completeness) if content]
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", *body), lang="en") + "\n"


def _sections(dossier: Dossier, completeness: Completeness) -> Iterator[tuple[str, list[Markup]]]:
    yield "Subject", [_subject(dossier)]
    yield "Verdicts", [_verdict(each) for each in dossier.evaluations]
    yield "Lineage", [tag("ul", *_tree(dossier), class_="tree")]
    yield "Licences", [_licence(dossier, each) for each in dossier.licences.values()]
    yield "Obligations", [_duties(dossier)]
    yield "Decisions", _decisions(dossier)
    yield "Evaluations", [_scores(dossier)] if dossier.measurements else []
    yield "Promotions", [_promotions(dossier)]
    yield "Files", [_files(item) for item in dossier.items.values() if item.files]
    yield "Completeness", _completeness(completeness)


def _subject(dossier: Dossier) -> Markup:
    item = dossier.item
    return facts(
        [
            ("Public name", item.public_name),
            ("Version", item.name),
            ("Kind", item.kind),
            ("Description", dossier.description),
            ("Manifest SHA-256", item.digest),
            ("Registered", f"{stamp(item.create_time)} by {item.creator}"),
            ("Source", f"{item.source_repo} {item.source_revision}".strip()),
            ("Base family", item.base_family),
            ("Released under", dossier.outbound or "its declared licences"),
            ("Stand-in", "yes: its lineage is simulated, and it must not be deployed" if item.stand_in else ""),
            ("State of licence data", f"epoch {dossier.epoch}, {_policy(dossier)}, read {stamp(dossier.at)}"),
            ("Registry's key", dossier.key_id),
        ]
    )


def _policy(dossier: Dossier) -> str:
    revisions = sorted({one.policy_revision for one in dossier.evaluations})
    return "policy " + ", ".join(f"revision {each}" if each else "as shipped" for each in revisions)


def _verdict(one: EvaluationFact) -> Markup:
    outbound = f" as {one.outbound}" if one.outbound else ""
    until = f" Holds until {stamp(one.valid_until)} at most." if one.valid_until else ""
    parts = [tag("h3", f"{one.context}{outbound}: ", _badge(one.verdict))]
    parts += [_reason(reason) for reason in one.reasons]
    if not one.reasons:
        parts.append(tag("p", "No licence term stands in the way." + until))
    elif until:
        parts.append(tag("p", until.strip()))
    return join(parts)


def _reason(reason: ReasonFact) -> Markup:
    return tag(
        "div",
        tag("p", reason.sentence),
        facts(
            [
                ("Code", f"{reason.code} ({reason.status})"),
                ("Licence", ", ".join(reason.licenses)),
                ("Clause", reason.clause),
                ("Path", " → ".join(reason.path)),
                ("Policy", reason.policy),
                ("What helps", reason.remedy),
                ("Confidence of the profile", reason.confidence),
            ]
        ),
    )


def _badge(word: str) -> Markup:
    return tag("span", word.replace("_", " "), class_=f"verdict {word}")


def _tree(dossier: Dossier) -> Iterator[Markup]:
    """Depth first. An item met a second time is only named: a diamond costs its edges, not its paths."""
    shown: set[str] = set()
    waiting = [(dossier.subject, "", 0)]
    while waiting:
        name, edge, depth = waiting.pop()
        again = name in shown
        shown.add(name)
        yield _leaf(dossier.items[name], edge, depth, again=again)
        if not again:
            inner = [(link.parent, link.type.value, depth + 1) for link in dossier.parents(name)]
            waiting += reversed(inner)


def _leaf(item: Item, edge: str, depth: int, *, again: bool) -> Markup:
    rest = " (see above)" if again else f" {_about(item)}"
    label = [tag("span", f"{edge} ", class_="small")] if edge else []
    indent = f"margin-left: {min(depth, MAX_INDENT) * 1.4:.1f}rem"
    return tag("li", *label, tag("strong", item.short), rest, style=indent)


def _about(item: Item) -> str:
    marks = [item.public_name, item.kind, ", ".join(item.effective) or "no licence of its own"]
    marks += ["stand-in"] if item.stand_in else []
    marks += ["lineage incomplete by its publisher's account"] if item.lineage_completeness == "partial" else []
    marks += ["details withheld: another namespace"] if item.withheld else []
    return " · ".join(marks)


def _licence(dossier: Dossier, licence: LicenceFact) -> Markup:
    holders = {
        kind: [item.short for item in dossier.items.values() if licence.id in (getattr(item, kind) or ())]
        for kind in ("declared", "detected", "concluded")
    }
    clauses = [
        (each.code, f"when: {each.trigger}" if each.trigger else "limitation", each.detail) for each in licence.clauses
    ]
    parts = [
        tag("h3", licence.id),
        facts(
            [
                ("Profile", "" if licence.known else "none; treated as unknown"),
                ("Category", licence.category),
                *((kind.capitalize(), ", ".join(names)) for kind, names in holders.items()),
                ("Evidence", "; ".join(licence.evidence)),
                ("Confidence", licence.confidence),
                ("Notes", licence.notes),
            ]
        ),
    ]
    return join([*parts, *([table(("Code", "Applies", "Clause"), clauses)] if clauses else [])])


def _duties(dossier: Dossier) -> Markup:
    rows = [(one.context, duty.code, duty.trigger, duty.detail) for one in dossier.evaluations for duty in one.duties]
    return table(("Context", "Duty", "Trigger", "Detail"), rows) if rows else tag("p", "None.")


def _decisions(dossier: Dossier) -> list[Markup]:
    parts = [_review(review) for review in dossier.reviews]
    parts += [_agreement(agreement, dossier.at) for agreement in dossier.agreements]
    for one in dossier.conclusions:
        who = f"by {one.actor} at {stamp(one.time)}"
        parts += [
            tag("h3", f"Conclusion on {one.version}"),
            facts([("Licences", ", ".join(one.licenses) or "none of its own"), ("Who", who), ("Why", one.rationale)]),
        ]
    return parts or [tag("p", "No review, agreement or conclusion is recorded.")]


def _review(review: ReviewFact) -> Markup:
    answers = zip(review.questions, review.answers, strict=False)
    decided = f"{review.reviewer} at {stamp(review.decide_time)}" if review.decide_time else "not decided"
    return join(
        [
            tag("h3", f"Review of {review.code} in {review.context}: ", _badge(review.state)),
            facts(
                [
                    ("Licence", f"{review.license} of {review.origin}"),
                    ("Who", decided + (" (self-administered)" if review.self_administered else "")),
                    ("Why", review.rationale),
                    *((question, answer) for question, answer in answers),
                    ("Evidence SHA-256", review.evidence_sha256),
                    ("Asked for by", f"{review.requester} at {stamp(review.create_time)}"),
                    ("Expires", stamp(review.expire_time) if review.expire_time else ""),
                    ("Record", review.name),
                ]
            ),
        ]
    )


def _agreement(one: AgreementFact, at: int) -> Markup:
    in_force = one.revoke_time is None and one.start_time <= at < one.end_time
    return join(
        [
            tag("h3", f"Agreement with {one.licensor}: {'in force' if in_force else 'not in force'}"),
            facts(
                [
                    ("Waives", one.license),
                    ("Contexts", ", ".join(one.contexts)),
                    ("Term", f"{stamp(one.start_time)} to {stamp(one.end_time)}"),
                    ("Revoked", stamp(one.revoke_time) if one.revoke_time else ""),
                    ("Reference", one.reference),
                    ("Evidence SHA-256", one.evidence_sha256),
                    ("Who", f"{one.creator} at {stamp(one.create_time)}"),
                    ("Record", one.name),
                ]
            ),
        ]
    )


def _scores(dossier: Dossier) -> Markup:
    rows = [
        (
            score.category,
            f"{score.candidate_exact} of {score.count}",
            f"{score.baseline_exact} of {score.count}",
            f"{score.difference:+.1%} ({score.low:+.1%} to {score.high:+.1%})",
            one.dataset,
        )
        for one in dossier.measurements
        for score in one.scores
    ]
    return table(("Category", "Exact", "Untouched base", "Difference (95 %)", "Scenarios"), rows)


def _promotions(dossier: Dossier) -> Markup:
    rows = [
        (
            stamp(one.time),
            one.channel,
            one.action,
            _badge(one.state),
            one.outbound,
            one.verdict.replace("_", " "),
            ", ".join(one.failed),
            one.actor + (" (self-administered)" if one.self_administered else ""),
        )
        for one in dossier.promotions
    ]
    columns = ("When", "Channel", "Action", "Outcome", "Released as", "Verdict then", "Failed checks", "Who")
    return table(columns, rows) if rows else tag("p", "It was never proposed for a channel.")


def _files(item: Item) -> Markup:
    rows = [(file.path, f"{file.size_bytes:,}", file.sha256) for file in item.files]
    return join([tag("h3", item.short), table(("File", "Bytes", "SHA-256"), rows)])


def _completeness(completeness: Completeness) -> list[Markup]:
    data = completeness.as_data()
    parts = [tag("p", f"{data['score']} % of the elements of: {data['framework']}. {data['note']}")]
    for cluster, answers in groupby(completeness.answers, lambda answer: answer.element.cluster):
        group = list(answers)
        missing = [
            f"{one.element.name} ({'no record' if one.element.check else 'a person must say'}: "
            f"tag sbom.{one.element.id})"
            for one in group
            if not one.present
        ]
        parts.append(tag("h3", f"{cluster}: {len(group) - len(missing)} of {len(group)}"))
        parts += [bullets(missing)] if missing else []
    return parts
