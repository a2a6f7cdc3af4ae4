"""What was seen against what was declared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.detection.judging import Judgement, Known, judge
from registry.detection.observations import FamilySeen, LicenseSeen, Malformed, Observations, ParentNamed, Source
from registry.licensing import load_profiles
from tests.registry.shipped import find_model

CONFLICT, SUSPECTED, MISSING = "LICENSE_CONFLICT", "UNDECLARED_PARENT_SUSPECTED", "LICENSE_TEXT_MISSING"
UNIDENTIFIED, UNKNOWN_PARENT = "LICENSE_UNIDENTIFIED", "DECLARED_PARENT_UNKNOWN"


def text(*ids: str) -> LicenseSeen:
    return LicenseSeen("LICENSE", Source.TEXT, ids, " ".join(ids) or "?", "test", "exact")


def claim(*ids: str) -> LicenseSeen:
    return LicenseSeen("README.md", Source.CLAIM, ids, " ".join(ids) or "?", "test", "said")


def family(*names: str) -> FamilySeen:
    return FamilySeen("config.json", names, "mark", ("<mark>",), "evidence", "derived")


def base(name: str, relation: str = "base_model") -> ParentNamed:
    return ParentNamed("README.md", name, relation)


def found(known: Known, *seen: Any) -> Judgement:
    observations = Observations(files=1)
    observations.add(seen)
    return judge(observations, known, load_profiles(), find_model)


def codes(known: Known, *seen: Any) -> list[str]:
    return sorted(one.code for one in found(known, *seen).findings if one.code != MISSING)


@pytest.mark.parametrize(
    ("declared", "seen", "expected", "detected"),
    [
        (("apache-2.0",), [text("apache-2.0"), claim("apache-2.0")], [], ("apache-2.0",)),
        (("mit",), [text("apache-2.0")], [CONFLICT], ("apache-2.0",)),
        (("mit",), [claim("apache-2.0")], [CONFLICT], ("apache-2.0",)),
        # More may be declared than the files show: nothing is taken away.
        (("cc-by-nc-4.0", "salesforce-xlam-research"), [claim("cc-by-nc-4.0")], [], ("cc-by-nc-4.0",)),
        ((), [text("mit")], [CONFLICT], ("mit",)),
        ((), [], [], None),
        (None, [text("mit")], [], ("mit",)),
        (None, [text("mit"), claim("mit")], [], ("mit",)),
        (None, [text("mit"), claim("apache-2.0")], [CONFLICT], ("apache-2.0", "mit")),
        (None, [text(), claim()], [UNIDENTIFIED, UNIDENTIFIED], None),
    ],
)
def test_licences(
    declared: tuple[str, ...] | None, seen: list[LicenseSeen], expected: list[str], detected: tuple[str, ...] | None
) -> None:
    known = Known(declared=declared)
    assert codes(known, *seen) == expected
    assert found(known, *seen).detected == detected


def test_a_conclusion_counts_instead_of_the_declaration() -> None:
    assert codes(Known(declared=("mit",), concluded=("apache-2.0",)), text("apache-2.0")) == []
    assert codes(Known(declared=("mit",), concluded=("apache-2.0",)), text("mit")) == [CONFLICT]


def test_copies_of_an_ancestors_licence_are_no_conflict() -> None:
    llama = frozenset({"llama3.1"})
    made_here = Known(declared=(), ancestor_licenses=llama)
    assert codes(made_here, text("llama3.1"), claim("llama3.1")) == []
    assert found(made_here, text("llama3.1")).detected is None
    relabelled = Known(declared=("apache-2.0",), ancestor_licenses=llama)
    assert codes(relabelled, text("llama3.1"), text("apache-2.0")) == []
    # A card speaks of the version itself.
    assert codes(relabelled, claim("llama3.1")) == [CONFLICT]
    # Where nothing was declared, the files are all that is known.
    assert found(Known(ancestor_licenses=llama), text("llama3.1")).detected == ("llama3.1",)


def test_a_conflict_says_what_was_seen_where_and_by_whom() -> None:
    (conflict,) = [one for one in found(Known(declared=("mit",)), text("gemma")).findings if one.code == CONFLICT]
    assert (conflict.file, conflict.detail["declared"], conflict.detail["detected"]) == ("LICENSE", ["mit"], ["gemma"])
    (seen,) = conflict.detail["seen"]
    assert seen == {
        "file": "LICENSE",
        "source": "text",
        "licenses": ["gemma"],
        "says": "gemma",
        "detector": "test",
        "confidence": "exact",
    }


def test_a_text_is_missing_where_the_licence_asks_for_a_copy() -> None:
    def missing(known: Known, *seen: Any) -> list[str]:
        return [one.subject for one in found(known, *seen).findings if one.code == MISSING]

    assert missing(Known(declared=("mit", "cc-by-4.0"))) == ["mit"]
    assert missing(Known(declared=("mit",)), text("mit")) == []
    assert missing(Known(declared=("mit",)), claim("mit")) == ["mit"]
    assert missing(Known(declared=("no-such-licence",))) == []
    # The base's copy is a duty of whoever hands it on, not of this check.
    assert missing(Known(declared=(), ancestor_licenses=frozenset({"mit"}))) == []
    (one,) = [one for one in found(Known(declared=("mit",)), text()).findings if one.code == MISSING]
    assert one.detail["unidentified"] == ["LICENSE"]


def test_nothing_is_missing_where_nothing_was_there_to_look_at() -> None:
    assert judge(Observations(), Known(declared=("mit",)), load_profiles(), find_model).findings == ()


def test_families_must_be_in_the_lineage() -> None:
    seen = family("llama3", "llama3.1")
    assert codes(Known(), seen) == [SUSPECTED]
    assert codes(Known(families=frozenset({"qwen3"})), seen) == [SUSPECTED]
    assert codes(Known(families=frozenset({"qwen3", "llama3.1"})), seen) == []
    assert codes(Known(stand_in=True), seen) == []
    assert codes(Known(is_model=False), seen) == []


def test_named_parents_must_be_among_the_ancestors() -> None:
    assert codes(Known(), base("acme/own-model")) == [UNKNOWN_PARENT]
    assert codes(Known(ancestor_names=frozenset({"acme/own-model"})), base("Acme/Own-Model")) == []
    assert codes(Known(own_names=frozenset({"acme/own-model"})), base("acme/own-model")) == []
    assert codes(Known(), base("acme/rows", "dataset")) == [UNKNOWN_PARENT]


def test_a_named_parent_of_a_known_family_is_an_alert() -> None:
    """The xLAM models are made from DeepSeek-Coder: whoever names one as base has that family in the lineage."""
    both = sorted([UNKNOWN_PARENT, SUSPECTED])
    assert codes(Known(), base("Salesforce/xLAM-1b-fc-r")) == both
    assert codes(Known(families=frozenset({"deepseek-coder"})), base("Salesforce/xLAM-1b-fc-r")) == [UNKNOWN_PARENT]
    findings = found(Known(), base("salesforce/xlam-1b-fc-r")).findings
    (named,) = [one for one in findings if one.code == UNKNOWN_PARENT]
    assert named.detail["catalogue"] == {"hub_id": "Salesforce/xLAM-1b-fc-r", "licenses": ["cc-by-nc-4.0"]}


def test_every_finding_tells_what_was_not_looked_at() -> None:
    observations = Observations(files=1, malformed=[Malformed("model.gguf", "ends within its metadata")])
    observations.not_looked_at.append("the detector")
    (one,) = judge(observations, Known(), load_profiles(), find_model).findings
    assert (one.code, one.file, one.detail["not_looked_at"]) == ("FILE_MALFORMED", "model.gguf", ["the detector"])


def test_a_long_subject_is_told_by_its_digest() -> None:
    seen = LicenseSeen("LICENSE", Source.TEXT, (), "é" * 2_000, "test", "said")
    (one,) = found(Known(), seen).findings
    assert one.subject.startswith("sha256:")
    assert len(one.subject) == len("sha256:") + 64


IDS = st.sampled_from(["mit", "apache-2.0", "llama3.1", "cc-by-nc-4.0"])
STATED = st.none() | st.lists(IDS, max_size=3, unique=True).map(tuple)
SEEN = st.lists(st.builds(text, IDS) | st.builds(claim, IDS) | st.just(text()), max_size=5)


@given(STATED, STATED, st.frozensets(IDS), SEEN)
def test_no_licence_is_seen_and_forgotten(
    declared: tuple[str, ...] | None,
    concluded: tuple[str, ...] | None,
    ancestors: frozenset[str],
    seen: list[LicenseSeen],
) -> None:
    """Each one is detected, or an ancestor's; a detected one that people do not state is a conflict."""
    known = Known(declared=declared, concluded=concluded, ancestor_licenses=ancestors)
    judgement = found(known, *seen)
    detected = set(judgement.detected or ())
    shown = {each for one in seen for each in one.licenses}
    assert detected <= shown
    assert shown - detected <= ancestors
    if known.stated is not None:
        conflicts = [one for one in judgement.findings if one.code == CONFLICT]
        assert bool(conflicts) == bool(detected - set(known.stated))


@given(SEEN, st.permutations(range(5)))
def test_the_order_in_which_files_are_read_does_not_matter(seen: list[LicenseSeen], order: list[int]) -> None:
    shuffled = [seen[index] for index in order if index < len(seen)]
    known = Known(declared=("mit",))
    assert found(known, *seen).detected == found(known, *shuffled).detected
    assert codes(known, *seen) == codes(known, *shuffled)
