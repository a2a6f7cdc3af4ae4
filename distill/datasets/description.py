"""What a dataset's maker knows of it beside its rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from distill.trajectories.types import JsonValue
from distill.verification.verify import Stage, VerificationResult
from spiritsafe.hub.cards import HubLicense


@dataclass(frozen=True, slots=True)
class VerificationCounts:
    """What became of all that a teacher wrote. ``rejected`` counts by stage, in the stages' order, and reason."""

    tried: int
    accepted: int
    rejected: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, results: Iterable[VerificationResult]) -> VerificationCounts:
        """Count verdicts."""
        verdicts = list(results)
        reasons: dict[str, Counter[str]] = {stage: Counter() for stage in get_args(Stage)}
        for result in verdicts:
            if not result.accepted:
                reasons[result.stage][result.reason] += 1
        rejected = {stage: dict(sorted(counts.items())) for stage, counts in reasons.items()}
        return cls(len(verdicts), sum(result.accepted for result in verdicts), rejected)

    def to_json(self) -> dict[str, JsonValue]:
        """For a dataset's statistics."""
        rejected: dict[str, JsonValue] = {stage: dict(reasons) for stage, reasons in self.rejected.items()}
        return {"tried": self.tried, "accepted": self.accepted, "rejected": rejected}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> VerificationCounts:
        """Read what ``to_json`` wrote."""
        return cls(row["tried"], row["accepted"], row["rejected"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a card tells that rows do not.

    Attributes:
        title: the dataset's name.
        summary: a sentence or two on what it is for.
        licenses: under which it is given, as its maker decided; empty where nobody has.
        teachers: ids of the models that wrote rows.
        judges: ids of the models that had a say in which rows were kept.
        sampling: how replies were drawn.
        environments: where calls were executed.
        verification: what became of all that was written; None where nothing was verified.
        replay_sources: names of the data that replay rows were drawn from.
        inputs: SHA-256 (hex) of what the dataset was made from, by name.
        limitations: sentences beside those that hold for every such dataset.
        stand_in: whether a stand-in took part, so that the rows are for trying the software.
    """

    title: str
    summary: str
    licenses: Sequence[HubLicense] = ()
    teachers: Sequence[str] = ()
    judges: Sequence[str] = ()
    sampling: Mapping[str, JsonValue] = field(default_factory=dict)
    environments: Sequence[str] = ()
    verification: VerificationCounts | None = None
    replay_sources: Sequence[str] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    limitations: Sequence[str] = ()
    stand_in: bool = False
