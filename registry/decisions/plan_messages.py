"""Plans of students in the words of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.decisions.questions import questions_for
from registry.decisions.rendering import Rendering, context_message, obligation_message, verdict_message
from registry.decisions.rules import Rules
from registry.licensing.components import Shelf
from registry.licensing.entries import Confidence, Fact
from registry.licensing.planning import Change, Forecast, Plan, Search
from registry.licensing.student import STUDENT, Recipe, licensor_of
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.names import VersionName

_NO_OUTBOUND = "Under which licence is it released? None is named, and a commercial channel asks for one."


class PlanMessages:
    """Renders what was computed under `rules`; `names` are those of stored versions by exposure node."""

    def __init__(self, shelf: Shelf, names: Mapping[str, VersionName], rules: Rules) -> None:
        self._shelf = shelf
        self._names = names
        self._rendering = Rendering(rules, self._full, self._short)

    def response(self, forecast: Forecast) -> licensing_pb2.PlanStudentResponse:
        """The whole answer."""
        asked = forecast.recipe
        return licensing_pb2.PlanStudentResponse(
            recipe=_recipe(asked),
            evaluations=[
                self._rendering.evaluation(each, STUDENT, asked.outbound) for each in forecast.evaluations.values()
            ],
            searches=map(self._search, forecast.searches),
            facts=self._facts(asked),
        )

    def _search(self, search: Search) -> licensing_pb2.PlanSearch:
        return licensing_pb2.PlanSearch(
            context=context_message(search.context),
            plans=map(self._plan, search.plans),
            unlifted_reasons=map(self._rendering.reason, search.unlifted),
            tries=search.tries,
            complete=search.complete,
        )

    def _plan(self, plan: Plan) -> licensing_pb2.StudentPlan:
        facts = self._facts(plan.recipe)
        return licensing_pb2.StudentPlan(
            changes=map(_change, plan.changes),
            recipe=_recipe(plan.recipe),
            undecided_verdict=verdict_message(plan.undecided),
            verdict=verdict_message(plan.promised),
            obligations=map(obligation_message, plan.promised.obligations),
            reviews=[
                licensing_pb2.PlannedReview(
                    code=reason.code,
                    license=reason.licenses[0],
                    origin=self._full(reason.origin),
                    questions=questions_for(reason.code),
                )
                for reason in plan.reviews
            ],
            agreements=self._agreements(plan),
            open_questions=_open_questions(plan, facts),
            facts=facts,
        )

    def _agreements(self, plan: Plan) -> Iterator[licensing_pb2.PlannedAgreement]:
        for waiver in plan.agreements:
            origins = {
                reason.origin
                for reason in plan.undecided.reasons
                if waiver.license in reason.licenses and licensor_of(plan.recipe, reason.origin) == waiver.licensor
            }
            yield licensing_pb2.PlannedAgreement(
                licensor=waiver.licensor, license=waiver.license, origins=sorted(map(self._full, origins))
            )

    def _facts(self, recipe: Recipe) -> list[licensing_pb2.ReliedFact]:
        """What the catalogue states of everything in the lineage, the least sure first."""
        found: list[tuple[str, str, Fact]] = []
        for hub_id in sorted({node for part in recipe.components for node in part.exposures.origins}):
            entry = None if hub_id in self._names else self._shelf.entry(hub_id)
            if entry is not None:
                found += [(entry.hub_id, field, fact) for field, fact in entry.facts.items() if field != "hub_id"]
        found.sort(key=lambda each: -list(Confidence).index(each[2].confidence))
        return [
            licensing_pb2.ReliedFact(
                hub_repo=hub_id, field=field, confidence=fact.confidence, source=fact.source, as_of=fact.as_of
            )
            for hub_id, field, fact in found
        ]

    def _full(self, node: str) -> str:
        return str(self._names.get(node, node))

    def _short(self, node: str) -> str:
        name = self._names.get(node)
        return name.short if name else node


def _open_questions(plan: Plan, facts: list[licensing_pb2.ReliedFact]) -> list[str]:
    questions = [question for reason in plan.reviews for question in questions_for(reason.code)]
    if not plan.recipe.outbound:
        questions.append(_NO_OUTBOUND)
    questions += [
        f"Is what the catalogue says of {fact.hub_repo}, {fact.field}, right? It is {fact.confidence}: {fact.source}."
        for fact in facts
        if fact.confidence != Confidence.VERIFIED
    ]
    return list(dict.fromkeys(questions))


def _recipe(recipe: Recipe) -> licensing_pb2.StudentRecipe:
    return licensing_pb2.StudentRecipe(
        teacher=recipe.teacher.name if recipe.teacher else "",
        student=recipe.student.name,
        datasets=[each.name for each in recipe.datasets],
        judges=[each.name for each in recipe.judges],
        method=enum_number(licensing_pb2.DistillMethod, recipe.method.value, "method"),
        public_name=recipe.name,
        outbound_license=recipe.outbound,
    )


def _change(change: Change) -> licensing_pb2.PlannedChange:
    return licensing_pb2.PlannedChange(
        kind=change.kind.value, subject=change.slot, before=change.before, after=change.after, also=change.also
    )
