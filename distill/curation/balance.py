"""A balance over tools, user turns and rows without calls, by leaving rows out. Which, a seed decides, not their order.

A share is one of the rows that are left in the end, so leaving rows out for one share moves the others: the steps are
taken again until none of them finds anything to do. What cannot be had by leaving rows out is not forced: such a tool
or bucket stays as it is, and the target says so.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from distill.curation.choice import drawn_order
from distill.curation.settings import CurationSettings
from distill.curation.steps import Dropped, Step, Target
from distill.trajectories.turns import calls_in
from distill.trajectories.types import Trajectory

_ROUNDING = 1e-9


def tool_labels(row: Trajectory) -> frozenset[str]:
    """The tools that a row calls; none where it calls nothing."""
    return frozenset(call.name for call in calls_in(row.messages))


def turn_label(row: Trajectory, buckets: Sequence[int]) -> str:
    """The bucket of a row's user turns, for example "2", "3 to 5" or "6 or more"."""
    turns = sum(message.role == "user" for message in row.messages)
    place = max(0, bisect_right(buckets, turns) - 1)
    if place == len(buckets) - 1:
        return f"{buckets[place]} or more"
    last = buckets[place + 1] - 1
    return f"{buckets[place]}" if last == buckets[place] else f"{buckets[place]} to {last}"


def balanced(rows: Sequence[Trajectory], settings: CurationSettings) -> Iterator[Step]:
    """One step for each balance that is asked for: ``tools``, ``turns``, ``no-call rows``."""
    rules = list(_rules(settings))
    found: dict[str, dict[int, Dropped]] = {rule.name: {} for rule in rules}
    # In the order in which rows go where some must.
    left, before = drawn_order(rows, settings.seed) if rules else [], -1
    while before != len(left):
        before = len(left)
        for rule in rules:
            problems = rule.problems([rows[index] for index in left])
            found[rule.name].update((left[place], problem) for place, problem in problems.items())
            left = [index for place, index in enumerate(left) if place not in problems]
    stays, final = dict(enumerate(rows)), [rows[index] for index in left]
    for rule in rules:
        offered = tuple(stays.values())
        dropped = tuple(found[rule.name][index] for index in stays if index in found[rule.name])
        stays = {index: row for index, row in stays.items() if index not in found[rule.name]}
        targets = tuple(rule.targets(offered, final))
        yield Step(rule.name, len(offered), tuple(stays.values()), dropped, targets=targets)


class _Rule(Protocol):
    @property
    def name(self) -> str:
        """Of the step."""

    def problems(self, rows: Sequence[Trajectory]) -> Mapping[int, Dropped]:
        """What must go of these rows, by index: of equals the first."""

    def targets(self, before: Sequence[Trajectory], after: Sequence[Trajectory]) -> Iterable[Target]:
        """What was wanted, and what came out."""


def _rules(settings: CurationSettings) -> Iterator[_Rule]:
    if (most := settings.most_of_a_tool) is not None:
        yield _Cap("tools", "frequent_tool", "rows that call {}", tool_labels, most)
    if (most := settings.most_of_a_turn_count) is not None:
        buckets = settings.turn_buckets
        what = "rows with {} user turns"
        yield _Cap("turns", "frequent_turns", what, lambda row: frozenset({turn_label(row, buckets)}), most)
    if settings.least_no_call is not None or settings.most_no_call is not None:
        most = 1.0 if settings.most_no_call is None else settings.most_no_call
        yield _NoCall(settings.least_no_call or 0.0, most)


@dataclass(frozen=True, slots=True)
class _Cap:
    """No label is on more than a share ``most`` of the rows that have any."""

    name: str
    reason: str
    what: str
    labels: Callable[[Trajectory], frozenset[str]]
    most: float

    def problems(self, rows: Sequence[Trajectory]) -> Mapping[int, Dropped]:
        gone = _excess([self.labels(row) for row in rows], self.most)
        return {
            index: Dropped(rows[index].id, self.reason, f"more than {self.most:.0%} {self._of(label)}", {"kind": label})
            for index, label in gone.items()
        }

    def targets(self, before: Sequence[Trajectory], after: Sequence[Trajectory]) -> Iterable[Target]:
        """Of each label that had or has too much; of the most frequent one where none had."""
        was, now = self._shares(before), self._shares(after)
        named = sorted(was, key=lambda label: (-was[label], label))
        over = [label for label in named if max(was[label], now.get(label, 0.0)) > self.most]
        for label in over or named[:1]:
            yield Target(self._of(label), was[label], now.get(label, 0.0), most=self.most)

    def _of(self, label: str) -> str:
        return self.what.format(label)

    def _shares(self, rows: Sequence[Trajectory]) -> dict[str, float]:
        labels = [found for found in map(self.labels, rows) if found]
        return {label: count / len(labels) for label, count in _count(labels).items()}


@dataclass(frozen=True, slots=True)
class _NoCall:
    """Rows that call nothing make up a share from ``least`` to ``most``: those go of which there are too many."""

    least: float
    most: float
    name: str = "no-call rows"

    def problems(self, rows: Sequence[Trajectory]) -> Mapping[int, Dropped]:
        calls = [bool(tool_labels(row)) for row in rows]
        silent = [index for index, calling in enumerate(calls) if not calling]
        calling = [index for index, calling in enumerate(calls) if calling]
        if not silent or not calling:
            return {}  # What there is none of cannot be given a share.
        too_many = len(silent) - _beside(len(calling), self.most)
        if too_many > 0:
            detail = f"more than {self.most:.0%} of the rows call nothing"
            return {index: Dropped(rows[index].id, "surplus_no_call", detail) for index in silent[:too_many]}
        # With one row more of the others the share must be too small still, or a narrow range would shrink to nothing.
        too_many = len(calling) - max(1, _beside(len(silent) + 1, 1 - self.least))
        detail = f"less than {self.least:.0%} of the rows call nothing"
        return {index: Dropped(rows[index].id, "surplus_calling", detail) for index in calling[: max(0, too_many)]}

    def targets(self, before: Sequence[Trajectory], after: Sequence[Trajectory]) -> Iterable[Target]:
        was, now = _no_call_share(before), _no_call_share(after)
        yield Target("rows that call nothing", was, now, self.least, self.most, tolerance=1 / max(1, len(after)))


def _beside(others: int, most: float) -> int:
    """How many rows may stand beside so many others and make up a share of at most ``most``.

    n <= most * (n + others), solved for n.
    """
    return math.floor(others * most / (1 - most) + _ROUNDING) if most < 1 else sys.maxsize


def _no_call_share(rows: Sequence[Trajectory]) -> float:
    return sum(not tool_labels(row) for row in rows) / len(rows) if rows else 0.0


def _count(labels: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(label for found in labels for label in found)


def _excess(labels: Sequence[frozenset[str]], most: float) -> dict[int, str]:
    """The rows that must go, each with the label that has too much.

    Where nothing would be left, as when every row has the same label, the most frequent label is let be.
    """
    counts = _count(labels)
    # Rows with a rare label go last, or a rare tool would go with a frequent one.
    rarest = [min((counts[label] for label in found), default=0) for found in labels]
    order = sorted(range(len(labels)), key=lambda index: -rarest[index])
    capped = sorted(counts, key=lambda label: (-counts[label], label))
    while (gone := _cut(labels, most, order, capped)) is None:
        capped = capped[1:]
    return gone


def _cut(
    labels: Sequence[frozenset[str]], most: float, order: Sequence[int], capped: Sequence[str]
) -> dict[int, str] | None:
    """The same for these labels alone; None where nothing would be left."""
    counts, total = _count(labels), sum(map(bool, labels))
    waiting: dict[str, Iterator[int]] = {}
    gone: dict[int, str] = {}
    while capped and counts[worst := max(capped, key=counts.__getitem__)] > most * total + _ROUNDING:
        if worst not in waiting:
            waiting[worst] = iter([index for index in order if worst in labels[index]])
        # So many must go that c - n <= most * (total - n).
        wanted = math.ceil((counts[worst] - most * total) / (1 - most) - _ROUNDING)
        for index in islice((each for each in waiting[worst] if each not in gone), wanted):
            gone[index] = worst
            counts.subtract(labels[index])
            total -= 1
        if not total:
            return None
    return gone
