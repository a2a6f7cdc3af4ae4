"""Sentence templates and word pools of the support desk: complete, and nothing shared between the splits."""

import string
from collections.abc import Iterable

import pytest

from distill.environments.base import Split
from distill.environments.pools import pool
from distill.environments.support_desk import dialogue
from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import BASIC_TOOLS, TOOLS

SPLITS: tuple[Split, ...] = ("train", "heldout")
IDS = {"customer_id", "order_id", "ticket_id"}


def parameters(tool: str) -> set[str]:
    return set(TOOLS[tool].parameter_names)


def slots(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


def slot_sets(templates: Iterable[str]) -> list[set[str]]:
    """The different sets of slots among templates."""
    found: list[set[str]] = []
    for each in map(slots, templates):
        found += [] if each in found else [each]
    return found


def wording(template: str) -> tuple[str, ...]:
    kept = "".join(char for char in template.lower() if char not in set(string.punctuation) - set("{}_"))
    return tuple(kept.split())


def templates(split: Split) -> list[str]:
    groups = [*call_templates(split).values(), *talk_templates(split).values(), tuple(dialogue.every_sentence(split))]
    return [template for group in groups for template in group]


def test_templates_are_disjoint_in_wording() -> None:
    train, heldout = ({wording(template) for template in templates(split)} for split in SPLITS)
    assert len(train) > 1500
    assert len(heldout) > 100
    assert not train & heldout
    assert not set(map(frozenset, train)) & set(map(frozenset, heldout))


@pytest.mark.parametrize(("split", "least"), [("train", 8), ("heldout", 4)])
def test_requests_name_every_argument(split: Split, least: int) -> None:
    groups = call_templates(split)
    assert set(groups) == set(BASIC_TOOLS)
    for tool, group in groups.items():
        assert len(group) >= least
        assert slot_sets(group) == [parameters(tool)]


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_name_every_argument_and_another_value(split: Split) -> None:
    for tool, group in dialogue.pair_templates(split).items():
        assert slot_sets(group) == [parameters(tool) | {"other"}]


@pytest.mark.parametrize("split", SPLITS)
def test_follow_ups_name_all_but_the_thing_spoken_of(split: Split) -> None:
    groups = dialogue.follow_up_templates(split)
    assert set(groups) == {tool for tool in BASIC_TOOLS if parameters(tool) & IDS}
    for tool, group in groups.items():
        assert slot_sets(group) == [parameters(tool) - IDS]


@pytest.mark.parametrize("split", SPLITS)
def test_gaps_name_all_but_what_is_missing(split: Split) -> None:
    for gap in dialogue.gaps(split):
        assert gap.missing in parameters(gap.tool)
        assert gap.missing in dialogue.WORDS
        assert slot_sets(gap.sentences) == [parameters(gap.tool) - {gap.missing}]
    for reply in dialogue.replies(split):
        assert {"value"} <= slots(reply) <= {"value", "word"}


@pytest.mark.parametrize("split", SPLITS)
def test_chains_name_all_but_the_link(split: Split) -> None:
    for chain in dialogue.CHAINS:
        assert chain.link in parameters(chain.second) & IDS
        assert slot_sets(chain.sentences(split)) == [
            (parameters(chain.first) | parameters(chain.second)) - {chain.link}
        ]


@pytest.mark.parametrize("split", SPLITS)
def test_refunds_that_cannot_be_name_every_argument(split: Split) -> None:
    for group in (dialogue.less_templates(split), dialogue.fallback_templates(split)):
        assert slot_sets(group) == [parameters("create_refund")]


def test_both_splits_ask_for_the_same_things() -> None:
    train, heldout = SPLITS
    assert set(dialogue.pair_templates(train)) == set(dialogue.pair_templates(heldout))
    gaps = [[(gap.tool, gap.missing) for gap in dialogue.gaps(split)] for split in SPLITS]
    assert gaps[0] == gaps[1]
    assert len(set(gaps[0])) == len(gaps[0])
    assert set(talk_templates(train)) == set(talk_templates(heldout))


@pytest.mark.parametrize("split", SPLITS)
def test_every_sentence_is_every_sentence(split: Split) -> None:
    groups = [
        *dialogue.pair_templates(split).values(),
        *dialogue.follow_up_templates(split).values(),
        *(gap.sentences for gap in dialogue.gaps(split)),
        *(chain.sentences(split) for chain in dialogue.CHAINS),
        *(dialogue.less_templates(split), dialogue.fallback_templates(split)),
        *(dialogue.joints(split), dialogue.replies(split)),
    ]
    assert sorted(dialogue.every_sentence(split)) == sorted(sentence for group in groups for sentence in group)


def test_pools_are_disjoint() -> None:
    train, heldout = pool("train"), pool("heldout")
    for field in ("first_names", "last_names", "cities", "items", "subjects", "notes"):
        left, right = getattr(train, field), getattr(heldout, field)
        assert len(set(left)) == len(left)
        assert len(set(right)) == len(right)
        assert not set(left) & set(right), field
