"""The closed vocabulary of the licensing core: edges, reach keys, codes, contexts, verdicts."""

from __future__ import annotations

import re
from enum import StrEnum

UNKNOWN = "unknown"
COMMERCIAL_AGREEMENT = "commercial-agreement"


class NodeKind(StrEnum):
    """What a lineage node is."""

    MODEL = "model"
    DATASET = "dataset"
    SERVICE = "service"


class EdgeType(StrEnum):
    """A typed lineage edge, always from child to parent."""

    FINETUNE = "finetune"
    CONTINUED_PRETRAIN = "continued_pretrain"
    ADAPTER = "adapter"
    MERGE = "merge"
    QUANTIZE = "quantize"
    PRUNE = "prune"
    CONVERT = "convert"
    DISTILL_LOGITS = "distill_logits"
    DISTILL_OUTPUTS = "distill_outputs"
    GENERATED_BY = "generated_by"
    JUDGED_BY = "judged_by"
    TRAINED_ON = "trained_on"
    DERIVED_FROM = "derived_from"
    EVALUATED_ON = "evaluated_on"
    EVALUATED_AGAINST = "evaluated_against"
    TOKENIZER_OF = "tokenizer_of"


WEIGHTS_EDGES = frozenset(
    {
        EdgeType.FINETUNE,
        EdgeType.CONTINUED_PRETRAIN,
        EdgeType.ADAPTER,
        EdgeType.MERGE,
        EdgeType.QUANTIZE,
        EdgeType.PRUNE,
        EdgeType.CONVERT,
    }
)
DISTILLATION_EDGES = frozenset({EdgeType.DISTILL_LOGITS, EdgeType.DISTILL_OUTPUTS})
DATA_EDGES = frozenset({EdgeType.GENERATED_BY, EdgeType.JUDGED_BY, EdgeType.TRAINED_ON, EdgeType.DERIVED_FROM})
NO_EFFECT_EDGES = frozenset({EdgeType.EVALUATED_ON, EdgeType.EVALUATED_AGAINST, EdgeType.TOKENIZER_OF})


class ReachKey(StrEnum):
    """A kind of crossing for which every profile states whether, and with which codes, its terms pass."""

    WEIGHTS = "weights"
    DISTILL_LOGITS = "distill_logits"
    DISTILL_OUTPUTS = "distill_outputs"
    GENERATED_BY = "generated_by"
    JUDGED_BY = "judged_by"
    TRAINED_ON = "trained_on"


class ReachStatus(StrEnum):
    """What a licence says about one reach key."""

    BINDING = "binding"
    CONTESTED = "contested"
    NONE = "none"
    PROHIBITED = "prohibited"


class TermStatus(StrEnum):
    """How firmly a term binds; once contested, always contested."""

    BINDING = "binding"
    CONTESTED = "contested"


class Mark(StrEnum):
    """What a term last passed through: nothing of note, sampled text, or a judge. The latter two clear each other."""

    NONE = "none"
    OUTPUT = "output"
    JUDGED = "judged"


class TermCode(StrEnum):
    """A limitation (can forbid) or a condition (a duty) of a licence."""

    NC = "NC"
    RESEARCH_ONLY = "RESEARCH_ONLY"
    MAU_CAP = "MAU_CAP"
    EU_MULTIMODAL = "EU_MULTIMODAL"
    USE_RESTRICTIONS = "USE_RESTRICTIONS"
    OUTPUT_TRAINING_PROHIBITED = "OUTPUT_TRAINING_PROHIBITED"
    COMPETING_MODEL = "COMPETING_MODEL"
    NO_DERIVATIVES = "NO_DERIVATIVES"
    UNKNOWN_LICENSE = "UNKNOWN_LICENSE"

    LICENSE_COPY = "LICENSE_COPY"
    NOTICE_FILE = "NOTICE_FILE"
    DISPLAY_NOTICE = "DISPLAY_NOTICE"
    NAME_PREFIX = "NAME_PREFIX"
    STATE_CHANGES = "STATE_CHANGES"
    RETAIN_NOTICES = "RETAIN_NOTICES"
    ATTRIBUTION = "ATTRIBUTION"
    SHARE_ALIKE = "SHARE_ALIKE"
    USE_RESTRICTION_FLOWDOWN = "USE_RESTRICTION_FLOWDOWN"
    AUP = "AUP"
    CONTRACT_TERMS = "CONTRACT_TERMS"


LIMITATION_CODES = frozenset(
    {
        TermCode.NC,
        TermCode.RESEARCH_ONLY,
        TermCode.MAU_CAP,
        TermCode.EU_MULTIMODAL,
        TermCode.USE_RESTRICTIONS,
        TermCode.OUTPUT_TRAINING_PROHIBITED,
        TermCode.COMPETING_MODEL,
        TermCode.NO_DERIVATIVES,
        TermCode.UNKNOWN_LICENSE,
    }
)
CONDITION_CODES = frozenset(TermCode) - LIMITATION_CODES


class Trigger(StrEnum):
    """When a condition becomes a duty."""

    USE = "use"
    DISTRIBUTE = "distribute"


class OutboundRelicense(StrEnum):
    """Under which terms a licence lets its own subject be released."""

    ANY = "any"
    FLOWDOWN = "flowdown"
    NONCOMMERCIAL = "noncommercial"
    SAME = "same"


class Context(StrEnum):
    """A purpose of use for which a verdict is given."""

    RESEARCH = "research"
    EDUCATION = "education"
    INTERNAL = "internal"
    COMMERCIAL = "commercial"


class Verdict(StrEnum):
    """The answer for one subject in one context."""

    ALLOWED = "allowed"
    ALLOWED_WITH_OBLIGATIONS = "allowed_with_obligations"
    NEEDS_REVIEW = "needs_review"
    DENIED = "denied"


class ReasonStatus(StrEnum):
    """A denial stands; an open reason waits for a person."""

    DENIAL = "denial"
    OPEN = "open"


class ReasonCode(StrEnum):
    """Why a verdict is not a plain yes. Alerts add codes of their own, which are plain strings."""

    NC_LIMITATION = "NC_LIMITATION"
    RESEARCH_ONLY_LIMITATION = "RESEARCH_ONLY_LIMITATION"
    NC_INTERNAL_USE_AMBIGUOUS = "NC_INTERNAL_USE_AMBIGUOUS"
    RESEARCH_ONLY_REVIEW = "RESEARCH_ONLY_REVIEW"
    NC_DATA_TRAINING_CONTESTED = "NC_DATA_TRAINING_CONTESTED"
    NC_OUTPUT_REACH_CONTESTED = "NC_OUTPUT_REACH_CONTESTED"
    OUTBOUND_LICENSE_INCOMPATIBLE = "OUTBOUND_LICENSE_INCOMPATIBLE"
    NAME_PREFIX_MISSING = "NAME_PREFIX_MISSING"
    SHARE_ALIKE_CONTESTED = "SHARE_ALIKE_CONTESTED"
    NO_DERIVATIVES = "NO_DERIVATIVES"
    MAU_THRESHOLD_EXCEEDED = "MAU_THRESHOLD_EXCEEDED"
    EU_MULTIMODAL_EXCLUDED = "EU_MULTIMODAL_EXCLUDED"
    OUTPUT_TRAINING_PROHIBITED = "OUTPUT_TRAINING_PROHIBITED"
    OUTPUT_TRAINING_CONTESTED = "OUTPUT_TRAINING_CONTESTED"
    PROVIDER_TERMS_COMPETING_MODEL = "PROVIDER_TERMS_COMPETING_MODEL"
    UNKNOWN_LICENSE = "UNKNOWN_LICENSE"


# A recorded review may lift an *open* reason of these codes; everything else is concluded, cured, or stands.
LIFTABLE_CODES = frozenset(
    {
        ReasonCode.NC_OUTPUT_REACH_CONTESTED,
        ReasonCode.NC_DATA_TRAINING_CONTESTED,
        ReasonCode.NC_INTERNAL_USE_AMBIGUOUS,
        ReasonCode.RESEARCH_ONLY_REVIEW,
        ReasonCode.PROVIDER_TERMS_COMPETING_MODEL,
        ReasonCode.OUTPUT_TRAINING_CONTESTED,
        ReasonCode.SHARE_ALIKE_CONTESTED,
        ReasonCode.NO_DERIVATIVES,
        ReasonCode.NAME_PREFIX_MISSING,
    }
)

# Every profile of the categories permissive and attribution; a test holds the two together.
PERMISSIVE_OUTBOUND = frozenset(
    {
        "afl-3.0",
        "apache-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsd-3-clause-clear",
        "bsl-1.0",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc0-1.0",
        "cdla-permissive-1.0",
        "cdla-permissive-2.0",
        "ecl-2.0",
        "etalab-2.0",
        "isc",
        "mit",
        "ncsa",
        "odc-by",
        "openmdw-1.0",
        "pddl",
        "postgresql",
        "unlicense",
        "wtfpl",
        "zlib",
    }
)
# Copyleft and share-alike licences come in versions and spellings: gpl-3.0, lgpl-2.1-or-later, odbl-1.0.
_COPYLEFT_OUTBOUND = re.compile(
    r"(?:[al]?gpl|mpl|odbl|epl|eupl|osl|ofl|artistic|cdla-sharing)(?:-.+)?|ms-pl|cc-by-sa-.+"
)


def is_permissive_outbound(license_id: str) -> bool:
    """Whether a release under this licence passes no restriction on."""
    return license_id.lower() in PERMISSIVE_OUTBOUND


def is_open_outbound(license_id: str) -> bool:
    """Whether recipients of a release under this licence may use it commercially."""
    return is_permissive_outbound(license_id) or bool(_COPYLEFT_OUTBOUND.fullmatch(license_id.lower()))
