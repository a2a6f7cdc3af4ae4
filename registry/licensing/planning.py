"""The cheapest changes that would clear a student, found by trying the alternatives.

Pure and deterministic. A student's terms are those that each of its parts brings, and every row of the decision table
looks at one term alone; so a combination of choices is judged from the judgements of its parts, each evaluated once,
and what is proposed is evaluated again as a whole. Combinations are taken cheapest first (`alternatives.ChangeKind`),
up to a bound; of those that come to the same for all that is still to be chosen, one is taken further.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.licensing.alternatives import (
    STUDENT_BASE,
    TEACHER,
    ChangeKind,
    Cost,
    Market,
    Slot,
    cost_of,
    kinds_in,
    slots_of,
)
from registry.licensing.needs import Need
from registry.licensing.parts import Choice, Parts
from registry.licensing.student import (
    MADE_HERE,
    Decisions,
    Recipe,
    Situation,
    Waiver,
    evaluate_student,
)
from registry.licensing.verdict import Approval, Evaluation, Reason
from registry.licensing.vocabulary import Context, Verdict

CLEAR = frozenset({Verdict.ALLOWED, Verdict.ALLOWED_WITH_OBLIGATIONS})
PLANS = 3
MAX_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One change to what was asked; `also` would do as well as `after` for all that a verdict depends on."""

    kind: ChangeKind
    slot: str
    before: str
    after: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes that clear a student in a context, once people have decided as `decisions` says.

    `undecided` is the verdict of the changed recipe before anybody decides, with the reasons that wait for people;
    `promised` the one afterwards, with the remaining duties. Nothing is assumed to have been decided.
    """

    context: Context
    cost: Cost
    changes: tuple[Change, ...]
    recipe: Recipe
    decisions: Decisions
    undecided: Evaluation
    promised: Evaluation

    @property
    def reviews(self) -> tuple[Reason, ...]:
        """The reasons that reviews would have to lift, one each."""
        return self.promised.lifted

    @property
    def agreements(self) -> tuple[Waiver, ...]:
        """The agreements that would have to be made."""
        return tuple(sorted(self.decisions.waivers))


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found in one context: the cheapest plan first.

    A later plan is the cheapest one that does not merely add to the kinds of changes of an earlier one. Without plans,
    `unlifted` are the reasons that no alternative lifts. `complete` tells that the bound was not reached: then nothing
    cheaper exists among the alternatives. `tries` counts the combinations, whole or in part, that were looked at.
    """

    context: Context
    plans: tuple[Plan, ...]
    unlifted: tuple[Reason, ...]
    tries: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The verdict of a student as asked in every context, and a search for each context that it is not clear in."""

    recipe: Recipe
    evaluations: Mapping[Context, Evaluation]
    searches: tuple[Search, ...]


def plan_student(
    asked: Recipe,
    market: Market,
    situation: Situation,
    contexts: Sequence[Context] = tuple(Context),
    plans: int = PLANS,
    max_tries: int = MAX_TRIES,
) -> Forecast:
    """Judges a student that does not exist yet, and looks for the cheapest changes that would clear it.

    Args:
        asked: the student as wanted; it has a teacher or a dataset.
        market: what may be chosen instead.
        situation: the rules of the day and the use.
        contexts: where to look for plans; verdicts are given for all four.
        plans: how many to look for in each context.
        max_tries: the bound on combinations looked at, in each context.
    """
    evaluations = {context: evaluate_student(asked, situation, context) for context in Context}
    slots = slots_of(asked, market, situation.catalogue)
    searches = tuple(
        _Search(asked, slots, situation, context).run(evaluations[context], plans, max_tries)
        for context in Context
        if context in contexts and evaluations[context].verdict not in CLEAR
    )
    return Forecast(asked, evaluations, searches)


class _State(NamedTuple):
    """A combination as far as it is decided: an option's place for each slot in order, what they cost and need."""

    cost: Cost
    choice: Choice
    by_agreement: bool
    changes: Cost
    need: Need


class _Search:
    """One context's search, cheapest first over combinations that are completed slot by slot."""

    def __init__(self, asked: Recipe, slots: Sequence[Slot], situation: Situation, context: Context) -> None:
        self._slots = slots
        self._situation = situation
        self._context = context
        self._parts = Parts(asked, slots, situation, context)
        self._steps: dict[object, list[tuple[int, Cost, Need]]] = {}

    def run(self, evaluation: Evaluation, wanted: int, max_tries: int) -> Search:
        found: list[Plan] = []
        waiting = [_State(0, (), False, 0, Need())]
        seen: set[object] = set()
        tries = 0
        while waiting and len(found) < wanted and tries < max_tries:
            state = heapq.heappop(waiting)
            # What merely adds to an earlier plan with reviews may still be another way out with agreements instead.
            reviewed = _adds_to(kinds_in(state.cost), found)
            if reviewed and _adds_to(kinds_in(state.changes) | {ChangeKind.AGREEMENT}, found):
                continue
            outlook = self._outlook(state)
            if outlook in seen:
                continue
            seen.add(outlook)
            tries += 1
            if len(state.choice) == len(self._slots) and self._parts.learns(state.choice) and not reviewed:
                found.append(self._plan(state))
            for successor in self._successors(state):
                heapq.heappush(waiting, successor)
        complete = len(found) == wanted or not waiting
        unlifted = () if found else tuple(self._unlifted(evaluation.reasons))
        return Search(self._context, tuple(found), unlifted, tries, complete)

    def _successors(self, state: _State) -> Iterator[_State]:
        """The next slot decided each way; of a whole combination, the one with agreements in the place of reviews."""
        if len(state.choice) < len(self._slots):
            for place, change, added in self._next(state.choice):
                need = state.need | added
                changes = state.changes + change
                yield _State(changes + need.cost, (*state.choice, place), False, changes, need)
        elif state.need.questions:
            need = state.need | Need(frozenset(question.waiver for question in state.need.questions))
            if all(waiver.licensor for waiver in need.waivers):
                yield _State(state.changes + need.cost, state.choice, True, state.changes, need)

    def _outlook(self, state: _State) -> object:
        """All of a state that what comes of it depends on; the first state of an outlook has the first choices too."""
        choice = state.choice
        return (len(choice), self._parts.surroundings(choice), self._parts.learns(choice), state.changes, state.need)

    def _next(self, choice: Choice) -> list[tuple[int, Cost, Need]]:
        """The options of the next slot that can be part of a cheapest plan: place, cost and need of each."""
        key = (len(choice), self._parts.surroundings(choice))
        if key not in self._steps:
            self._steps[key] = list(self._worthwhile(choice))
        return self._steps[key]

    def _worthwhile(self, choice: Choice) -> Iterator[tuple[int, Cost, Need]]:
        """The options of the next slot, without those that another one beats wherever they stand.

        What a component needs does not depend on others beside it. So an option is beaten where what was asked for, or
        an earlier option of its kind, needs no more and means the same to the slots after it.
        """
        needs: dict[object, list[Need]] = {}
        for place, option in enumerate(self._slots[len(choice)].options):
            after = (*choice, place)
            need = self._parts.need(after)
            if need is None:
                continue
            meaning = (self._parts.surroundings(after), option.teaches)
            rivals = [*needs.get((None, meaning), ()), *needs.setdefault((option.kind, meaning), [])]
            if not any(need.covers(other) for other in rivals):
                needs[option.kind, meaning].append(need)
                yield place, cost_of(option.kind) if option.kind else 0, need

    def _plan(self, state: _State) -> Plan:
        """The combination evaluated as a whole."""
        choice = self._refined(state)
        recipe = self._parts.recipe(choice)
        changes = tuple(self._changes(choice))
        if changes and changes[0].kind is ChangeKind.RELABEL:
            changes = (_fitting(changes[0], recipe), *changes[1:])
            recipe = replace(recipe, outbound=changes[0].after)
        agreed = evaluate_student(recipe, self._situation, self._context, Decisions(state.need.waivers))
        approvals = tuple(
            Approval(reason.code, reason.licenses[0], reason.origin, self._context)
            for reason in agreed.reasons
            if reason.liftable
        )
        decisions = Decisions(state.need.waivers, approvals)
        return Plan(
            context=self._context,
            cost=state.cost,
            changes=changes,
            recipe=recipe,
            decisions=decisions,
            undecided=evaluate_student(recipe, self._situation, self._context),
            promised=evaluate_student(recipe, self._situation, self._context, decisions),
        )

    def _refined(self, state: _State) -> Choice:
        """Of models that do equally well, those that leave the fewest duties; the options' own order decides ties."""
        choice = state.choice
        for depth in (STUDENT_BASE, TEACHER):
            choice = min(self._equals(choice, depth), key=lambda one: self._duties(one, state.need))
        return choice

    def _duties(self, choice: Choice, need: Need) -> int:
        agreed = Decisions(need.waivers)
        return len(evaluate_student(self._parts.recipe(choice), self._situation, self._context, agreed).obligations)

    def _changes(self, choice: Choice) -> Iterator[Change]:
        for depth, slot in enumerate(self._slots):
            option = slot.options[choice[depth]]
            if option.kind is not None:
                also = tuple(self._also(choice, depth))
                yield Change(option.kind, slot.name, slot.before, option.label, also)

    def _also(self, choice: Choice, depth: int) -> Iterator[str]:
        """What would do as well at one slot."""
        chosen = self._slots[depth].options[choice[depth]].label
        for other in self._equals(choice, depth):
            option = self._slots[depth].options[other[depth]]
            yield from (each for each in (option.label, *option.also) if each != chosen)

    def _equals(self, choice: Choice, depth: int) -> list[Choice]:
        """The students with another option of the same kind at one slot that need the same; the given one too."""
        options = self._slots[depth].options
        kind, total = options[choice[depth]].kind, self._parts.total(choice)
        alike = (place for place, option in enumerate(options) if option.kind is kind)
        others = ((*choice[:depth], place, *choice[depth + 1 :]) for place in alike)
        return [each for each in others if self._parts.learns(each) and self._parts.total(each) == total]

    def _unlifted(self, reasons: Sequence[Reason]) -> Iterator[Reason]:
        """The reasons of the parts for which no choice helps."""
        asked = (0,) * len(self._slots)
        for depth, slot in enumerate(self._slots):
            choices = ((*asked[:depth], place) for place in range(len(slot.options)))
            if all(self._parts.need(choice) is None for choice in choices):
                origins = {node for part in slot.options[0].brings.components for node in part.licensors}
                yield from (reason for reason in reasons if reason.origin in (origins or MADE_HERE))


def _adds_to(kinds: frozenset[ChangeKind], plans: Sequence[Plan]) -> bool:
    """Whether these kinds of changes are those of an earlier plan, or more."""
    return any(kinds_in(plan.cost) <= kinds for plan in plans)


def _fitting(relabel: Change, recipe: Recipe) -> Change:
    """Among licences that do equally well, one that the weights of the base carry already."""
    choices = (relabel.after, *relabel.also)
    fitting = next((each for each in choices if each in recipe.student.licenses()), relabel.after)
    return replace(relabel, after=fitting, also=tuple(each for each in choices if each != fitting))
