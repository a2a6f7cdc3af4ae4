"""How each duty is met: by the verdict, by a file of the version, by the recorded bundle, or by a named person. Pure.

What only people can do (show a line in a product, keep to a contract or to rules of use) no file proves: such a duty
is open until somebody attests it. What a file can answer is met once the file is there; a person may answer for it
instead, for a text that the registry cannot supply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.duties.facts import RECORDED_APPROVAL, Duty, Facts, Paper, plain
from registry.duties.texts import Known, named_paper
from registry.duties.wordings import display_lines, notice_of, wording_of

# The verdict shows these only once they are kept: a name that begins as asked, a fitting outbound licence, a review.
OF_VERDICT = {
    "NAME_PREFIX": "the public name begins as the licence asks",
    "SHARE_ALIKE": "it is released under the same licence",
    RECORDED_APPROVAL: "the review is on record",
}
OF_FILES = frozenset(
    {"LICENSE_COPY", "NOTICE_FILE", "STATE_CHANGES", "RETAIN_NOTICES", "ATTRIBUTION", "USE_RESTRICTION_FLOWDOWN"}
)
_CHANGES_HEADING = re.compile(r"^#+ .*\b(changes|modifications)\b", re.IGNORECASE | re.MULTILINE)


class State(StrEnum):
    """The names are those of DutyState."""

    MET = "met"
    ATTESTED = "attested"
    UNMET = "unmet"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of the recorded bundle: who made it, under which obligations, and which duties it answers whole."""

    recorder: str
    obligations_digest: str
    complete: Mapping[str, bool]
    missing: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Word:
    """An attestation in force, as far as the outcome looks at it."""

    attester: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One duty and how it stands. ``attester`` is set where a person answers for it."""

    duty: Duty
    state: State
    finding: str
    remedy: str = ""
    attester: str = ""

    @property
    def settled(self) -> bool:
        return self.state in (State.MET, State.ATTESTED)


def judge(
    facts: Facts, digest: str, recorded: Recorded | None, words: Mapping[str, Word], known: Known
) -> list[Standing]:
    """How every duty stands, in the order of the facts.

    Args:
        facts: the version's duties, papers and origins.
        digest: of today's obligations; a bundle recorded under another one answers nothing.
        recorded: the bundle recorded last for this very release.
        words: attestations in force by duty id.
        known: a licence's text by its id alone.
    """
    return [_stand(facts, duty, digest, recorded, words.get(duty.id), known) for duty in facts.duties]


def without_own_word(standings: Iterable[Standing], releaser: str) -> list[Standing]:
    """The standings as a gate counts them: nobody vouches for what they themselves release."""
    return [_discounted(each) if each.attester == releaser else each for each in standings]


def _discounted(standing: Standing) -> Standing:
    if standing.state is not State.ATTESTED:
        return standing
    finding = f"attested by {standing.attester} alone, who releases it"
    return Standing(standing.duty, State.OPEN, finding, "let somebody else attest it, or somebody else promote it")


def _stand(
    facts: Facts, duty: Duty, digest: str, recorded: Recorded | None, word: Word | None, known: Known
) -> Standing:
    if duty.code in OF_VERDICT:
        return Standing(duty, State.MET, OF_VERDICT[duty.code])
    shown = _shown(facts, duty, known)
    if shown:
        return Standing(duty, State.MET, shown)
    lacking = ""
    if duty.code in OF_FILES:
        lacking = _lacking(duty, digest, recorded)
        if not lacking:
            assert recorded is not None
            return Standing(duty, State.MET, f"in the bundle that {recorded.recorder} recorded")
    if word is not None:
        return Standing(duty, State.ATTESTED, f"attested by {word.attester}", attester=word.attester)
    if duty.code in OF_FILES:
        return Standing(duty, State.UNMET, lacking, _remedy(facts, duty, digest, recorded))
    return Standing(duty, State.OPEN, "for a named person to attest", _attest(facts, duty))


def _lacking(duty: Duty, digest: str, recorded: Recorded | None) -> str:
    """What the recorded bundle lacks for the duty; empty where it answers it."""
    if recorded is None:
        return "no file of the version shows it, and no bundle is recorded for this release"
    if recorded.obligations_digest != digest:
        return f"the obligations have changed since {recorded.recorder} recorded the bundle"
    if not recorded.complete.get(duty.id, False):
        return f"the recorded bundle lacks {recorded.missing.get(duty.id, 'it')}"
    return ""


def _remedy(facts: Facts, duty: Duty, digest: str, recorded: Recorded | None) -> str:
    if recorded is None or recorded.obligations_digest != digest:
        return f"spiritsafe license bundle {_release(facts)} --record, or {_attest(facts, duty)}"
    return f"register a version whose files have it, or {_attest(facts, duty)}"


def _attest(facts: Facts, duty: Duty) -> str:
    return f"spiritsafe license attest {_release(facts)} --duty {duty.id} --statement TEXT"


def _release(facts: Facts) -> str:
    outbound = f" --outbound {facts.outbound}" if facts.outbound else ""
    distributed = " --distributed" if facts.distributed and facts.context != "commercial" else ""
    return f"{facts.subject.short} --context {facts.context}{outbound}{distributed}"


def _shown(facts: Facts, duty: Duty, known: Known) -> str:
    """Which file of the version itself answers the duty, in words; empty for none."""
    look = _LOOKS.get(duty.code)
    return look(facts, duty, known) if look else ""


def _license_copy(facts: Facts, duty: Duty, known: Known) -> str:
    """The text, or where the licence takes it the URI. A file by the licence's name must hold any known words."""
    reference = known(duty.license)
    words = plain(reference.content.decode("utf-8", "replace")) if reference else ""
    named = named_paper(facts.subject, duty.license)
    papers = [named] if named else [paper for paper in facts.subject.papers if paper.is_license and words]
    for paper in papers:
        if paper.text.strip() and words in plain(paper.text):
            return f"its text is {paper.path}"
    uri = wording_of(duty.license).uri.rstrip("/")
    linking = _papers(facts, lambda paper: bool(uri) and uri in paper.text, "README", "ATTRIBUTION", "NOTICE")
    return f"{linking.path} gives its address" if linking else ""


def _notice_file(facts: Facts, duty: Duty, _known: Known) -> str:
    text = plain(notice_of(duty.license, duty.detail, duty.confidence)[0])
    paper = _papers(facts, lambda paper: bool(text) and text in plain(paper.text), "NOTICE", "NOTICES")
    return f"{paper.path} has the notice" if paper else ""


def _state_changes(facts: Facts, _duty: Duty, _known: Known) -> str:
    if not facts.others:
        return "it is made from nothing on record"
    own = _papers(facts, lambda paper: bool(paper.text.strip()), "CHANGES")
    card = _papers(facts, lambda paper: bool(_CHANGES_HEADING.search(paper.text)), "README")
    paper = own or card
    return f"{paper.path} states them" if paper else ""


def _retain_notices(facts: Facts, duty: Duty, _known: Known) -> str:
    others = [origin for origin in facts.origins_of(duty) if origin.name != facts.subject.name]
    if not all(origin.readable for origin in others):
        return ""
    theirs = [plain(paper.text) for origin in others for paper in origin.notices]
    if not theirs:
        return "no ancestor under the licence ships a NOTICE file"
    own = " ".join(plain(paper.text) for paper in facts.subject.notices)
    return "its NOTICE holds those of the ancestors" if all(text in own for text in theirs) else ""


def _attribution(facts: Facts, duty: Duty, _known: Known) -> str:
    others = [origin for origin in facts.origins_of(duty) if origin.name != facts.subject.name]

    def credits_all(paper: Paper) -> bool:
        named = all(
            origin.maker and any(name and name in paper.text for name in (origin.source, origin.public_name))
            for origin in others
        )
        return named and duty.license in paper.text

    paper = _papers(facts, credits_all, "ATTRIBUTION", "NOTICE", "README")
    return f"{paper.path} credits them" if paper else ""


def _flowdown(facts: Facts, duty: Duty, known: Known) -> str:
    paper = _papers(facts, lambda paper: duty.license in paper.text, "USE_RESTRICTIONS")
    copy = _license_copy(facts, duty, known)
    return f"{paper.path} passes them on; {copy}" if paper and copy else ""


def _display_notice(facts: Facts, duty: Duty, _known: Known) -> str:
    """A model card is public documentation; DISPLAY.md, which only tells what to show, is not."""
    lines = display_lines(duty.license, duty.detail)
    paper = _papers(facts, lambda paper: any(plain(line) in plain(paper.text) for line in lines), "README")
    return f"{paper.path} shows the line" if paper else ""


_LOOKS: Mapping[str, Callable[[Facts, Duty, Known], str]] = {
    "LICENSE_COPY": _license_copy,
    "NOTICE_FILE": _notice_file,
    "STATE_CHANGES": _state_changes,
    "RETAIN_NOTICES": _retain_notices,
    "ATTRIBUTION": _attribution,
    "USE_RESTRICTION_FLOWDOWN": _flowdown,
    "DISPLAY_NOTICE": _display_notice,
}


def _papers(facts: Facts, fits: Callable[[Paper], bool], *stems: str) -> Paper | None:
    """The first of the version's files by these names that fits."""
    return next((paper for paper in facts.subject.papers if paper.is_called(*stems) and fits(paper)), None)
