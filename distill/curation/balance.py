"""A balance over tools, turns and rows without calls, by leaving rows out. Which, a seed decides, not their order."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from distill.curation.steps import Step, split
from distill.trajectories.turns import calls_in, user_turns
from distill.trajectories.types import Trajectory


def balanced_tools(rows: Sequence[Trajectory], most: float, seed: int) -> Step:
    """No tool is called in more than a share ``most`` of the rows that call something.

    Rows with rare tools stay: one is left out only for a tool that has too many.
    """
    tools = [frozenset(call.name for call in calls_in(row.messages)) for row in rows]
    limit = math.ceil(most * sum(map(bool, tools)))
    counts: Counter[str] = Counter(name for names in tools for name in names)
    problems = {}
    for index in reversed(_order(rows, seed)):
        over = sorted(name for name in tools[index] if counts[name] > limit)
        # All of its tools have too many, or a rare one would go with a frequent one.
        if over and len(over) == len(tools[index]):
            counts.subtract(tools[index])
            problems[index] = ("frequent_tool", f"{over[0]} is called in more than {most:.0%} of the rows")
    return split(rows, "tools", problems)


def balanced_turns(rows: Sequence[Trajectory], most: float, seed: int) -> Step:
    """No number of user turns makes up more than a share ``most`` of all rows, where there are several numbers."""
    return _capped(rows, "turns", lambda row: len(user_turns(row.messages)), most, seed, "frequent_turns")


def limited_no_call(rows: Sequence[Trajectory], most: float, seed: int) -> Step:
    """Rows without any call make up a share of at most ``most``."""
    silent = [index for index in _order(rows, seed) if not calls_in(rows[index].messages)]
    calling = len(rows) - len(silent)
    allowed = math.floor(calling * most / (1 - most)) if most < 1 else len(silent)
    reason = ("surplus_no_call", f"more than {most:.0%} of the rows call nothing")
    return split(rows, "no-call rows", dict.fromkeys(silent[allowed:], reason))


def _capped(
    rows: Sequence[Trajectory],
    name: str,
    kind: Callable[[Trajectory], Hashable],
    most: float,
    seed: int,
    reason: str,
) -> Step:
    kinds = [kind(row) for row in rows]
    counts = Counter(kinds)
    # The rows of a kind k are too many beside the others: n_k <= most * (n_k + others), solved for n_k.
    limits = {
        one: math.floor((len(rows) - count) * most / (1 - most)) if most < 1 and count < len(rows) else count
        for one, count in counts.items()
    }
    seen: Counter[Hashable] = Counter()
    problems = {}
    for index in _order(rows, seed):
        seen[kinds[index]] += 1
        if seen[kinds[index]] > limits[kinds[index]]:
            problems[index] = (reason, f"rows with {kinds[index]} make up more than {most:.0%}")
    return split(rows, name, problems)


def _order(rows: Sequence[Trajectory], seed: int) -> list[int]:
    """Indexes by a hash of seed and id: a choice that other rows do not change."""
    return sorted(range(len(rows)), key=lambda index: hashlib.sha256(f"{seed}\n{rows[index].id}".encode()).digest())
