"""Model cards: README.md with the front matter that hubs read, scores, and the licence outcome. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spiritsafe.distill.v1 import run_pb2
from spiritsafe.hub.cards import NO_LINK, HubLicense, lacks_link, license_fields

_STAND_IN = (
    "> **Stand-in.** These weights are a tiny checkpoint of the real architecture, made for trying the software. "
    "Their lineage is simulated: they are not derived from the models named here, and are not for use."
)
_NOT_ADVICE = "A written policy applied to recorded facts, not legal advice; the registry holds the current outcome."


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card tells. ``relation`` is the hub's word for the tie to ``base_models``: adapter or finetune."""

    title: str
    summary: str
    licenses: Sequence[HubLicense]
    base_models: Sequence[str]
    relation: str
    datasets: Sequence[str]
    stand_in: bool
    scores: Sequence[run_pb2.Score] = ()
    outcomes: Sequence[run_pb2.LicenseOutcome] = ()


def render_card(card: Card, paths: Iterable[str] = ()) -> str:
    """The text of README.md, beside the files of ``paths``; the same card gives the same bytes."""
    parts = [
        "\n".join(["---", *_front_matter(card, paths), "---"]),
        f"# {card.title}",
        *([_STAND_IN] if card.stand_in else []),
        card.summary,
        *_scores(card.scores),
        *_outcomes(card.outcomes),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(card: Card, paths: Iterable[str]) -> Iterator[str]:
    yield from license_lines(card.licenses, paths)
    yield from yaml_list("base_model", card.base_models)
    yield f"base_model_relation: {card.relation}"
    yield from yaml_list("datasets", card.datasets)
    yield from yaml_list("tags", ["tool-calling", "distilled", *(["stand-in"] if card.stand_in else [])])


def license_lines(licenses: Sequence[HubLicense], paths: Iterable[str]) -> Iterator[str]:
    """The front matter's lines about licences, beside the files of ``paths``."""
    # JSON strings are YAML strings, whatever characters a name has.
    fields = license_fields(licenses, paths)
    yield from (f"{key}: {json.dumps(value)}" for key, value in fields.items())
    if lacks_link(fields):
        yield f"# {NO_LINK}"


def yaml_list(key: str, values: Sequence[str]) -> Iterator[str]:
    """The front matter's lines of a list, none where it is empty."""
    if values:
        yield f"{key}:"
        yield from (f"- {json.dumps(value)}" for value in values)


def _scores(scores: Sequence[run_pb2.Score]) -> Iterator[str]:
    if not scores:
        return
    yield "## Held-out scenarios answered exactly"
    rows = [
        f"| {one.subject} | {one.category} | {one.exact} of {one.count} | {one.low:.1%} to {one.high:.1%} |"
        for one in scores
    ]
    yield "\n".join(["| subject | category | exact | Wilson 95 % interval |", "|---|---|---|---|", *rows])


def _outcomes(outcomes: Sequence[run_pb2.LicenseOutcome]) -> Iterator[str]:
    if not outcomes:
        return
    yield "## Licence outcome at registration"
    rows = [f"| {one.context} | {one.verdict} | {', '.join(one.reasons) or 'none'} |" for one in outcomes]
    yield "\n".join(["| context | verdict | reasons |", "|---|---|---|", *rows])
    yield _NOT_ADVICE
