"""Plans for students: a request read, judged under the rules of the day, and answered. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from registry.decisions.checks import context_text
from registry.decisions.plan_messages import PlanMessages
from registry.decisions.rules import Rules, current_rules
from registry.decisions.students import STORED, Workshop
from registry.errors import invalid
from registry.identity.access import check_namespace
from registry.licensing import Context
from registry.licensing.alternatives import Market
from registry.licensing.planning import PLANS, plan_student
from registry.licensing.student import Recipe, Situation
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

MAX_PLANS = 10


def check_request(caller: Caller, request: licensing_pb2.PlanStudentRequest) -> None:
    """Raises PermissionDenied for a version in a namespace out of reach, InvalidArgument for a malformed name."""
    recipe = request.recipe
    singles = [("recipe.teacher", recipe.teacher), ("recipe.student", recipe.student)]
    lists = [(f"recipe.{field}", name) for field in ("datasets", "judges") for name in getattr(recipe, field)]
    for field, name in (*singles, *lists):
        if name.startswith(STORED):
            check_namespace(caller, VersionName.parse(name, field).node.namespace)
    if not 0 <= request.max_plans <= MAX_PLANS:
        raise invalid("max_plans", f"{request.max_plans} is not a number from 0 to {MAX_PLANS}")


@dataclass(frozen=True, slots=True)
class Question:
    """A request with all that the registry knows about it, as of one snapshot."""

    recipe: Recipe
    contexts: tuple[Context, ...]
    plans: int
    situation: Situation
    workshop: Workshop
    rules: Rules


def read_question(session: Session, caller: Caller, request: licensing_pb2.PlanStudentRequest) -> Question:
    """Everything that an answer needs of the database.

    Raises:
        InvalidArgument, NotFound, FailedPrecondition: see `Workshop.recipe`.
    """
    rules = current_rules(session)
    workshop = Workshop(session, caller)
    return Question(
        recipe=workshop.recipe(request.recipe, rules),
        contexts=tuple(Context(context_text(each, "contexts")) for each in request.contexts) or tuple(Context),
        plans=request.max_plans or PLANS,
        situation=Situation(rules.catalogue, rules.policy, request.distributed, request.licensee_in_eu),
        workshop=workshop,
        rules=rules,
    )


def answer(question: Question) -> licensing_pb2.PlanStudentResponse:
    """The verdicts of the student that is asked about, and what would clear it. Needs no database."""
    shelf = question.workshop.shelf
    market = Market.of(shelf)
    forecast = plan_student(question.recipe, market, question.situation, question.contexts, question.plans)
    return PlanMessages(shelf, question.workshop.names, question.rules).response(forecast)
