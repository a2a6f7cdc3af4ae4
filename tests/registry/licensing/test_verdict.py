"""One test, or more, for each row of the decision table, on profiles made for the row."""

from __future__ import annotations

from typing import Any

import pytest

from registry.licensing import (
    Approval,
    Context,
    Deployment,
    EdgeType,
    Evaluation,
    NodeExposures,
    NodeKind,
    OriginFacts,
    Policy,
    Reason,
    ReasonStatus,
    Subject,
    Verdict,
    derive_terms,
    evaluate,
    explain,
    inherit,
    load_profiles,
    parse_profile,
)
from registry.licensing.policy import PolicyChoice

REACH_KEYS = ("weights", "distill_logits", "distill_outputs", "generated_by", "judged_by", "trained_on")
RESEARCH, EDUCATION, INTERNAL, COMMERCIAL = Context.RESEARCH, Context.EDUCATION, Context.INTERNAL, Context.COMMERCIAL
DENIAL, OPEN = ReasonStatus.DENIAL, ReasonStatus.OPEN


def profile(*entries: dict[str, Any] | str, outbound: str = "any", reach: str = "binding") -> dict[str, Any]:
    """A profile `l` over weights binding, over every other key as given."""
    full = [{"code": entry} if isinstance(entry, str) else entry for entry in entries]
    return {
        "id": "l",
        "outbound_relicense": outbound,
        "limitations": [entry for entry in full if "trigger" not in entry],
        "conditions": [entry for entry in full if "trigger" in entry],
        "reach": {key: {"status": "binding" if key == "weights" else reach} for key in REACH_KEYS},
        "evidence": ["section 7"],
    }


def judge(
    raw: dict[str, Any],
    context: Context,
    *edges: EdgeType,
    kind: NodeKind = NodeKind.MODEL,
    name: str = "acme/student",
    facts: OriginFacts | None = None,
    base_family: str | None = None,
    **deployment: Any,
) -> Evaluation:
    """Judge the last node of a path over `edges` that starts at an origin under the profile `l`."""
    node: NodeExposures = inherit("origin", base_family if not edges else None)
    known = {"origin": facts or OriginFacts(("l",), multimodal=True)}
    for index, edge in enumerate(edges):
        node = inherit(f"n{index}", None, [(edge, node)])
        known[node.node] = OriginFacts(())
    catalogue = load_profiles().extended([parse_profile(raw)])
    settings = Deployment(**deployment)
    terms = derive_terms(node, known, catalogue, settings.policy)
    subject = Subject(node.node, kind, name, (), base_family, bool(edges))
    return evaluate(subject, terms, context, settings, catalogue)


def codes(result: Evaluation) -> dict[str, ReasonStatus]:
    return {str(reason.code): reason.status for reason in result.reasons}


def duties(result: Evaluation) -> set[str]:
    return {obligation.id for obligation in result.obligations}


TUNED = EdgeType.FINETUNE
LOGITS = EdgeType.DISTILL_LOGITS
SAMPLED = EdgeType.GENERATED_BY
TRAINED = EdgeType.TRAINED_ON
DEFAULT = Policy()


class TestNonCommercialBinding:
    @pytest.mark.parametrize(
        ("code", "context", "expected"),
        [
            ("NC", COMMERCIAL, {"NC_LIMITATION": DENIAL}),
            ("RESEARCH_ONLY", COMMERCIAL, {"RESEARCH_ONLY_LIMITATION": DENIAL}),
            ("NC", INTERNAL, {"NC_INTERNAL_USE_AMBIGUOUS": OPEN}),
            ("RESEARCH_ONLY", INTERNAL, {"NC_INTERNAL_USE_AMBIGUOUS": OPEN}),
            ("NC", EDUCATION, {}),
            ("RESEARCH_ONLY", EDUCATION, {"RESEARCH_ONLY_REVIEW": OPEN}),
            ("NC", RESEARCH, {}),
            ("RESEARCH_ONLY", RESEARCH, {}),
        ],
    )
    def test_by_context(self, code: str, context: Context, expected: dict[str, ReasonStatus]) -> None:
        assert codes(judge(profile(code), context, TUNED)) == expected

    @pytest.mark.parametrize(
        ("choice", "verdict"), [("allow", Verdict.ALLOWED), ("review", Verdict.NEEDS_REVIEW), ("deny", Verdict.DENIED)]
    )
    def test_internal_use_follows_policy(self, choice: str, verdict: Verdict) -> None:
        result = judge(profile("NC"), INTERNAL, policy=Policy(nc_internal_use=PolicyChoice(choice)))
        assert result.verdict is verdict
        assert result.policy_influence == (("nc_internal_use", choice),)

    @pytest.mark.parametrize("outbound", ["apache-2.0", "gpl-3.0", "AGPL-3.0", "mpl-2.0", "odbl", "cc-by-sa-4.0"])
    def test_distribution_under_an_open_licence_is_denied(self, outbound: str) -> None:
        result = judge(profile("NC"), RESEARCH, TUNED, outbound=(outbound,), distribute=True)
        assert codes(result) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}

    @pytest.mark.parametrize("outbound", [None, ("other",), ("cc-by-nc-4.0",)])
    def test_distribution_under_a_closed_or_no_licence_is_not(self, outbound: tuple[str, ...] | None) -> None:
        assert codes(judge(profile("NC"), RESEARCH, TUNED, outbound=outbound, distribute=True)) == {}


class TestNonCommercialContested:
    RAW = profile("NC", reach="contested")
    RESEARCH_RAW = profile("RESEARCH_ONLY", reach="contested")

    @pytest.mark.parametrize(
        ("edges", "code"),
        [
            ((TRAINED,), "NC_DATA_TRAINING_CONTESTED"),
            ((TRAINED, TUNED), "NC_DATA_TRAINING_CONTESTED"),
            ((EdgeType.JUDGED_BY, TRAINED), "NC_DATA_TRAINING_CONTESTED"),
            ((SAMPLED, TRAINED), "NC_OUTPUT_REACH_CONTESTED"),
            ((SAMPLED, EdgeType.DERIVED_FROM, TRAINED), "NC_OUTPUT_REACH_CONTESTED"),
            ((LOGITS,), "NC_OUTPUT_REACH_CONTESTED"),
            ((EdgeType.JUDGED_BY,), "NC_OUTPUT_REACH_CONTESTED"),
        ],
    )
    def test_one_code_by_crossing(self, edges: tuple[EdgeType, ...], code: str) -> None:
        for context in (COMMERCIAL, INTERNAL):
            assert codes(judge(self.RAW, context, *edges)) == {code: OPEN}

    def test_commercial_use_follows_policy_and_its_denial_cannot_be_lifted(self) -> None:
        deny = Policy(nc_output_reach=PolicyChoice.DENY)
        approvals = (Approval("NC_OUTPUT_REACH_CONTESTED"),)
        result = judge(self.RAW, COMMERCIAL, LOGITS, policy=deny, approvals=approvals)
        assert codes(result) == {"NC_OUTPUT_REACH_CONTESTED": DENIAL}
        assert result.reasons[0].policy == "nc_output_reach=deny"

    @pytest.mark.parametrize(("choice", "opened"), [("allow", 0), ("review", 1), ("deny", 1)])
    def test_internal_use_is_reviewed_unless_allowed(self, choice: str, opened: int) -> None:
        result = judge(self.RAW, INTERNAL, LOGITS, policy=Policy(nc_internal_use=PolicyChoice(choice)))
        assert list(codes(result).values()) == [OPEN] * opened

    def test_education_is_reviewed_for_research_only(self) -> None:
        assert codes(judge(self.RAW, EDUCATION, LOGITS)) == {}
        assert codes(judge(self.RESEARCH_RAW, EDUCATION, LOGITS)) == {"NC_OUTPUT_REACH_CONTESTED": OPEN}

    @pytest.mark.parametrize("context", [RESEARCH, EDUCATION])
    def test_open_distribution_is_reviewed(self, context: Context) -> None:
        released = judge(self.RAW, context, LOGITS, outbound=("gpl-3.0",), distribute=True)
        assert codes(released) == {"NC_OUTPUT_REACH_CONTESTED": OPEN}
        assert codes(judge(self.RAW, context, LOGITS, outbound=("other",), distribute=True)) == {}


class TestUseRestrictions:
    RAW = profile("USE_RESTRICTIONS")

    def test_a_duty_in_every_context(self) -> None:
        for context in Context:
            result = judge(self.RAW, context, TUNED)
            assert (result.verdict, duties(result)) == (Verdict.ALLOWED_WITH_OBLIGATIONS, {"USE_RESTRICTIONS:l"})

    def test_a_model_under_a_permissive_licence_is_denied(self) -> None:
        result = judge(self.RAW, COMMERCIAL, TUNED, outbound=("mit",))
        assert codes(result) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}
        assert duties(result) == {"USE_RESTRICTIONS:l"}
        assert codes(judge(self.RAW, COMMERCIAL, TUNED, outbound=("gpl-3.0",))) == {}

    def test_a_dataset_is_denied_too_unless_it_is_output(self) -> None:
        judged = judge(self.RAW, COMMERCIAL, EdgeType.JUDGED_BY, kind=NodeKind.DATASET, outbound=("mit",))
        assert codes(judged) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}
        sampled = judge(self.RAW, COMMERCIAL, SAMPLED, kind=NodeKind.DATASET, outbound=("mit",))
        assert (codes(sampled), duties(sampled)) == ({}, {"USE_RESTRICTIONS:l"})

    def test_contested_is_a_duty(self) -> None:
        result = judge(profile("USE_RESTRICTIONS", reach="contested"), COMMERCIAL, LOGITS, outbound=("mit",))
        assert (codes(result), duties(result)) == ({}, {"USE_RESTRICTIONS:l"})


class TestNamePrefix:
    ENTRY: dict[str, Any] = {"code": "NAME_PREFIX", "trigger": "distribute", "prefix": "Llama 3"}  # noqa: RUF012  # a constant

    def test_a_missing_prefix_is_denied_when_distributed(self) -> None:
        assert codes(judge(profile(self.ENTRY), COMMERCIAL, TUNED)) == {"NAME_PREFIX_MISSING": DENIAL}
        assert judge(profile(self.ENTRY), INTERNAL, TUNED).verdict is Verdict.ALLOWED

    @pytest.mark.parametrize("name", ["acme/llama-3-tools", "x/y/LLAMA_3_x", "Llama 3", "Llama-3.1-8B"])
    def test_a_fitting_name_leaves_the_duty(self, name: str) -> None:
        result = judge(profile(self.ENTRY), COMMERCIAL, TUNED, name=name)
        assert (codes(result), duties(result)) == ({}, {"NAME_PREFIX:l"})

    @pytest.mark.parametrize("name", ["llama-3-org/tools", "Meta-Llama-3", "Llama3"])
    def test_other_names_do_not_fit(self, name: str) -> None:
        assert codes(judge(profile(self.ENTRY), COMMERCIAL, TUNED, name=name)) == {"NAME_PREFIX_MISSING": DENIAL}

    def test_contested_is_a_review(self) -> None:
        raw = profile(self.ENTRY, reach="contested")
        assert codes(judge(raw, COMMERCIAL, LOGITS)) == {"NAME_PREFIX_MISSING": OPEN}
        lifted = judge(raw, COMMERCIAL, LOGITS, approvals=(Approval("NAME_PREFIX_MISSING"),))
        assert duties(lifted) == {"RECORDED_APPROVAL:NAME_PREFIX_MISSING"}
        assert duties(judge(raw, COMMERCIAL, LOGITS, name="Llama-3-x")) == {"NAME_PREFIX:l"}

    def test_a_licensors_own_release_is_free_of_it(self) -> None:
        own = judge(profile(self.ENTRY), COMMERCIAL, name="meta-llama/Meta-Llama-3-8B", base_family="llama3")
        assert own.verdict is Verdict.ALLOWED
        inherited = judge(profile(self.ENTRY), COMMERCIAL, LOGITS, base_family="llama3")
        assert codes(inherited) == {"NAME_PREFIX_MISSING": DENIAL}

    def test_datasets_have_no_model_name(self) -> None:
        assert judge(profile(self.ENTRY), COMMERCIAL, SAMPLED, kind=NodeKind.DATASET).verdict is Verdict.ALLOWED


class TestShareAlike:
    RAW = profile({"code": "SHARE_ALIKE", "trigger": "distribute"})

    def test_another_outbound_licence_is_denied(self) -> None:
        assert codes(judge(self.RAW, COMMERCIAL, outbound=("mit",))) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}
        assert codes(judge(self.RAW, COMMERCIAL, outbound=("l", "mit"))) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}

    def test_the_same_licence_leaves_the_duty(self) -> None:
        assert duties(judge(self.RAW, COMMERCIAL, outbound=("l",))) == {"SHARE_ALIKE:l"}
        assert judge(self.RAW, RESEARCH, outbound=("mit",)).verdict is Verdict.ALLOWED

    def test_capitals_do_not_make_it_another_licence(self) -> None:
        facts = OriginFacts(("Fair-1.0",))
        result = judge({**self.RAW, "id": "Fair-1.0"}, COMMERCIAL, facts=facts, outbound=("Fair-1.0",))
        assert duties(result) == {"SHARE_ALIKE:Fair-1.0"}

    def test_contested_is_a_review_when_distributed(self) -> None:
        raw = profile({"code": "SHARE_ALIKE", "trigger": "distribute"}, reach="contested")
        assert codes(judge(raw, COMMERCIAL, TRAINED, outbound=("l",))) == {"SHARE_ALIKE_CONTESTED": OPEN}
        assert codes(judge(raw, INTERNAL, TRAINED)) == {}


class TestSameOutboundLicence:
    RAW = profile({"code": "LICENSE_COPY", "trigger": "distribute"}, outbound="same")

    @pytest.mark.parametrize("edges", [(), (TUNED,), (EdgeType.MERGE, EdgeType.QUANTIZE)])
    def test_weights_may_not_become_permissive(self, edges: tuple[EdgeType, ...]) -> None:
        result = judge(self.RAW, COMMERCIAL, *edges, outbound=("apache-2.0",))
        assert codes(result) == {"OUTBOUND_LICENSE_INCOMPATIBLE": DENIAL}
        assert result.reasons[0].clause == "section 7"

    def test_other_edges_contested_terms_datasets_and_other_licences_may(self) -> None:
        for edge in (LOGITS, TRAINED):
            assert codes(judge(self.RAW, COMMERCIAL, edge, outbound=("apache-2.0",))) == {}
        loose = Policy(adapter_alone_is_derivative=False)
        adapter = judge(self.RAW, COMMERCIAL, EdgeType.ADAPTER, outbound=("apache-2.0",), policy=loose)
        assert codes(adapter) == {}
        assert adapter.policy_influence == (("adapter_alone_is_derivative", "false"),)
        assert codes(judge(self.RAW, COMMERCIAL, kind=NodeKind.DATASET, outbound=("apache-2.0",))) == {}
        assert codes(judge(self.RAW, COMMERCIAL, TUNED, outbound=("gpl-3.0",))) == {}


@pytest.mark.parametrize("edge", [TUNED, LOGITS])
@pytest.mark.parametrize("context", list(Context))
def test_user_cap(edge: EdgeType, context: Context) -> None:
    raw = profile("MAU_CAP", reach="contested")
    for over in (True, frozenset({"l"})):
        assert codes(judge(raw, context, edge, mau_over_threshold=over)) == {"MAU_THRESHOLD_EXCEEDED": DENIAL}
    assert codes(judge(raw, context, edge, mau_over_threshold=frozenset({"m"}))) == {}
    assert codes(judge(raw, context, edge)) == {}


@pytest.mark.parametrize("edge", [TUNED, LOGITS])
@pytest.mark.parametrize("context", list(Context))
def test_eu_exclusion_of_multimodal_models(edge: EdgeType, context: Context) -> None:
    raw = profile("EU_MULTIMODAL", reach="contested")
    assert codes(judge(raw, context, edge, licensee_in_eu=True)) == {"EU_MULTIMODAL_EXCLUDED": DENIAL}
    assert codes(judge(raw, context, edge)) == {}
    text_only = OriginFacts(("l",), multimodal=False)
    assert codes(judge(raw, context, edge, facts=text_only, licensee_in_eu=True)) == {}


class TestOutputTraining:
    @pytest.mark.parametrize("context", list(Context))
    def test_a_breach_denies_a_model_in_every_context(self, context: Context) -> None:
        raw = profile("OUTPUT_TRAINING_PROHIBITED", reach="prohibited")
        assert codes(judge(raw, context, LOGITS)) == {"OUTPUT_TRAINING_PROHIBITED": DENIAL}
        assert codes(judge(raw, context, LOGITS, TUNED)) == {"OUTPUT_TRAINING_PROHIBITED": DENIAL}
        assert codes(judge(raw, context, TUNED)) == {}
        assert codes(judge(raw, context, SAMPLED, kind=NodeKind.DATASET)) == {}

    @pytest.mark.parametrize("context", list(Context))
    def test_a_contested_breach_is_a_review(self, context: Context) -> None:
        raw = profile("OUTPUT_TRAINING_PROHIBITED", reach="prohibited")
        assert codes(judge(raw, context, EdgeType.JUDGED_BY)) == {"OUTPUT_TRAINING_CONTESTED": OPEN}
        assert codes(judge(raw, context, EdgeType.JUDGED_BY, TRAINED)) == {"OUTPUT_TRAINING_CONTESTED": OPEN}


def test_competing_models_are_reviewed_for_internal_and_commercial_use() -> None:
    for edge, reach in ((TUNED, "binding"), (LOGITS, "contested")):
        found = {context: codes(judge(profile("COMPETING_MODEL", reach=reach), context, edge)) for context in Context}
        opened = {"PROVIDER_TERMS_COMPETING_MODEL": OPEN}
        assert found == {RESEARCH: {}, EDUCATION: {}, INTERNAL: opened, COMMERCIAL: opened}


@pytest.mark.parametrize("facts", [OriginFacts(), OriginFacts(("no-such-licence",))])
@pytest.mark.parametrize("edge", [TUNED, LOGITS])
@pytest.mark.parametrize("context", list(Context))
def test_unknown_licences_follow_policy_and_are_never_lifted(
    facts: OriginFacts, edge: EdgeType, context: Context
) -> None:
    approvals = (Approval("UNKNOWN_LICENSE"),)
    assert codes(judge(profile(), context, edge, facts=facts, approvals=approvals)) == {"UNKNOWN_LICENSE": OPEN}
    deny = Policy(unknown_license=PolicyChoice.DENY)
    assert codes(judge(profile(), context, edge, facts=facts, policy=deny)) == {"UNKNOWN_LICENSE": DENIAL}


def test_other_conditions_are_duties_when_triggered() -> None:
    raw = profile({"code": "AUP", "trigger": "use"}, {"code": "NOTICE_FILE", "trigger": "distribute", "detail": "s.3"})
    assert duties(judge(raw, RESEARCH)) == {"AUP:l"}
    assert duties(judge(raw, RESEARCH, distribute=True)) == {"AUP:l", "NOTICE_FILE:l"}
    details = {duty.code: duty.detail for duty in judge(raw, COMMERCIAL, TUNED).obligations}
    assert details == {"AUP": "section 7", "NOTICE_FILE": "s.3"}


class TestAlerts:
    FACTS = OriginFacts(("l",), alerts=frozenset({"LICENSE_CONFLICT"}))

    @pytest.mark.parametrize("context", list(Context))
    def test_open_in_every_context_where_the_terms_reach(self, context: Context) -> None:
        approvals = (Approval("LICENSE_CONFLICT"),)
        raw = profile({"code": "AUP", "trigger": "use"}, reach="none")
        for edges in ((), (TUNED,), (TUNED, EdgeType.MERGE)):
            result = judge(raw, context, *edges, facts=self.FACTS, approvals=approvals)
            assert codes(result) == {"LICENSE_CONFLICT": OPEN}
            assert result.reasons[0].path.nodes[-1] == "origin"
        assert codes(judge(raw, context, LOGITS, facts=self.FACTS)) == {}

    def test_an_alert_of_a_node_of_unknown_licence_says_so(self) -> None:
        facts = OriginFacts(alerts=frozenset({"UNDECLARED_PARENT_SUSPECTED"}))
        reasons = judge(profile(), RESEARCH, facts=facts).reasons
        assert {reason.code: reason.licenses for reason in reasons} == {
            "UNDECLARED_PARENT_SUSPECTED": ("unknown",),
            "UNKNOWN_LICENSE": ("unknown",),
        }

    def test_a_node_without_terms_passes_its_alert_on_with_its_weights(self) -> None:
        facts = OriginFacts((), alerts=frozenset({"UNDECLARED_PARENT_SUSPECTED"}))
        assert codes(judge(profile(), RESEARCH, TUNED, facts=facts)) == {"UNDECLARED_PARENT_SUSPECTED": OPEN}


class TestReviewsAndAgreements:
    RAW = profile("NC", reach="contested")

    @pytest.mark.parametrize(
        ("approval", "lifts"),
        [
            (Approval("NC_OUTPUT_REACH_CONTESTED", "l", "origin", COMMERCIAL), True),
            (Approval("NC_OUTPUT_REACH_CONTESTED"), True),
            (Approval("NC_DATA_TRAINING_CONTESTED"), False),
            (Approval("NC_OUTPUT_REACH_CONTESTED", "other"), False),
            (Approval("NC_OUTPUT_REACH_CONTESTED", "l", "elsewhere"), False),
            (Approval("NC_OUTPUT_REACH_CONTESTED", "l", "origin", INTERNAL), False),
        ],
    )
    def test_a_review_holds_for_what_it_names(self, approval: Approval, lifts: bool) -> None:
        result = judge(self.RAW, COMMERCIAL, LOGITS, approvals=(approval,))
        assert (result.verdict is Verdict.ALLOWED_WITH_OBLIGATIONS) is lifts
        assert (duties(result) == {"RECORDED_APPROVAL:NC_OUTPUT_REACH_CONTESTED"}) is lifts
        assert bool(result.lifted) is lifts

    def test_a_denial_is_never_lifted(self) -> None:
        assert judge(profile("NC"), COMMERCIAL, TUNED, approvals=(Approval("NC_LIMITATION"),)).verdict is Verdict.DENIED

    def test_an_agreement_replaces_the_licence(self) -> None:
        facts = OriginFacts(("l",), waived=frozenset({"l"}))
        result = judge(profile("NC"), COMMERCIAL, SAMPLED, TRAINED, facts=facts)
        assert (result.verdict, duties(result)) == (
            Verdict.ALLOWED_WITH_OBLIGATIONS,
            {"CONTRACT_TERMS:commercial-agreement"},
        )

    def test_one_licensors_waiver_lifts_nothing_of_anothers(self) -> None:
        facts = OriginFacts(("cc-by-nc-4.0", "qwen-research"), waived=frozenset({"cc-by-nc-4.0"}))
        assert codes(judge(profile(), COMMERCIAL, TUNED, facts=facts)) == {"RESEARCH_ONLY_LIMITATION": DENIAL}


def test_reasons_are_one_sentence_with_licence_clause_path_and_remedy() -> None:
    (reason,) = judge(profile("NC"), COMMERCIAL, TUNED, TUNED).reasons
    assert isinstance(reason, Reason)
    assert explain(reason) == (
        "Denied, NC_LIMITATION: l of origin (section 7) by way of n1 > n0 > origin; "
        "get an agreement with the licensor, or choose another teacher or base."
    )


def test_every_shipped_profile_explains_its_reasons() -> None:
    for shipped in load_profiles():
        for context in Context:
            facts = OriginFacts((shipped.id,), multimodal=True)
            everything = Deployment(("apache-2.0",), True, licensee_in_eu=True, mau_over_threshold=True)
            node = inherit("n", None, [(TUNED, inherit("origin")), (LOGITS, inherit("origin"))])
            terms = derive_terms(node, {"origin": facts, "n": OriginFacts(())}, load_profiles(), DEFAULT)
            subject = Subject("n", NodeKind.MODEL, "acme/n", has_weights_parent=True)
            for reason in evaluate(subject, terms, context, everything, load_profiles()).reasons:
                assert reason.clause
                assert reason.remedy
                assert reason.path.nodes == ("n", "origin")
