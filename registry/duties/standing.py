"""How the duties of a release stand today."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from registry.context import Registry
from registry.duties.checking import Recorded, Standing, Word, judge
from registry.duties.facts import obligations_digest
from registry.duties.loading import Release, load_facts
from registry.duties.records import attestations_in_force, newest_bundle
from registry.duties.texts import known_text
from registry.licensing import Obligation
from registry.storage.tables import RecordedBundle


def standings(
    session: Session,
    registry: Registry,
    release: Release,
    obligations: Sequence[Obligation] | None = None,
    releaser: str = "",
) -> list[Standing]:
    """Every duty of the release, sorted by its id; the word of ``releaser`` hides nobody else's.

    Raises FailedPrecondition for a draft.
    """
    facts = load_facts(session, registry, release, obligations)
    row = newest_bundle(session, release)
    words = {duty: Word(each.attester) for duty, each in attestations_in_force(session, release, releaser).items()}
    recorded = _recorded(row) if row is not None else None
    return judge(facts, obligations_digest(facts.duties), recorded, words, known_text)


def _recorded(row: RecordedBundle) -> Recorded:
    missing: dict[str, list[str]] = {}
    for each in row.missing:
        for duty in each["duties"]:
            missing.setdefault(duty, []).append(each["detail"])
    return Recorded(
        recorder=row.recorder,
        obligations_digest=row.obligations_digest,
        complete=dict.fromkeys(row.complete, True),
        missing={duty: "; ".join(details) for duty, details in missing.items()},
    )
