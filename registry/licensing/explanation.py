"""A verdict in plain language: one paragraph that says what was judged, why, what would change it and what it asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from registry.licensing.exposures import Path
from registry.licensing.profiles import Catalogue, Profile
from registry.licensing.verdict import RECORDED_APPROVAL, Evaluation, Obligation, Reason
from registry.licensing.vocabulary import UNKNOWN, Context, EdgeType, ReasonCode, ReasonStatus, TermCode, Verdict

NameOf = Callable[[str], str]

# Said of the licence, which is the subject of the sentence.
MEANINGS: dict[str, str] = {
    ReasonCode.NC_LIMITATION: "permits non-commercial use only",
    ReasonCode.RESEARCH_ONLY_LIMITATION: "permits research use only",
    ReasonCode.NC_INTERNAL_USE_AMBIGUOUS: (
        "permits non-commercial use only, and whether use inside a company is that, is not settled"
    ),
    ReasonCode.RESEARCH_ONLY_REVIEW: "permits research use only, and whether teaching is that, is not settled",
    ReasonCode.NC_DATA_TRAINING_CONTESTED: (
        "permits non-commercial use only, and whether that binds what was trained on the data, is contested"
    ),
    ReasonCode.NC_OUTPUT_REACH_CONTESTED: (
        "permits non-commercial use only, and whether that reaches what was made with the help of its outputs, "
        "is contested"
    ),
    ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE: "asks for terms that the outbound licence would not pass on",
    ReasonCode.NAME_PREFIX_MISSING: "asks for a beginning of the public name that the name does not have",
    ReasonCode.SHARE_ALIKE_CONTESTED: (
        "asks that works based on it keep its terms, and whether that reaches so far, is contested"
    ),
    ReasonCode.NO_DERIVATIVES: "does not permit sharing what was adapted from it",
    ReasonCode.MAU_THRESHOLD_EXCEEDED: "grants nothing to a licensee with more monthly active users than its cap",
    ReasonCode.EU_MULTIMODAL_EXCLUDED: "grants nothing in multimodal models to a licensee in the European Union",
    ReasonCode.OUTPUT_TRAINING_PROHIBITED: "forbids training other models on its outputs",
    ReasonCode.OUTPUT_TRAINING_CONTESTED: (
        "forbids training other models on its outputs, and whether judging with it is that, is contested"
    ),
    ReasonCode.PROVIDER_TERMS_COMPETING_MODEL: (
        "forbids building competing models, and whether this is one, is for a person to say"
    ),
    ReasonCode.UNKNOWN_LICENSE: "is unknown",
}
# Reasons that deny where the term binds, and are open where it is contested.
_ALSO_CONTESTED = frozenset({ReasonCode.NAME_PREFIX_MISSING, ReasonCode.NO_DERIVATIVES})
ALERT_MEANING = "is in doubt: a scan raised {code}, and nobody has concluded it"

DUTIES: dict[str, str] = {
    TermCode.USE_RESTRICTIONS: "keep to the use restrictions",
    TermCode.LICENSE_COPY: "pass on a copy of the licence",
    TermCode.NOTICE_FILE: "ship the notice file",
    TermCode.DISPLAY_NOTICE: "display the notice",
    TermCode.NAME_PREFIX: "keep the beginning of the name",
    TermCode.STATE_CHANGES: "state the changes made",
    TermCode.RETAIN_NOTICES: "retain the notices",
    TermCode.ATTRIBUTION: "give attribution",
    TermCode.SHARE_ALIKE: "share alike",
    TermCode.USE_RESTRICTION_FLOWDOWN: "pass the use restrictions on to recipients",
    TermCode.AUP: "keep to the acceptable use policy",
    TermCode.CONTRACT_TERMS: "keep to the terms of the agreement",
    RECORDED_APPROVAL: "keep the recorded approval",
}

# Of licences that SPDX does not list.
TITLES: dict[str, str] = {
    "commercial-agreement": "the commercial agreement",
    "deepseek-model-1.0": "DeepSeek Model License 1.0",
    "gemma": "Gemma Terms of Use",
    "llama3": "Llama 3 Community License",
    "llama3.1": "Llama 3.1 Community License",
    "llama3.2": "Llama 3.2 Community License",
    "llama3.3": "Llama 3.3 Community License",
    "llama4": "Llama 4 Community License",
    "mg-by-nc-2.0": "MG-BY-NC 2.0",
    "openai-terms": "OpenAI Terms of Use",
    "openrail-m": "OpenRAIL-M",
    "qwen": "Qwen License",
    "qwen-research": "Qwen Research License",
    "salesforce-xlam-research": "Salesforce xLAM research licence",
}

_HEADS = {
    Verdict.DENIED: "Denied for {use}",
    Verdict.NEEDS_REVIEW: "Open for review for {use}",
    Verdict.ALLOWED_WITH_OBLIGATIONS: "Allowed for {use}, with duties",
    Verdict.ALLOWED: "Allowed for {use}",
}
_USES = {
    Context.RESEARCH: "research use",
    Context.EDUCATION: "use in education",
    Context.INTERNAL: "internal use",
    Context.COMMERCIAL: "commercial use",
}
# How an edge reads: after the subject of the sentence, and after a node that was named before.
_EDGES: dict[EdgeType, tuple[str, str]] = {
    EdgeType.FINETUNE: ("is a fine-tune of", "a fine-tune of"),
    EdgeType.CONTINUED_PRETRAIN: ("continues the pre-training of", "which continues the pre-training of"),
    EdgeType.ADAPTER: ("is an adapter on", "an adapter on"),
    EdgeType.MERGE: ("is a merge of", "a merge of"),
    EdgeType.QUANTIZE: ("is a quantized copy of", "a quantized copy of"),
    EdgeType.PRUNE: ("is a pruned copy of", "a pruned copy of"),
    EdgeType.CONVERT: ("is a converted copy of", "a converted copy of"),
    EdgeType.DISTILL_LOGITS: ("was distilled from the logits of", "distilled from the logits of"),
    EdgeType.DISTILL_OUTPUTS: ("was distilled from the outputs of", "distilled from the outputs of"),
    EdgeType.GENERATED_BY: ("was generated by", "generated by"),
    EdgeType.JUDGED_BY: ("was judged by", "judged by"),
    EdgeType.TRAINED_ON: ("was trained on", "trained on"),
    EdgeType.DERIVED_FROM: ("was derived from", "derived from"),
}
# Of a longer path the middle is counted, not told.
_TOLD_FIRST, _TOLD_LAST = 6, 2
_SECTIONS = re.compile(
    r"\bs\.\s?\d+(?:\.\d+)*(?:\.?\([a-z0-9]+\))*(?:\.[a-z](?![a-z]))?|(?<![\w.])\d+\.[a-z](?:\.[ivx]+)?\b"
)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What the sentences of one paragraph have in common."""

    subject: str
    name_of: NameOf
    catalogue: Catalogue


def explain_evaluation(
    evaluation: Evaluation, subject: str, catalogue: Catalogue, *, outbound: Iterable[str] = (), name_of: NameOf = str
) -> str:
    """The evaluation as one paragraph, the same for the same evaluation.

    Args:
        evaluation: the verdict in one context.
        subject: id of the node that was judged.
        catalogue: the profiles that it was judged under.
        outbound: the licences of the release; told where a release is what is judged.
        name_of: the readable name of a node, given its id.
    """
    telling = _Telling(subject, name_of, catalogue)
    released = _listed([readable_license(each, catalogue) for each in outbound]) if _is_release(evaluation) else ""
    head = _HEADS[evaluation.verdict].format(use=_USES[evaluation.context]) + (
        f", released as {released}" * bool(released)
    )
    sentences = _reasons(telling, _alike(evaluation.reasons))
    if sentences:
        sentences[0] = f"{head}: {sentences[0]}"
    else:
        sentences = [f"{head}: {_nothing_against(telling, evaluation)}"]
    sentences += [_lifted(telling, group) for group in _alike(evaluation.lifted)]
    sentences += _duties(evaluation.obligations, catalogue)
    sentences += _confidence(evaluation, catalogue)
    return " ".join(sentences)


def _is_release(evaluation: Evaluation) -> bool:
    by_outbound = any(each.code == ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE for each in evaluation.reasons)
    return evaluation.context is Context.COMMERCIAL or by_outbound


def readable_license(license_id: str, catalogue: Catalogue) -> str:
    """The licence as people write it: its title, else its SPDX id where SPDX lists it, else its own id."""
    if license_id in TITLES:
        return TITLES[license_id]
    spdx = catalogue.get(license_id).spdx if license_id in catalogue else None
    return spdx if spdx and spdx != "NOASSERTION" and not spdx.startswith("LicenseRef-") else license_id


def path_in_words(path: Path, name_of: NameOf = str) -> str:
    """How a path runs: "A was trained on B, generated by C, a fine-tune of D"."""
    told = name_of(path.nodes[0])
    total = len(path.edges)
    skipped = range(_TOLD_FIRST, total - _TOLD_LAST) if total > _TOLD_FIRST + _TOLD_LAST + 1 else range(0)
    for position, edge in enumerate(path.edges):
        if position in skipped:
            if position == skipped[0]:
                told += f", and {len(skipped)} steps further on {name_of(path.nodes[skipped[-1] + 1])}"
            continue
        told += (f" {_EDGES[edge][0]} " if position == 0 else f", {_EDGES[edge][1]} ") + name_of(
            path.nodes[position + 1]
        )
    return told


def clause_reference(clause: str) -> str:
    """The sections that a clause cites, or the clause itself where it cites none."""
    cited = dict.fromkeys(re.sub(r"^s\.\s?", "", each) for each in _SECTIONS.findall(clause))
    if not cited:
        return clause
    return ("section " if len(cited) == 1 else "sections ") + _listed(list(cited))


def _alike(reasons: Iterable[Reason]) -> list[list[Reason]]:
    """Reasons that differ in origin and path alone are told together, in the order of the first of each."""
    groups: dict[tuple[object, ...], list[Reason]] = {}
    for each in reasons:
        groups.setdefault((each.code, each.status, each.licenses, each.clause, each.policy), []).append(each)
    return list(groups.values())


def _reasons(telling: _Telling, groups: Sequence[Sequence[Reason]]) -> list[str]:
    told = []
    before: Reason | None = None
    for group in groups:
        first = group[0]
        again = before is not None and (before.path, before.licenses) == (first.path, first.licenses)
        told.append(_reason(telling, group, "The same licence" if again else _whose(telling, first)))
        before = first
    return told


def _reason(telling: _Telling, group: Sequence[Reason], whose: str) -> str:
    first = group[0]
    said = f"{whose} {_meaning(first)}"
    others = [telling.name_of(each.origin) for each in group[1:]]
    if others:
        said += f"; the same holds of {_listed(others)}"
    if first.policy:
        said += f"; the policy {first.policy} decides this"
    cure = "What would cure it" if first.status is ReasonStatus.DENIAL else "What would settle it"
    return f"{said}. {cure}: {first.remedy}."


def _whose(telling: _Telling, reason: Reason) -> str:
    """Up to where the meaning of the reason follows: how the licence comes to matter."""
    known = [readable_license(each, telling.catalogue) for each in reason.licenses if each != UNKNOWN]
    licenses = f"{_listed(known)} ({clause_reference(reason.clause)})" if known and reason.clause else _listed(known)
    if len(reason.path.nodes) > 1:
        return f"{path_in_words(reason.path, telling.name_of)}, whose {licenses or 'licence'}"
    name = telling.name_of(reason.origin)
    return f"{name} is itself under {licenses}, which" if licenses else f"the licence of {name}"


def _meaning(reason: Reason) -> str:
    said = MEANINGS.get(reason.code) or ALERT_MEANING.format(code=reason.code)
    if reason.code in _ALSO_CONTESTED and reason.status is ReasonStatus.OPEN:
        return f"{said}, if it reaches so far, which is contested"
    return said


def _nothing_against(telling: _Telling, evaluation: Evaluation) -> str:
    but = " that has not been lifted" if evaluation.lifted else ""
    return f"no term that reaches {telling.name_of(telling.subject)} speaks against it{but}."


def _lifted(telling: _Telling, group: Sequence[Reason]) -> str:
    origins = _listed([telling.name_of(each.origin) for each in group])
    licenses = _listed([readable_license(each, telling.catalogue) for each in group[0].licenses])
    return f"A recorded approval lifts {group[0].code} for {licenses} of {origins}, which {_meaning(group[0])}."


def _duties(obligations: Sequence[Obligation], catalogue: Catalogue) -> list[str]:
    by_code: dict[str, dict[str, None]] = {}
    for each in obligations:
        by_code.setdefault(each.code, {})[readable_license(each.qualifier, catalogue)] = None
    if not by_code:
        return []
    count = sum(map(len, by_code.values()))
    told = "; ".join(f"{DUTIES.get(code, code)} ({', '.join(asked)})" for code, asked in by_code.items())
    return [f"{count} {'duty applies' if count == 1 else 'duties apply'}: {told}."]


def _confidence(evaluation: Evaluation, catalogue: Catalogue) -> list[str]:
    """Which of the licence profiles that decided are not checked against the licence's own text."""
    named = {each for reason in (*evaluation.reasons, *evaluation.lifted) for each in reason.licenses}
    named |= {each.qualifier for each in evaluation.obligations if each.qualifier in catalogue}
    unsure = [profile for profile in map(catalogue.get, sorted(named)) if _unsure(profile)]
    return [
        f"The profile of {readable_license(profile.id, catalogue)} is {profile.confidence}, "
        "not verified against the text of the licence."
        for profile in unsure
    ]


def _unsure(profile: Profile) -> bool:
    return profile.confidence not in ("verified", "n/a")


def _listed(names: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
