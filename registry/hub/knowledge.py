"""What the catalogue knows of a hub repository, in the one form that imports ask for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry.licensing.entries import PART_SEPARATOR, Confidence, KnownEntry, KnownModel, LineageCompleteness, Parent
from registry.licensing.vocabulary import EdgeType, NodeKind

Find = Callable[[str], KnownEntry | None]
"""The catalogue's entry of an id, matched without regard to case."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One edge up: its type, and what it leads to."""

    edge: EdgeType
    repo: str
    kind: NodeKind

    @property
    def key(self) -> tuple[str, str]:
        """What it leads to; the hub ignores case."""
        return self.kind, self.repo.casefold()


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the catalogue. ``confidence`` is by field: licenses, parents, nature."""

    licenses: tuple[str, ...]
    parents: tuple[Origin, ...]
    base_family: str
    multimodal: bool
    completeness: str
    confidence: Mapping[str, Confidence]


# What nobody made from anything else is complete; the registry's lineage has no word of its own for it.
_COMPLETENESS = {
    LineageCompleteness.ROOT: "complete",
    LineageCompleteness.COMPLETE: "complete",
    LineageCompleteness.PARTIAL: "partial",
}
_PARENT_FIELDS = ("base", "generated_by", "derived_from")


def known(repo: str, kind: NodeKind, find: Find) -> Known | None:
    """What is known of a repository; None where the catalogue has no entry of that kind."""
    entry = find(repo)
    if entry is None or entry.kind is not kind:
        return None
    model = entry if isinstance(entry, KnownModel) else None
    about_parents = [entry.confidence[name] for name in _PARENT_FIELDS if name in entry.confidence]
    return Known(
        licenses=entry.licenses,
        parents=tuple(dict.fromkeys(_origin(one, find) for one in entry.parents)),
        base_family=(model.base_family or "") if model else "",
        multimodal=bool(model and model.multimodal),
        completeness=_COMPLETENESS[entry.lineage_completeness],
        confidence={
            "licenses": entry.confidence["licenses"],
            "parents": max(about_parents, key=list(Confidence).index, default=entry.weakest_confidence),
            "nature": entry.weakest_confidence,
        },
    )


def _origin(parent: Parent, find: Find) -> Origin:
    # A part is recorded as the whole dataset: its repository is one, and no term of the part is lost by that.
    repo = parent.hub_id.partition(PART_SEPARATOR)[0]
    entry = find(repo)
    unlisted = NodeKind.DATASET if parent.edge is EdgeType.DERIVED_FROM else NodeKind.MODEL
    return Origin(parent.edge, repo, entry.kind if entry else unlisted)
