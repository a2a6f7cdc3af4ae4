"""A student that does not exist yet: the lineage that the distillation service would write for it, and its verdict.

Pure. The answers of the teacher are a dataset `generated_by` it and `judged_by` the judges; an adapter is trained on
them and on further datasets; the student is the adapter merged into its base. With `Method.LOGITS` it is trained on the
teacher's logits as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from registry.licensing.components import Component, Facts
from registry.licensing.exposures import NodeExposures, inherit
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue
from registry.licensing.terms import OriginFacts, TermSet, derive_terms
from registry.licensing.verdict import Approval, Deployment, Evaluation, Subject
from registry.licensing.verdict import evaluate as judge
from registry.licensing.vocabulary import Context, EdgeType, NodeKind

STUDENT = "student"
ADAPTER = "student-adapter"
TRACES = "traces"
SELECTION = "selection"
MADE_HERE = (STUDENT, ADAPTER, TRACES, SELECTION)


class Method(StrEnum):
    """What of the teacher the student is trained on."""

    OUTPUTS = "outputs"
    LOGITS = "logits"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a student would be made and released.

    `name` is its public name. `outbound` is the licence that it declares and is released under, "" when none is named
    yet. Without a teacher it is trained on `datasets` alone.
    """

    student: Component
    teacher: Component | None = None
    datasets: tuple[Component, ...] = ()
    judges: tuple[Component, ...] = ()
    method: Method = Method.OUTPUTS
    name: str = STUDENT
    outbound: str = ""

    @property
    def components(self) -> tuple[Component, ...]:
        """All that it is made of, the base first."""
        teacher = (self.teacher,) if self.teacher else ()
        return (self.student, *teacher, *self.datasets, *self.judges)


@dataclass(frozen=True, slots=True)
class Situation:
    """The rules of the day, and how the student would be used. The commercial context always counts as distribution."""

    catalogue: Catalogue
    policy: Policy
    distribute: bool = False
    licensee_in_eu: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Waiver:
    """An agreement with a licensor that replaces one of its licences wherever it reaches the student."""

    licensor: str
    license: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people would have decided: agreements made, reviews approved."""

    waivers: frozenset[Waiver] = frozenset()
    approvals: tuple[Approval, ...] = field(default=())


def student_exposures(recipe: Recipe) -> NodeExposures:
    """The exposures of the merged student."""
    base = recipe.student.exposures
    training = list(_training(recipe))
    adapter = inherit(ADAPTER, None, [(EdgeType.ADAPTER, base), *training])
    return inherit(STUDENT, None, [(EdgeType.MERGE, base), (EdgeType.MERGE, adapter), *training])


def student_terms(
    recipe: Recipe, situation: Situation, context: Context, waivers: frozenset[Waiver] = frozenset()
) -> TermSet:
    """The terms that reach the student in a context."""
    own = OriginFacts((recipe.outbound,) if recipe.outbound else ())
    facts: dict[str, OriginFacts] = {STUDENT: own, ADAPTER: own, TRACES: OriginFacts(()), SELECTION: OriginFacts(())}
    for component in recipe.components:
        facts |= _waived(component, component.facts[context], waivers)
    return derive_terms(student_exposures(recipe), facts, situation.catalogue, situation.policy)


def judge_terms(
    terms: TermSet,
    recipe: Recipe,
    situation: Situation,
    context: Context,
    approvals: tuple[Approval, ...] = (),
) -> Evaluation:
    """The verdict that terms give for a student of the recipe's name and outbound licence."""
    outbound = (recipe.outbound,) if recipe.outbound else ()
    subject = Subject(STUDENT, NodeKind.MODEL, recipe.name, outbound, None, has_weights_parent=True)
    deployment = Deployment(
        outbound=outbound or None,
        distribute=situation.distribute,
        licensee_in_eu=situation.licensee_in_eu,
        policy=situation.policy,
        approvals=approvals,
    )
    return judge(subject, terms, context, deployment, situation.catalogue)


def evaluate_student(
    recipe: Recipe, situation: Situation, context: Context, decisions: Decisions | None = None
) -> Evaluation:
    """The verdict of a student in a context, once people have decided as given."""
    decided = decisions or Decisions()
    terms = student_terms(recipe, situation, context, decided.waivers)
    return judge_terms(terms, recipe, situation, context, decided.approvals)


def licensor_of(recipe: Recipe, node: str) -> str:
    """Who could waive the licences of a node of the student's lineage; "" for nobody."""
    found = (component.licensors[node] for component in recipe.components if node in component.licensors)
    return next(found, "")


def _training(recipe: Recipe) -> Iterator[tuple[EdgeType, NodeExposures]]:
    judged = [(EdgeType.JUDGED_BY, each.exposures) for each in recipe.judges]
    data = [each.exposures for each in recipe.datasets]
    if recipe.teacher is not None:
        answers = [(EdgeType.GENERATED_BY, recipe.teacher.exposures), *judged]
        yield EdgeType.TRAINED_ON, inherit(TRACES, None, answers)
        if recipe.method is Method.LOGITS:
            yield EdgeType.DISTILL_LOGITS, recipe.teacher.exposures
    elif judged:
        # Without answers, what the judges pass or refuse are the rows of the datasets.
        rows = [(EdgeType.DERIVED_FROM, each) for each in data]
        yield EdgeType.TRAINED_ON, inherit(SELECTION, None, [*rows, *judged])
        return
    yield from ((EdgeType.TRAINED_ON, each) for each in data)


def _waived(component: Component, facts: Facts, waivers: Iterable[Waiver]) -> Facts:
    by_licensor: dict[str, set[str]] = {}
    for waiver in waivers:
        by_licensor.setdefault(waiver.licensor, set()).add(waiver.license)
    if not by_licensor:
        return facts
    return {
        node: replace(each, waived=each.waived | by_licensor.get(component.licensors[node], frozenset()))
        for node, each in facts.items()
    }
