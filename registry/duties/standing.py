"""How the duties of a release stand today."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from registry.duties.checking import Recorded, Standing, Word, judge
from registry.duties.digest import obligations_digest
from registry.duties.loading import PaperStore, Release, load_facts
from registry.duties.records import attestations_in_force, newest_bundle
from registry.duties.texts import known_text
from registry.duties.visibility import MaySee, sees_all
from registry.licensing import Obligation
from registry.storage.tables import RecordedBundle


def standings(
    session: Session,
    papers: PaperStore,
    release: Release,
    may_see: MaySee,
    obligations: Sequence[Obligation] | None = None,
    releaser: str = "",
) -> list[Standing]:
    """Every duty of the release, sorted by its id; the word of ``releaser`` hides nobody else's.

    How a duty stands is the same for everybody; what is said of it names no ancestor beyond ``may_see``.

    Raises FailedPrecondition for a draft.
    """
    facts = load_facts(session, papers, release, obligations)
    row = newest_bundle(session, release)
    words = {duty: Word(each.attester) for duty, each in attestations_in_force(session, release, releaser).items()}
    recorded = _recorded(row, in_full=sees_all(may_see, facts.origins)) if row is not None else None
    return judge(facts, obligations_digest(facts), recorded, words, known_text)


def _recorded(row: RecordedBundle, *, in_full: bool) -> Recorded:
    """What the bundle lacks is told ``in_full``, with the works that it comes from, or by its path alone."""
    missing: dict[str, list[str]] = {}
    for each in row.missing:
        for duty in each["duties"]:
            missing.setdefault(duty, []).append(each["detail"] if in_full else f"a text: {each['path']}")
    return Recorded(
        recorder=row.recorder,
        obligations_digest=row.obligations_digest,
        complete=dict.fromkeys(row.complete, True),
        missing={duty: "; ".join(details) for duty, details in missing.items()},
    )
