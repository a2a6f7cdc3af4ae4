"""What a reviewer is asked, by the code of the reason.

For a non-commercial licence reached over outputs or data there are two questions, and a favourable answer to the first
does not settle the second (registry.licensing, "Reviews").
"""

from __future__ import annotations

from registry.licensing import ReasonCode

_NON_COMMERCIAL = (
    "Is the student, or the data, adapted material of the non-commercial work, under the law that applies here?",
    "Was the non-commercial model, as teacher or judge, run to build a commercial product, and what permits that run?",
)
_QUESTIONS: dict[str, tuple[str, ...]] = {
    ReasonCode.NC_OUTPUT_REACH_CONTESTED: _NON_COMMERCIAL,
    ReasonCode.NC_DATA_TRAINING_CONTESTED: _NON_COMMERCIAL,
    ReasonCode.NC_INTERNAL_USE_AMBIGUOUS: (
        "Is the intended internal use directed at a commercial advantage, and what keeps it apart from production?",
    ),
    ReasonCode.RESEARCH_ONLY_REVIEW: ("Which research does the teaching serve, and who takes part in it?",),
    ReasonCode.PROVIDER_TERMS_COMPETING_MODEL: (
        "Does the model compete with the provider's, and do the provider's terms bind whoever trained it?",
    ),
    ReasonCode.OUTPUT_TRAINING_CONTESTED: (
        "Does use as a judge fall under the licence's ban on improving other models with its output?",
    ),
    ReasonCode.SHARE_ALIKE_CONTESTED: ("Is the work adapted material that must carry the same licence?",),
    ReasonCode.NO_DERIVATIVES: ("Is the work adapted material, which the licence does not let anybody share?",),
    ReasonCode.NAME_PREFIX_MISSING: ("Does the naming clause reach this model, and why may its name lack the prefix?",),
}


def questions_for(code: str) -> list[str]:
    """The questions for a liftable reason code."""
    return list(_QUESTIONS[code])
