"""What the choices of a recipe bring, each judged by itself.

Pure. A part is what one choice brings into a student: the student's own licence, its base, a teacher, a dataset, a
judge. What it needs depends on few of the other choices, and is worked out once for each of their combinations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from registry.licensing.alternatives import METHOD, NAME, OUTBOUND, STUDENT_BASE, TEACHER, Option, Slot
from registry.licensing.components import Component
from registry.licensing.exposures import Crossings, NodeExposures, Path
from registry.licensing.needs import Need, need_of
from registry.licensing.outcome import is_distributed
from registry.licensing.student import Recipe, Situation, judge_terms, student_terms
from registry.licensing.terms import OriginFacts, TermSet
from registry.licensing.vocabulary import Context, NodeKind

# The place of an option in each slot, as far as they are chosen.
Choice = tuple[int, ...]


class Surroundings(NamedTuple):
    """All of the choices before that matters to a part: the release, exempt families of the base, and the method.

    Before the name is chosen the release is the outbound licence itself, since the next part is the student's own
    licence; later parts ask only what `Option.release` tells, and nothing where the student is not distributed. The
    method matters to the teacher alone.
    """

    release: tuple[object, ...]
    families: frozenset[str] | None
    method: int | None


class Parts:
    """The parts of a student in one context, by the choices that bring them."""

    def __init__(self, asked: Recipe, slots: Sequence[Slot], situation: Situation, context: Context) -> None:
        self._asked = asked
        self._slots = slots
        self._situation = situation
        self._context = context
        self._distributed = is_distributed(context, situation.distribute)
        self._exempt = frozenset[str]().union(*(profile.except_base for profile in situation.catalogue))
        self._terms: dict[object, TermSet] = {}
        self._needs: dict[object, Need | None] = {}

    def learns(self, choice: Choice) -> bool:
        """Whether the student has something to learn from as far as it is chosen."""
        return any(slot.options[place].teaches for slot, place in zip(self._slots, choice, strict=False))

    def surroundings(self, before: Choice) -> Surroundings:
        """What of these choices matters to the parts that further slots bring."""
        depth = len(before)
        release: tuple[object, ...] = before
        if depth > NAME:
            ways = (self._slots[each].options[before[each]].release for each in (OUTBOUND, NAME))
            release = tuple(ways) if self._distributed else ()
        base = self._families(self._slots[STUDENT_BASE].options[before[STUDENT_BASE]]) if depth > STUDENT_BASE else None
        return Surroundings(release, base, before[METHOD] if depth == TEACHER else None)

    def need(self, choice: Choice) -> Need | None:
        """What the part that the last choice brings needs, beside the others; None if nobody can decide it."""
        depth = len(choice) - 1
        if depth in (OUTBOUND, METHOD):
            return Need()
        key = (depth, choice[-1], self.surroundings(choice[:-1]))
        if key not in self._needs:
            fragment = self._fragment(choice)
            result = judge_terms(self._terms_of(choice, fragment), fragment, self._situation, self._context)
            self._needs[key] = need_of(result.reasons, fragment)
        return self._needs[key]

    def total(self, choice: Choice) -> Need | None:
        """What a whole combination needs."""
        total = Need()
        for depth in range(len(choice)):
            need = self.need(choice[: depth + 1])
            if need is None:
                return None
            total |= need
        return total

    def recipe(self, choice: Choice) -> Recipe:
        """The recipe as far as it is chosen; for the rest as it was asked for."""
        recipe = self._asked
        for slot, place in zip(self._slots, choice, strict=False):
            recipe = slot.options[place].apply(recipe)
        return recipe

    def _terms_of(self, choice: Choice, fragment: Recipe) -> TermSet:
        """Terms do not depend on the release, but for those of the student's own licence."""
        depth = len(choice) - 1
        before = self.surroundings(choice[:-1])._replace(release=())
        key = (depth, choice[OUTBOUND if depth == NAME else depth], before)
        if key not in self._terms:
            lineage = fragment if depth == NAME else replace(fragment, outbound="")
            self._terms[key] = student_terms(lineage, self._situation, self._context)
        return self._terms[key]

    def _fragment(self, choice: Choice) -> Recipe:
        """A student of nothing but what the last choice brings, on a base that brings its families alone."""
        recipe = self.recipe(choice)
        brings = self._slots[len(choice) - 1].options[choice[-1]].brings
        student = brings.student or _hollow(recipe.student.exposures.families & self._exempt)
        return replace(recipe, student=student, teacher=brings.teacher, datasets=brings.datasets, judges=brings.judges)

    def _families(self, option: Option) -> frozenset[str]:
        """The families of a base that some licence exempts: all that later slots ask of it."""
        student = option.brings.student
        return student.exposures.families & self._exempt if student else frozenset()


def _hollow(families: frozenset[str]) -> Component:
    """A base of the given families that brings no terms."""
    node = "base"
    exposures = NodeExposures(node, families, {Crossings(): {node: Path((node,))}})
    facts = {context: {node: OriginFacts(())} for context in Context}
    return Component(node, NodeKind.MODEL, exposures, facts, {node: ""})
