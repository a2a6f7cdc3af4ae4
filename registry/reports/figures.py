"""The counts of a report: what may be recorded, and what follows from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.catalog.fields import check_line
from registry.errors import invalid
from registry.reports.paired import Pairs, difference, mcnemar_exact, newcombe_interval
from spiritsafe.registry.v1 import evaluation_report_pb2

MAX_CATEGORIES = 200
Category = evaluation_report_pb2.EvaluationCategory
Stored = Mapping[str, str | int]
_COUNTS = ("count", "candidate_exact", "baseline_exact", "gained", "lost")
_REMEDY = (
    "count scenarios in pairs: gained are those that only the candidate got right, lost those that only the baseline "
    "got right"
)


def check_categories(given: Sequence[Category], field: str) -> list[Stored]:
    """The counts as they are stored. Raises InvalidArgument naming the first category, or count, that cannot be."""
    if not 0 < len(given) <= MAX_CATEGORIES:
        description = f"holds {len(given)} categories; a report has 1 to {MAX_CATEGORIES}"
        raise invalid(field, description, reason="REQUIRED_FIELD", remedy="give the counts of each category")
    seen: set[str] = set()
    for index, category in enumerate(given):
        _check_name(category.category, f"{field}[{index}].category", seen)
        _check_counts(category, f"{field}[{index}]")
        seen.add(category.category)
    return [{"category": each.category, **{name: getattr(each, name) for name in _COUNTS}} for each in given]


def with_figures(stored: Stored) -> Category:
    """A stored category with the figures that follow from its counts."""
    category = Category(**stored)  # type: ignore[arg-type] # written by check_categories
    pairs = _pairs(category)
    category.difference = difference(pairs)
    category.difference_low, category.difference_high = newcombe_interval(pairs)
    category.mcnemar_p = mcnemar_exact(pairs)
    return category


def _check_name(name: str, field: str, seen: set[str]) -> None:
    if not check_line(name, field).strip():
        raise invalid(field, "must not be empty", reason="REQUIRED_FIELD", remedy="name the category")
    if name in seen:
        raise invalid(field, f"{name!r} is given twice", reason="DUPLICATE_CATEGORY", remedy="add its counts up")


def _check_counts(category: Category, field: str) -> None:
    if category.count <= 0:
        raise invalid(
            f"{field}.count",
            f"is {category.count}: a category without scenarios says nothing",
            reason="INCONSISTENT_COUNTS",
            remedy="leave the category out, or evaluate it",
        )
    for name in _COUNTS[1:]:
        if not 0 <= getattr(category, name) <= category.count:
            description = f"is {getattr(category, name)}, which is not within 0 and count, {category.count}"
            raise _inconsistent(f"{field}.{name}", description)
    if category.candidate_exact - category.baseline_exact != category.gained - category.lost:
        description = (
            f"candidate_exact {category.candidate_exact} - baseline_exact {category.baseline_exact} is not "
            f"gained {category.gained} - lost {category.lost}"
        )
        raise _inconsistent(field, description)
    pairs = _pairs(category)
    if pairs.both < 0 or pairs.neither < 0:
        description = (
            f"gained {category.gained} and lost {category.lost} leave {pairs.both} scenarios for both right and "
            f"{pairs.neither} for both wrong"
        )
        raise _inconsistent(field, description)


def _pairs(category: Category) -> Pairs:
    both = category.candidate_exact - category.gained
    return Pairs(both, category.gained, category.lost, category.count - both - category.gained - category.lost)


def _inconsistent(field: str, description: str) -> Exception:
    return invalid(field, description, reason="INCONSISTENT_COUNTS", remedy=_REMEDY)
