"""The cheapest plan: the facts of the field as cases, and a brute search beside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import Catalogue, Context, Policy, evaluate_scenarios, load_profiles
from registry.licensing.alternatives import ChangeKind, Market, cost_of, kinds_in
from registry.licensing.components import Component
from registry.licensing.planning import CLEAR, Plan, plan_student
from registry.licensing.student import (
    Decisions,
    Method,
    Recipe,
    Situation,
    Waiver,
    evaluate_student,
    judge_terms,
    licensor_of,
    student_terms,
)
from registry.licensing.terms import TermSet
from registry.licensing.verdict import Reason
from registry.licensing.vocabulary import LIFTABLE_CODES, NodeKind, ReasonCode, ReasonStatus, Verdict
from tests.registry.licensing.planned import choices, find, forecast, made_up, recipe, scenario, search

QWEN, GEMMA4, LLAMA3 = "Qwen/Qwen3-8B", "google/gemma-4-E4B-it", "meta-llama/Meta-Llama-3-8B-Instruct"
XLAM = "Salesforce/xLAM-7b-fc-r"
LLAMA_XLAM = "Salesforce/Llama-xLAM-2-8b-fc-r"
ROWS = "Salesforce/xlam-function-calling-60k"
CLEANEST = {"Salesforce/xLAM-2-32b-fc-r", "Salesforce/xLAM-2-1b-fc-r"}
NC = ReasonCode.NC_OUTPUT_REACH_CONTESTED


def kinds(plan: Plan) -> set[str]:
    return {kind.value for kind in kinds_in(plan.cost)}


def test_a_worst_teacher_gives_way_to_the_cleanest_one_of_its_family() -> None:
    relabelled, smaller, other = search(recipe(QWEN, XLAM)).plans
    assert (kinds(relabelled), relabelled.recipe.outbound) == ({"relabel", "review"}, "openrail-m")
    assert kinds(smaller) == {"teacher_size", "review"}
    assert smaller.changes[0].after == "Salesforce/xLAM-2-32b-fc-r"
    assert choices(smaller)["teacher"] > CLEANEST
    assert not choices(smaller)["teacher"] & {"Salesforce/xLAM-1b-fc-r", "Salesforce/xLAM-2-3b-fc-r", XLAM}
    assert [(each.code, each.origin) for each in smaller.reviews] == [(NC, "Salesforce/xLAM-2-32b-fc-r")]
    assert kinds(other) == {"teacher_family"}
    assert other.promised.verdict in CLEAR
    assert not other.reviews


def test_the_teacher_with_two_licensors_needs_two_decisions_and_another_size_one() -> None:
    smaller, as_asked, _ = search(recipe(QWEN, "Salesforce/xLAM-2-3b-fc-r")).plans
    assert choices(smaller)["teacher"] >= CLEANEST
    assert len(smaller.reviews) == 1
    assert as_asked.changes == ()
    assert {each.origin for each in as_asked.reviews} == {"Salesforce/xLAM-2-3b-fc-r", "Qwen/Qwen2.5-3B-Instruct"}


@pytest.mark.parametrize("student", [QWEN, GEMMA4])
def test_what_learns_from_llama_must_be_called_llama(student: str) -> None:
    asked = recipe(student, LLAMA_XLAM)
    evaluation = evaluate_student(asked, Situation(load_profiles(), Policy()), Context.COMMERCIAL)
    assert ReasonCode.NAME_PREFIX_MISSING in {reason.code for reason in evaluation.reasons}
    renamed = search(asked).plans[0]
    assert (kinds(renamed), renamed.recipe.name) == ({"rename", "review"}, "acme/Llama-tool")


def test_gemma_4_is_no_gemma() -> None:
    verdicts = {
        base: forecast(recipe(base, "Qwen/Qwen3-32B")).evaluations[Context.COMMERCIAL].verdict
        for base in (GEMMA4, "google/gemma-3-4b-it")
    }
    assert verdicts == {GEMMA4: Verdict.ALLOWED_WITH_OBLIGATIONS, "google/gemma-3-4b-it": Verdict.DENIED}


def test_rows_of_the_open_generator_are_the_clean_route() -> None:
    clean = forecast(recipe(QWEN, datasets=[f"{ROWS}#mixtral"]))
    assert clean.searches == ()
    assert clean.evaluations[Context.COMMERCIAL].verdict is Verdict.ALLOWED_WITH_OBLIGATIONS
    plans = search(recipe(QWEN, datasets=[ROWS])).plans
    assert [kinds(plan) for plan in plans] == [{"relabel"}, {"data"}, {"agreement"}]
    assert plans[1].changes[0].after == f"{ROWS}#mixtral"
    without = [plan for plan in search(recipe(QWEN, XLAM), plans=10).plans if kinds(plan) == {"no_teacher"}]
    assert [each.after for each in without[0].changes] == [f"none, {ROWS}#mixtral in its place"]


def test_outputs_of_llama_3_are_for_llama_3_alone() -> None:
    asked = recipe(QWEN, "meta-llama/Meta-Llama-3-70B-Instruct")
    found = forecast(asked)
    assert {each.verdict for each in found.evaluations.values()} == {Verdict.DENIED}
    cheapest = found.searches[-1].plans[0]
    assert kinds(cheapest) == {"student_base", "relabel", "rename"}
    assert choices(cheapest)["student base"] >= {LLAMA3}
    assert all(each.startswith("meta-llama/Meta-Llama-3-") for each in choices(cheapest)["student base"])
    assert (cheapest.recipe.name, cheapest.recipe.outbound) == ("acme/Llama-3-tool", "llama3")
    clear = forecast(
        recipe(LLAMA3, asked.teacher.name if asked.teacher else "", name="acme/Llama-3-t", outbound="llama3")
    )
    assert clear.searches == ()


def test_nothing_is_found_where_nobody_can_decide() -> None:
    unknown = made_up("acme/found-on-a-disk", ["no-such-licence"])
    asked = Recipe(unknown, find("Qwen/Qwen3-32B"))
    found = plan_student(asked, Market(), Situation(load_profiles(), Policy())).searches
    assert [each.plans for each in found] == [()] * 4
    assert all(each.complete for each in found)
    assert {(each.code, each.origin) for each in found[0].unlifted} == {(ReasonCode.UNKNOWN_LICENSE, unknown.name)}


def test_the_bound_is_told() -> None:
    found = search(recipe(QWEN, XLAM), max_tries=3)
    assert (found.complete, found.plans, found.tries) == (False, (), 3)


def test_plans_are_the_same_every_time_and_quick() -> None:
    asked = recipe(QWEN, XLAM, datasets=["Salesforce/APIGen-MT-5k"], judges=["openai/gpt-4o"], method=Method.LOGITS)
    started = time.thread_time()
    first = forecast(asked)
    assert time.thread_time() - started < 2
    assert all(each.tries < 1000 for each in first.searches)
    again = forecast(asked)
    for one, other in zip(first.searches, again.searches, strict=True):
        assert [(each.changes, each.decisions) for each in one.plans] == [
            (each.changes, each.decisions) for each in other.plans
        ]


ASKED = [
    recipe(QWEN, XLAM),
    recipe(QWEN, LLAMA_XLAM, datasets=["Salesforce/APIGen-MT-5k"]),
    recipe(QWEN, "meta-llama/Meta-Llama-3-70B-Instruct", judges=["Salesforce/xLAM-2-32b-fc-r"]),
    recipe("Qwen/Qwen2.5-3B", "openai/gpt-4o", outbound=""),
    recipe(QWEN, "Salesforce/xLAM-8x7b-r", method=Method.LOGITS),
    recipe("google/gemma-3-4b-it", datasets=[ROWS], judges=["meta-llama/Meta-Llama-3-8B-Instruct"]),
]


@pytest.mark.parametrize("asked", ASKED)
def test_every_plan_applied_gives_what_was_promised(asked: Recipe) -> None:
    """Judged as a scenario file, whose lineage and waivers are written without the planner."""
    for found in forecast(asked).searches:
        assert found.plans
        for plan in found.plans:
            applied = scenario(plan.recipe, outbound_license=plan.recipe.outbound)
            waived = {(waiver.licensor, waiver.license) for waiver in plan.agreements}
            for each in applied["nodes"]:
                owner = each["id"].partition("/")[0]
                each["waived"] = [one for one in each["licenses"] if (owner, one) in waived]
            assert verdict_of(applied, found.context) == plan.undecided.verdict or waived
            applied["facts"]["approvals"] = [each.code for each in plan.decisions.approvals]
            assert verdict_of(applied, found.context) == plan.promised.verdict
            assert plan.promised.verdict in CLEAR


def verdict_of(case: dict[str, object], context: Context) -> str:
    result: str = evaluate_scenarios(case)["cases"][0]["contexts"][context.value]["verdict"]
    return result


@pytest.mark.parametrize("asked", ASKED[:3])
def test_what_would_do_as_well_does(asked: Recipe) -> None:
    situation = Situation(load_profiles(), Policy())
    for plan in search(asked).plans:
        for change in plan.changes:
            for label in change.also[::7]:
                tried = with_choice(plan.recipe, change.slot, label)
                if tried is not None:
                    reasons = evaluate_student(
                        tried, situation, plan.context, Decisions(plan.decisions.waivers)
                    ).reasons
                    assert all(each.liftable for each in reasons)
                    assert len({(each.code, each.licenses) for each in reasons}) <= len(plan.reviews)


def with_choice(made: Recipe, slot: str, label: str) -> Recipe | None:
    fields = {"outbound licence": "outbound", "name": "name", "teacher": "teacher", "student base": "student"}
    if slot not in fields or label.startswith("none"):
        return None
    return replace(made, **{fields[slot]: label if slot in ("outbound licence", "name") else find(label)})  # type: ignore[arg-type]


# --- beside a brute search ---

RELEASES = ["apache-2.0", "openrail-m", "cc-by-nc-4.0", "cc-by-sa-4.0", "deepseek-model-1.0", "llama3", "llama3.1"]
FEW = Catalogue(load_profiles().get(each) for each in ["unknown", "commercial-agreement", *RELEASES])
LICENSES = [*RELEASES, "no-such-licence"]
POLICIES: dict[str, list[object]] = {
    "nc_output_reach": ["review", "deny"],
    "nc_internal_use": ["review", "allow", "deny"],
    "adapter_alone_is_derivative": [True, False],
}
FAMILIES = st.sampled_from([None, "llama3", "qwen3"])


@st.composite
def components(draw: st.DrawFn, name: str, kind: NodeKind = NodeKind.MODEL) -> Component:
    owner = draw(st.sampled_from(["acme", "bolt"]))
    licenses = st.lists(st.sampled_from(LICENSES), min_size=1, max_size=2, unique=True)
    base = draw(st.none() | licenses)
    below = made_up(f"{owner}/{name}-base", base, base_family=draw(FAMILIES)) if base else None
    family = draw(FAMILIES) if kind is NodeKind.MODEL and below is None else None
    return made_up(f"{owner}/{name}", draw(licenses), kind=kind, base=below, base_family=family)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Recipe, Market, Situation, Context]:
    models = [draw(components(f"m{place}")) for place in range(4)]
    datasets = [draw(components(f"d{place}", NodeKind.DATASET)) for place in range(2)]
    asked = Recipe(
        student=models[0],
        teacher=draw(st.sampled_from([None, *models[1:3]])),
        judges=tuple(draw(st.lists(st.just(models[3]), max_size=1))),
        method=Method.OUTPUTS,
        name=draw(st.sampled_from(["acme/tool", "acme/llama_tool"])),
        outbound=draw(st.sampled_from(["", "apache-2.0", "cc-by-sa-4.0", "openrail-m"])),
    )
    asked = replace(asked, datasets=(datasets[0],)) if asked.teacher is None or draw(st.booleans()) else asked
    if asked.teacher is not None:
        asked = replace(asked, method=draw(st.sampled_from(Method)))
    policy = Policy.from_mapping({name: draw(st.sampled_from(values)) for name, values in POLICIES.items()})
    market = Market(teachers=models[1:3], students=models[:2], datasets=datasets)
    return asked, market, Situation(FEW, policy, draw(st.booleans())), draw(st.sampled_from(Context))


def test_licences_alike_to_others_are_each_tried_as_the_students_own() -> None:
    """A review of the base alone suffices under a licence that needs no review of its own, wherever it stands."""
    base, other = made_up("acme/m0", ["cc-by-nc-4.0"]), made_up("acme/m1", ["apache-2.0"])
    rows = made_up("acme/d0", ["apache-2.0"], kind=NodeKind.DATASET)
    asked = Recipe(base, datasets=(rows,), name="acme/tool", outbound="apache-2.0")
    situation = Situation(FEW, Policy(), distribute=True)
    (found,) = plan_student(asked, Market(students=[base, other]), situation, [Context.INTERNAL]).searches
    assert [(kinds(plan), len(plan.reviews)) for plan in found.plans] == [
        ({"student_base"}, 0),
        ({"relabel", "review"}, 1),
        ({"agreement"}, 0),
    ]
    assert found.plans[1].recipe.outbound == "openrail-m"


def test_a_student_without_anything_to_learn_from_is_no_plan_and_no_equal_of_one() -> None:
    bad = made_up("acme/bad", ["no-such-licence"], kind=NodeKind.DATASET)
    good = [made_up(f"acme/d{place}", ["apache-2.0"], kind=NodeKind.DATASET) for place in range(2)]
    asked = Recipe(find(QWEN), datasets=(bad,), name="acme/tool", outbound="apache-2.0")
    found = plan_student(asked, Market(datasets=good), Situation(FEW, Policy()), [Context.COMMERCIAL]).searches[0]
    assert choices(found.plans[0]) == {"dataset": {"acme/d0", "acme/d1"}}


@settings(max_examples=14, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spaces())
def test_no_cheaper_plan_exists(space: tuple[Recipe, Market, Situation, Context]) -> None:
    """Against every combination of every alternative, each evaluated whole, without the search's folds and bounds."""
    asked, market, situation, context = space
    found = plan_student(asked, market, situation, [context], plans=4).searches
    if not found:
        return
    shapes: list[frozenset[ChangeKind]] = []
    costs = []
    for cost in sorted(set(brute(asked, market, situation, context))):
        if len(costs) < 4 and not any(shape <= kinds_in(cost) for shape in shapes):
            costs.append(cost)
            shapes.append(kinds_in(cost))
    assert [plan.cost for plan in found[0].plans] == costs
    assert all(plan.promised.verdict in CLEAR for plan in found[0].plans)


Choice = tuple[ChangeKind | None, Recipe]


def brute(asked: Recipe, market: Market, situation: Situation, context: Context) -> Iterator[int]:
    """The costs of all that clears, but for what merely adds changes to what nobody has to decide about."""
    verdicts = Verdicts(situation, context)
    settled: list[Counter[ChangeKind]] = []
    for changed, made in sorted(combinations(asked, market), key=lambda each: sum(map(cost_of, each[0].elements()))):
        if not any(each <= changed for each in settled):
            people = list(deciding(made, verdicts))
            settled += [changed] if 0 in people else []
            yield from (sum(map(cost_of, changed.elements())) + each for each in people)


def combinations(asked: Recipe, market: Market) -> Iterator[tuple[Counter[ChangeKind], Recipe]]:
    """Every combination of every alternative that is a student, with what it changes."""
    for way, base, method, (kind, teacher, added), data, judge in product(
        list(releases(asked)),
        [asked.student, *(each for each in market.students if each is not asked.student)],
        list(Method) if asked.teacher else [asked.method],
        list(sources(asked, market)),
        list(exchanges(asked.datasets, market.datasets)),
        list(exchanges(asked.judges, [each for each in market.teachers if each not in asked.judges])),
    ):
        release_kinds, name, outbound = way
        made = Recipe(base, teacher, (*data, *added), judge, method if teacher else Method.OUTPUTS, name, outbound)
        if not (made.teacher or made.datasets):
            continue
        changed = [*release_kinds, *([kind] if kind else [])]
        changed += [ChangeKind.STUDENT_BASE] * (base is not asked.student)
        changed += [ChangeKind.METHOD] * (method is not asked.method)
        changed += [ChangeKind.DATA] * ((data != asked.datasets) + (judge != asked.judges))
        yield Counter(changed), made


def releases(asked: Recipe) -> Iterator[tuple[list[ChangeKind], str, str]]:
    for name in dict.fromkeys([asked.name, "acme/Llama-tool", "acme/Llama-3-tool"]):
        if name == "acme/Llama-tool" and asked.name == "acme/llama_tool":
            continue
        for outbound in dict.fromkeys([asked.outbound, *RELEASES]):
            renamed = [ChangeKind.RENAME] * (name != asked.name)
            yield [*renamed, *[ChangeKind.RELABEL] * (outbound != asked.outbound)], name, outbound


def sources(
    asked: Recipe, market: Market
) -> Iterator[tuple[ChangeKind | None, Component | None, tuple[Component, ...]]]:
    yield None, asked.teacher, ()
    if asked.teacher is None:
        return
    for other in market.teachers:
        if other is not asked.teacher:
            same = other.family == asked.teacher.family
            yield ChangeKind.TEACHER_SIZE if same else ChangeKind.TEACHER_FAMILY, other, ()
    yield ChangeKind.NO_TEACHER, None, ()
    for data in market.datasets:
        if data not in asked.datasets:
            yield ChangeKind.NO_TEACHER, None, (data,)


def exchanges(
    held: tuple[Component, ...], others: list[Component] | tuple[Component, ...]
) -> Iterator[tuple[Component, ...]]:
    yield held
    if held:
        yield ()
        yield from ((each,) for each in others if each not in held)


class Verdicts:
    """Reasons against whole students; the terms of those that differ in their names are derived once."""

    def __init__(self, situation: Situation, context: Context) -> None:
        self._situation = situation
        self._context = context
        self._terms: dict[tuple[Recipe, frozenset[Waiver]], TermSet] = {}

    def reasons(self, made: Recipe, waivers: frozenset[Waiver] = frozenset()) -> tuple[Reason, ...]:
        key = (replace(made, name=""), waivers)
        if key not in self._terms:
            self._terms[key] = student_terms(made, self._situation, self._context, waivers)
        return judge_terms(self._terms[key], made, self._situation, self._context).reasons


def deciding(made: Recipe, verdicts: Verdicts) -> Iterator[int]:
    """What people would have to decide at least, and the same with agreements in the place of reviews."""
    reasons = verdicts.reasons(made)
    liftable = [each.status is ReasonStatus.OPEN and each.code in LIFTABLE_CODES for each in reasons]
    owners = [Waiver(licensor_of(made, each.origin), each.licenses[0]) for each in reasons]
    signed = frozenset(owner for owner, lifted in zip(owners, liftable, strict=True) if not lifted)
    for waivers in {signed, frozenset(owners)}:
        if all(each.licensor and each.license != "unknown" for each in waivers):
            left = verdicts.reasons(made, waivers) if waivers else reasons
            questions = {(each.code, each.licenses, licensor_of(made, each.origin)) for each in left}
            yield cost_of(ChangeKind.AGREEMENT, len(waivers)) + cost_of(ChangeKind.REVIEW, len(questions))
