"""From obligations to files: what is in them, byte for byte, and what is told to be missing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.duties.bundle import Bundle, compose
from registry.duties.digest import obligations_digest
from registry.duties.facts import Facts
from tests.registry.duties.lineages import (
    APACHE_TEXT,
    DUTIES,
    FACTS,
    HOUSE_TEXT,
    LLAMA,
    LLAMA_TEXT,
    QWEN,
    STUDENT,
    XLAM,
    duty,
    knows_house,
    knows_nothing,
    origin,
    paper,
    with_papers,
)

NOTICE = """Notices that accompany acme/Llama-desk (student@1)

Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright (c) Meta Platforms, Inc. All Rights Reserved.

From NOTICE of llama@1:

Made by many hands.
"""
ATTRIBUTION = """# Attribution

acme/Llama-desk (student@1) rests on the following works.

## Llama 3.1 8B Instruct (llama@1)

* made by: meta-llama
* source: meta-llama/Llama-3.1-8B-Instruct@abc
* licence: llama3.1
* changes: xlam@1 is fine-tuned from it

## qwen3 (qwen3@1)

* made by: Qwen
* source: Qwen/Qwen3-8B
* licence: apache-2.0
* changes: student@1 is merged from it

## Salesforce/Llama-xLAM-2-8b-fc-r (xlam@1)

* made by: Salesforce
* source: not recorded
* licence: cc-by-nc-4.0 <https://creativecommons.org/licenses/by-nc/4.0/>
* changes: student@1 is trained on texts sampled from it
"""
DISPLAY = """# Lines to display

Who distributes acme/Llama-desk (student@1) or a product with it must show:

* llama3.1: "Built with Llama"
  * where: prominently on a related website, user interface, blog post, about page or product documentation (unverified)
  * clause: display "Built with Llama" (1.b.i.B)
"""
USE_RESTRICTIONS = """# Use restrictions

This appendix is part of the licence of this release (house). Whoever receives acme/Llama-desk (student@1), or a work \
made from it, may use it and pass it on only within the use restrictions of the licences below. They bind each \
recipient as an enforceable provision, and whoever passes the work on must put the same restrictions on its recipients \
and give them this appendix.

## llama3.1

They come from llama@1. Clause: clause 1.

The whole text is LICENSES/llama3.1.txt. Of it:

> Attachment A
> 1. Do no harm.
"""
CHANGES = """# Changes

The files of acme/Llama-desk (student@1) were modified: they differ from those of the works that they were made from.

* student@1: merged from qwen3@1; trained on texts sampled from xlam@1
* xlam@1: fine-tuned from llama@1
"""


def manifest(bundle: Bundle) -> dict[str, object]:
    data: dict[str, object] = json.loads(bundle.files["bundle.json"])
    return data


def answers(bundle: Bundle) -> dict[str, tuple[list[str], bool]]:
    """Files and completeness of each duty, as bundle.json has them."""
    duties = json.loads(bundle.files["bundle.json"])["duties"]
    return {each["code"]: (each["files"], each["complete"]) for each in duties}


def test_every_byte_of_a_whole_bundle() -> None:
    bundle = compose(FACTS, knows_house)
    written = {path: content for path, content in bundle.files.items() if path != "bundle.json"}
    assert written == {
        "ATTRIBUTION.md": ATTRIBUTION.encode(),
        "CHANGES.md": CHANGES.encode(),
        "DISPLAY.md": DISPLAY.encode(),
        "LICENSES/apache-2.0.txt": APACHE_TEXT,
        "LICENSES/house.txt": HOUSE_TEXT,
        "LICENSES/llama3.1.txt": LLAMA_TEXT,
        "NOTICE": NOTICE.encode(),
        "USE_RESTRICTIONS.md": USE_RESTRICTIONS.encode(),
    }
    assert bundle.missing == ()


def test_the_list_names_each_duty_with_its_files_and_each_text_with_its_source() -> None:
    bundle = compose(FACTS, knows_house)
    assert answers(bundle) == {
        "ATTRIBUTION:cc-by-nc-4.0": (["ATTRIBUTION.md"], True),
        "AUP:llama3.1": ([], True),
        "DISPLAY_NOTICE:llama3.1": (["DISPLAY.md"], True),
        "LICENSE_COPY:apache-2.0": (["LICENSES/apache-2.0.txt"], True),
        "LICENSE_COPY:cc-by-nc-4.0": (["ATTRIBUTION.md"], True),
        "LICENSE_COPY:llama3.1": (["LICENSES/llama3.1.txt"], True),
        "NOTICE_FILE:llama3.1": (["NOTICE"], True),
        "RETAIN_NOTICES:apache-2.0": ([], True),
        "STATE_CHANGES:apache-2.0": (["CHANGES.md"], True),
        "USE_RESTRICTION_FLOWDOWN:llama3.1": (["LICENSES/llama3.1.txt", "USE_RESTRICTIONS.md"], True),
    }
    texts = json.loads(bundle.files["bundle.json"])["texts"]
    sources = {(each["path"], each["confidence"]): each["source"] for each in texts}
    # A file that is called LICENSE may hold another licence than the declared one.
    assert sources["LICENSES/llama3.1.txt", "derived"].startswith("LICENSE of llama@1, sha256 ")
    assert sources["LICENSES/house.txt", "secondary"] == "a database"
    assert ("NOTICE", "verified") in sources
    assert manifest(bundle)["obligations_digest"] == obligations_digest(FACTS)


@given(st.permutations(list(FACTS.origins.items())), st.permutations(DUTIES))
def test_the_same_facts_give_the_same_bytes_in_any_order(
    origins: list[tuple[str, object]], duties: list[object]
) -> None:
    shuffled = replace(FACTS, origins=dict(origins))  # type: ignore[arg-type] # as they were
    assert compose(shuffled, knows_house).files == compose(FACTS, knows_house).files
    reordered = replace(shuffled, duties=tuple(duties))  # type: ignore[arg-type] # likewise
    assert obligations_digest(reordered) == obligations_digest(FACTS)


def test_what_cannot_be_supplied_is_told_with_where_to_get_it() -> None:
    bare = with_papers(with_papers(FACTS, LLAMA), QWEN)
    bundle = compose(bare, knows_nothing)
    missing = {each.path: each for each in bundle.missing}
    assert set(missing) == {"LICENSES/apache-2.0.txt", "LICENSES/house.txt", "LICENSES/llama3.1.txt"}
    assert missing["LICENSES/llama3.1.txt"].duties == ("LICENSE_COPY:llama3.1", "USE_RESTRICTION_FLOWDOWN:llama3.1")
    for place in ("models/llama3_1/LICENSE of github.com/meta-llama", "meta-llama/Llama-3.1-8B-Instruct", "[detect]"):
        assert place in missing["LICENSES/llama3.1.txt"].detail
    assert missing["LICENSES/house.txt"].duties == ()
    found = answers(bundle)
    assert found["LICENSE_COPY:llama3.1"] == ([], False)
    assert found["USE_RESTRICTION_FLOWDOWN:llama3.1"] == (["USE_RESTRICTIONS.md"], False)
    assert found["LICENSE_COPY:cc-by-nc-4.0"] == (["ATTRIBUTION.md"], True)
    assert b"could not be supplied here and must be added" in bundle.files["USE_RESTRICTIONS.md"]


def test_each_work_under_a_licence_with_its_own_copyright_line_brings_its_text() -> None:
    one = origin(LLAMA, ("mit",), papers=(paper("LICENSE", "Copyright (c) 2024 Ann\nMIT words"),))
    two = origin(XLAM, ("mit",), papers=(paper("LICENSE.txt", "Copyright (c) 2025 Bob\nMIT words"),))
    bare = origin(QWEN, ("mit",))
    facts = replace(FACTS, outbound="", duties=(duty("LICENSE_COPY", "mit", LLAMA, XLAM),))
    facts = replace(facts, origins={each.name: each for each in (facts.subject, one, two, bare)})
    whole = compose(facts, knows_nothing)
    assert whole.missing == ()
    assert answers(whole) == {"LICENSE_COPY:mit": (["LICENSES/mit.txt", "LICENSES/mit.2.txt"], True)}
    assert b"* copyright: Copyright (c) 2024 Ann\n" in whole.files["ATTRIBUTION.md"]
    lacking = compose(replace(facts, duties=(duty("LICENSE_COPY", "mit", LLAMA, XLAM, QWEN),)), knows_nothing)
    assert [each.detail.startswith("the text of qwen3@1, with its copyright") for each in lacking.missing] == [True]


def test_a_file_by_the_licences_name_wins_and_two_licences_need_one_each() -> None:
    both = origin(
        LLAMA, ("llama3", "llama3.1"), papers=(paper("LICENSE", "which?"), paper("LICENSES/llama3.1.md", "3.1"))
    )
    duties = (duty("LICENSE_COPY", "llama3", LLAMA), duty("LICENSE_COPY", "llama3.1", LLAMA))
    facts = replace(FACTS, outbound="", duties=duties, origins={STUDENT: FACTS.subject, LLAMA: both})
    bundle = compose(facts, knows_nothing)
    assert bundle.files["LICENSES/llama3.1.txt"] == b"3.1"
    assert [each.path for each in bundle.missing] == ["LICENSES/llama3.txt"]
    assert answers(bundle)["LICENSE_COPY:llama3"] == ([], False)


@pytest.mark.parametrize(
    ("facts", "path", "words"),
    [
        (
            replace(FACTS, duties=(duty("NOTICE_FILE", "qwen-research", QWEN, detail=""),)),
            "NOTICE",
            "the exact notice",
        ),
        (
            replace(
                FACTS,
                duties=(duty("RETAIN_NOTICES", "apache-2.0", QWEN),),
                origins={**FACTS.origins, QWEN: replace(FACTS.origins[QWEN], readable=False, papers=())},
            ),
            "NOTICE",
            "which are not all here: look at Qwen/Qwen3-8B",
        ),
        (
            replace(
                FACTS,
                duties=(duty("ATTRIBUTION", "cc-by-nc-4.0", XLAM),),
                origins={**FACTS.origins, XLAM: replace(FACTS.origins[XLAM], public_name="xlam")},
            ),
            "ATTRIBUTION.md",
            "who made xlam@1",
        ),
    ],
)
def test_facts_that_nobody_recorded_are_missing_too(facts: Facts, path: str, words: str) -> None:
    found = compose(replace(facts, outbound=""), knows_nothing)
    assert [(each.path, words in each.detail) for each in found.missing] == [(path, True)]
    assert [complete for _, complete in answers(found).values()] == [False]


def test_a_notice_that_only_a_profile_quotes_is_passed_on_in_its_words() -> None:
    asked = duty("NOTICE_FILE", "acme-1.0", QWEN, detail='a file with "Acme is used here, all rights reserved."')
    bundle = compose(replace(FACTS, duties=(asked,), outbound=""), knows_nothing)
    assert b"\n\nAcme is used here, all rights reserved.\n\n" in bundle.files["NOTICE"]


def test_the_digest_follows_what_licences_ask_for_and_not_the_reviews() -> None:
    approved = duty("RECORDED_APPROVAL", "NC_OUTPUT_REACH_CONTESTED", XLAM)
    same = obligations_digest(FACTS)
    assert obligations_digest(replace(FACTS, duties=(*DUTIES, approved))) == same
    for other in (duty("AUP", "llama3.1", XLAM), duty("AUP", "llama3.1", LLAMA, detail="clause 2")):
        assert obligations_digest(replace(FACTS, duties=(*DUTIES[2:], DUTIES[0], other))) != same
    assert obligations_digest(replace(FACTS, duties=DUTIES[1:])) != same


@pytest.mark.parametrize("name", [STUDENT, LLAMA])
@pytest.mark.parametrize("change", [{"public_name": "other"}, {"source": "a/b"}, {"licenses": ("mit",)}])
def test_the_digest_follows_every_name_source_and_licence_that_a_bundle_prints(
    name: str, change: dict[str, Any]
) -> None:
    changed = replace(FACTS.origins[name], **change)
    subject = changed if name == STUDENT else FACTS.subject
    facts = replace(FACTS, subject=subject, origins={**FACTS.origins, name: changed})
    assert obligations_digest(facts) != obligations_digest(FACTS)


def test_a_use_policy_of_an_ancestor_comes_along_and_a_paper_beyond_the_bound_is_told() -> None:
    policy = paper("USE_POLICY.md", "Do no harm.\n")
    meta = replace(FACTS.origins[LLAMA], papers=(*FACTS.origins[LLAMA].papers, policy), too_long=("NOTICE.txt",))
    bundle = compose(replace(FACTS, origins={**FACTS.origins, LLAMA: meta}), knows_house)
    assert bundle.files["POLICIES/llama@1/USE_POLICY.md"] == policy.content
    assert "POLICIES/llama@1/USE_POLICY.md" in answers(bundle)["USE_RESTRICTION_FLOWDOWN:llama3.1"][0]
    (told,) = bundle.missing
    assert (told.path, "too long" in told.detail) == ("NOTICE.txt", True)
    assert not answers(bundle)["NOTICE_FILE:llama3.1"][1]


def test_what_was_made_from_nothing_has_nothing_to_tell() -> None:
    alone = replace(FACTS, duties=(), origins={STUDENT: FACTS.subject}, steps=(), outbound="")
    assert set(compose(alone, knows_nothing).files) == {"bundle.json"}
