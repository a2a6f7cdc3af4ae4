"""The facts of a release as somebody sees them who may not see every namespace of its lineage. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from registry.duties.facts import Facts, Step

MaySee = Callable[[str], bool]
"""Whether a namespace may be seen."""


def sees(may_see: MaySee, name: str) -> bool:
    """Whether the version of that resource name lies where it may be seen."""
    return may_see(name.split("/")[1])


def sees_all(may_see: MaySee, names: Iterable[str]) -> bool:
    return all(sees(may_see, name) for name in names)


def as_seen(facts: Facts, may_see: MaySee) -> Facts:
    """Without the papers, sources and names of hidden ancestors; the duties stay, and tell that they lack something."""
    hidden = sorted(name for name in facts.origins if not sees(may_see, name))
    if not hidden:
        return facts
    labels = {facts.origins[name].short: f"hidden ancestor {number}" for number, name in enumerate(hidden, start=1)}
    return replace(
        facts,
        origins={name: origin for name, origin in facts.origins.items() if name not in hidden},
        duties=tuple(
            replace(duty, origins=tuple(name for name in duty.origins if name not in hidden)) for duty in facts.duties
        ),
        steps=[
            Step(labels.get(step.child, step.child), step.edge, labels.get(step.parent, step.parent))
            for step in facts.steps
        ],
        hidden=len(hidden),
        hidden_duties=tuple(duty.id for duty in facts.duties if set(duty.origins) & set(hidden)),
    )
