"""Model cards."""

from __future__ import annotations

from dataclasses import replace

import yaml

from distill.release.card import Card, render_card
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.hub.cards import HubLicense

CARD = Card(
    title="acme/Student",
    summary="A student.",
    licenses=[HubLicense("apache-2.0", "apache-2.0")],
    base_models=["Qwen/Qwen3-8B"],
    relation="finetune",
    datasets=["traces"],
    stand_in=False,
    scores=[run_pb2.Score(subject="student", category="single", count=100, exact=93, low=0.862, high=0.966)],
    outcomes=[run_pb2.LicenseOutcome(subject="student", context="commercial", verdict="denied", reasons=["A", "B"])],
)


def front_matter(text: str) -> dict[str, object]:
    _, head, _ = text.split("---\n", 2)
    values: dict[str, object] = yaml.safe_load(head)
    return values


def test_front_matter_is_yaml_as_hubs_read_it() -> None:
    assert front_matter(render_card(CARD)) == {
        "license": "apache-2.0",
        "base_model": ["Qwen/Qwen3-8B"],
        "base_model_relation": "finetune",
        "datasets": ["traces"],
        "tags": ["tool-calling", "distilled"],
    }


def test_several_licences_or_none() -> None:
    both = replace(CARD, licenses=[HubLicense("cc-by-nc-4.0", "cc-by-nc-4.0"), HubLicense("x: y", "")])
    fields = front_matter(render_card(both, ["LICENSE", "config.json"]))
    assert (fields["license"], fields["license_name"]) == ("other", "cc-by-nc-4.0-and-x-y")
    assert fields["license_link"] == "LICENSE"
    assert "license" not in front_matter(render_card(replace(CARD, licenses=[])))


def test_a_licence_that_the_hub_does_not_know_is_other_and_asks_for_a_link() -> None:
    deepseek = replace(CARD, licenses=[HubLicense("deepseek-model-1.0", "other (license_name: deepseek)")])
    text = render_card(deepseek)
    fields = front_matter(text)
    assert (fields["license"], fields["license_name"], "license_link" in fields) == ("other", "deepseek", False)
    assert "# license_link: the hub asks for one" in text


def test_scores_and_outcomes_are_told() -> None:
    text = render_card(CARD)
    assert "| student | single | 93 of 100 | 86.2% to 96.6% |" in text
    assert "| commercial | denied | A, B |" in text
    assert "not legal advice" in text


def test_stand_ins_are_labelled() -> None:
    text = render_card(replace(CARD, stand_in=True))
    assert "**Stand-in.**" in text
    assert "stand-in" in front_matter(text)["tags"]  # type: ignore[operator]  # a list
    assert "Stand-in" not in render_card(CARD)


def test_nothing_is_said_where_nothing_is_known() -> None:
    text = render_card(replace(CARD, scores=(), outcomes=()))
    assert "##" not in text
