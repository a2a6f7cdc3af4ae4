"""What a scan saw, before anybody compares it with what was declared. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Where a licence was seen: in a text that is one, or in metadata that names one."""

    TEXT = "text"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class LicenseSeen:
    """A licence that a file is, or names.

    ``licenses`` are profile ids, empty where no profile fits; ``says`` is what stood there (a detector's key, or the
    words of a card); ``confidence`` says in words how sure the detector is.
    """

    file: str
    source: Source
    licenses: tuple[str, ...]
    says: str
    detector: str
    confidence: str

    def to_json(self) -> dict[str, Any]:
        """The form in a finding's detail."""
        return {
            "file": self.file,
            "source": self.source.value,
            "licenses": list(self.licenses),
            "says": self.says,
            "detector": self.detector,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True)
class ParentNamed:
    """A model or dataset that metadata names as a parent. ``relation`` is the word used there; may be empty."""

    file: str
    name: str
    relation: str


@dataclass(frozen=True, slots=True)
class FamilySeen:
    """Families whose mark the configuration or the tokenizer bears; one of them suffices as an explanation."""

    file: str
    families: tuple[str, ...]
    fingerprint: str
    marks: tuple[str, ...]
    evidence: str
    confidence: str

    def to_json(self) -> dict[str, Any]:
        """The form in a finding's detail."""
        return {
            "file": self.file,
            "families": list(self.families),
            "fingerprint": self.fingerprint,
            "marks": list(self.marks),
            "evidence": self.evidence,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True)
class Malformed:
    """A file that is not what its name says."""

    file: str
    problem: str


@dataclass(slots=True)
class Observations:
    """All that one scan saw. ``not_looked_at`` says in sentences what its bounds or missing parts left out.

    ``files`` counts those whose content was there: of a version without any, nothing can be said.
    """

    files: int = 0
    licenses: list[LicenseSeen] = field(default_factory=list)
    parents: list[ParentNamed] = field(default_factory=list)
    families: list[FamilySeen] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    not_looked_at: list[str] = field(default_factory=list)

    def add(self, seen: Iterable[LicenseSeen | ParentNamed | FamilySeen | Malformed]) -> None:
        """Keeps each where it belongs."""
        for one in seen:
            match one:
                case LicenseSeen():
                    self.licenses.append(one)
                case ParentNamed():
                    self.parents.append(one)
                case FamilySeen():
                    self.families.append(one)
                case Malformed():
                    self.malformed.append(one)
