"""How a duty is met: by a file of the version, by the recorded bundle, by a person; and what is no proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.duties.bundle import compose
from registry.duties.checking import OF_FILES, Recorded, Standing, State, Word, judge, without_own_word
from registry.duties.digest import obligations_digest
from registry.duties.facts import Duty, Facts, Paper
from registry.duties.texts import LicenseText
from tests.registry.duties.lineages import (
    FACTS,
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

DIGEST = obligations_digest(FACTS)
SENTENCE = (
    "Llama 3.1 is licensed under the Llama 3.1 Community License, "
    "Copyright © Meta Platforms,\n  Inc. All Rights Reserved."
)
NOTICE_DUTY = duty("NOTICE_FILE", "llama3.1", LLAMA)
COPY, FLOWDOWN = duty("LICENSE_COPY", "llama3.1", LLAMA), duty("USE_RESTRICTION_FLOWDOWN", "llama3.1", LLAMA)
TEXT = paper("LICENSES/llama3.1.txt", LLAMA_TEXT.decode())
CHANGED = duty("STATE_CHANGES", "apache-2.0", QWEN)
RETAIN = duty("RETAIN_NOTICES", "llama3.1", LLAMA)
CREDIT, URI = duty("ATTRIBUTION", "cc-by-nc-4.0", XLAM), duty("LICENSE_COPY", "cc-by-nc-4.0", XLAM)
SHOWN = duty("DISPLAY_NOTICE", "llama3.1", LLAMA)
NAME = "Salesforce/Llama-xLAM-2-8b-fc-r"


def knows_llama(license_id: str) -> LicenseText | None:
    return LicenseText("llama3.1", LLAMA_TEXT, "a database", "secondary") if license_id == "llama3.1" else None


def standing(facts: Facts, one: Duty, recorded: Recorded | None = None, word: str = "") -> Standing:
    words = {one.id: Word(word)} if word else {}
    (found,) = judge(replace(facts, duties=(one,)), DIGEST, recorded, words, knows_nothing)
    return found


@pytest.mark.parametrize(
    ("one", "papers", "state"),
    [
        (NOTICE_DUTY, (paper("NOTICE", f"We say:\n{SENTENCE}"),), State.MET),
        (NOTICE_DUTY, (paper("NOTICE.txt", SENTENCE.replace("3.1", "3.2")),), State.UNMET),
        (NOTICE_DUTY, (paper("README.md", SENTENCE),), State.UNMET),
        (COPY, (TEXT,), State.MET),
        (COPY, (paper("LICENSES/llama3.1.txt", " \n"),), State.UNMET),
        # Without words to compare with, a file of another name proves nothing.
        (COPY, (paper("LICENSE", LLAMA_TEXT.decode()),), State.UNMET),
        (URI, (paper("ATTRIBUTION.md", "https://creativecommons.org/licenses/by-nc/4.0/legalcode"),), State.MET),
        (URI, (paper("ATTRIBUTION.md", "https://creativecommons.org/licenses/by/4.0/"),), State.UNMET),
        (FLOWDOWN, (paper("USE_RESTRICTIONS.md", "those of llama3.1"), TEXT), State.MET),
        (FLOWDOWN, (paper("USE_RESTRICTIONS.md", "those of llama3.1"),), State.UNMET),
        (FLOWDOWN, (TEXT,), State.UNMET),
        (CHANGED, (paper("CHANGES.md", "tuned"),), State.MET),
        (CHANGED, (paper("README.md", "# Student\n\n## Changes to the base\n"),), State.MET),
        (CHANGED, (paper("README.md", "# Student\n\nNothing changes.\n"),), State.UNMET),
        (RETAIN, (paper("NOTICE", "Made by  many hands."),), State.MET),
        (RETAIN, (paper("NOTICE", "Made by few hands."),), State.UNMET),
        (CREDIT, (paper("README.md", f"trained with {NAME}, cc-by-nc-4.0"),), State.MET),
        (CREDIT, (paper("README.md", f"trained with {NAME}"),), State.UNMET),
        (SHOWN, (paper("README.md", "Built with Llama."),), State.MET),
        # It says what to show and shows nothing.
        (SHOWN, (paper("DISPLAY.md", "Built with Llama"),), State.OPEN),
    ],
)
def test_files_of_the_version(one: Duty, papers: tuple[Paper, ...], state: State) -> None:
    assert standing(with_papers(FACTS, STUDENT, *papers), one).state is state


def test_a_known_text_must_be_in_the_file_of_its_name_or_in_any_licence_file() -> None:
    def state(*papers: Paper) -> State:
        facts = replace(with_papers(FACTS, STUDENT, *papers), duties=(COPY,))
        return judge(facts, DIGEST, None, {}, knows_llama)[0].state

    assert state(paper("LICENSE.md", "Preface.\n\n" + LLAMA_TEXT.decode().replace("\n", "  \n"))) is State.MET
    assert state(TEXT) is State.MET
    assert state(paper("LICENSES/llama3.1.txt", "Llama words, some of them")) is State.UNMET
    assert state(paper("NOTES.md", LLAMA_TEXT.decode())) is State.UNMET


def test_an_ancestor_without_files_may_have_notices_that_nobody_saw() -> None:
    assert standing(FACTS, duty("RETAIN_NOTICES", "apache-2.0", QWEN)).state is State.MET
    unseen = replace(FACTS.origins[QWEN], readable=False, papers=())
    facts = replace(FACTS, origins={**FACTS.origins, QWEN: unseen})
    assert standing(facts, duty("RETAIN_NOTICES", "apache-2.0", QWEN)).state is State.UNMET


def test_credit_needs_a_maker() -> None:
    nameless = origin(XLAM, ("cc-by-nc-4.0",), imported=True)
    facts = replace(FACTS, origins={**FACTS.origins, XLAM: nameless})
    facts = with_papers(facts, STUDENT, paper("README.md", "xlam, cc-by-nc-4.0"))
    assert standing(facts, CREDIT).state is State.UNMET


@pytest.mark.parametrize("code", ["NAME_PREFIX", "SHARE_ALIKE", "RECORDED_APPROVAL"])
def test_some_duties_exist_only_once_the_verdict_finds_them_kept(code: str) -> None:
    assert standing(FACTS, duty(code, "llama3.1", LLAMA)).state is State.MET


def recorded(facts: Facts = FACTS, digest: str = DIGEST) -> Recorded:
    bundle = compose(facts, knows_house)
    lacking = {duty_id: each.detail for each in bundle.missing for duty_id in each.duties}
    return Recorded("ada", digest, dict.fromkeys(set(bundle.answers) - set(lacking), True), lacking)


def test_a_whole_bundle_answers_every_duty_of_files_and_no_other() -> None:
    for found in judge(FACTS, DIGEST, recorded(), {}, knows_nothing):
        expected = State.MET if found.duty.code in OF_FILES else State.OPEN
        assert found.state is expected, found
        assert bool(found.remedy) == (expected is State.OPEN)


@pytest.mark.parametrize(
    ("bundle", "words", "remedy"),
    [
        (None, "no bundle is recorded", "license bundle student@1 --context commercial --outbound house --record"),
        (recorded(digest="0" * 64), "changed since ada recorded", "license bundle student@1"),
        (recorded(with_papers(FACTS, LLAMA)), "the recorded bundle lacks the text", "register a version whose files"),
    ],
)
def test_a_bundle_that_is_not_there_not_of_today_or_not_whole(bundle: Recorded | None, words: str, remedy: str) -> None:
    found = standing(FACTS, COPY, bundle)
    assert found.state is State.UNMET
    assert words in found.finding
    assert remedy in found.remedy
    assert "spiritsafe license attest student@1" in found.remedy
    assert "--duty LICENSE_COPY:llama3.1 --statement" in found.remedy


@pytest.mark.parametrize("code", ["AUP", "CONTRACT_TERMS", "DISPLAY_NOTICE", "USE_RESTRICTIONS", "SOMETHING_NEW"])
def test_what_only_people_can_do_waits_for_a_person(code: str) -> None:
    one = duty(code, "llama3.1", LLAMA)
    assert standing(FACTS, one, recorded()).state is State.OPEN
    attested = standing(FACTS, one, recorded(), word="rob")
    assert (attested.state, attested.finding) == (State.ATTESTED, "attested by rob")


def test_a_person_may_answer_for_a_text_that_is_missing() -> None:
    assert standing(FACTS, COPY, word="rob").state is State.ATTESTED


def test_nobody_vouches_for_what_they_release() -> None:
    found = [standing(FACTS, COPY, word="rob"), standing(FACTS, COPY, recorded(), word="rob")]
    assert [each.settled for each in without_own_word(found, "rita")] == [True, True]
    open_, met = without_own_word(found, "rob")
    assert (open_.state, met.state) == (State.OPEN, State.MET)
    assert "rob alone, who releases it" in open_.finding
    assert "somebody else" in open_.remedy
