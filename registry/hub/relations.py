"""How a card says that a model was made from others, and what follows where it does not say. Pure.

The values and the inference are the hub's: huggingface.co/docs/hub/model-cards, "Specifying a base model".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from registry.licensing.vocabulary import EdgeType
from spiritsafe.registry.v1 import import_pb2

RELATIONS = {
    "adapter": EdgeType.ADAPTER,
    "merge": EdgeType.MERGE,
    "quantized": EdgeType.QUANTIZE,
    "finetune": EdgeType.FINETUNE,
}
_ADAPTER_FILE = "adapter_config.json"
_TAG = "base_model:"


def relation(card: import_pb2.HubCard) -> tuple[EdgeType, import_pb2.FactOrigin.ValueType, str]:
    """Edge type to the base models, who says so, and how sure that is."""
    stated = RELATIONS.get(card.base_model_relation.strip().lower())
    if stated is not None:
        return stated, card_origin(card), "declared"
    tagged = _tagged(card.tags)
    if tagged is not None:
        return tagged, import_pb2.FACT_ORIGIN_HUB, "derived"
    return _inferred(card), import_pb2.FACT_ORIGIN_HUB, "derived"


def card_origin(card: import_pb2.HubCard) -> import_pb2.FactOrigin.ValueType:
    return import_pb2.FACT_ORIGIN_FOLDER if card.from_folder else import_pb2.FACT_ORIGIN_CARD


def _tagged(tags: Sequence[str]) -> EdgeType | None:
    for tag in tags:
        kind, _, repo = tag.removeprefix(_TAG).partition(":")
        if tag.startswith(_TAG) and repo and kind in RELATIONS:
            return RELATIONS[kind]
    return None


def _inferred(card: import_pb2.HubCard) -> EdgeType:
    names = {PurePosixPath(path).name for path in card.paths}
    if _ADAPTER_FILE in names or card.library_name == "peft":
        return EdgeType.ADAPTER
    if len(card.base_model) > 1:
        return EdgeType.MERGE
    if any(name.lower().endswith(".gguf") for name in names) or "gguf" in card.tags:
        return EdgeType.QUANTIZE
    return EdgeType.FINETUNE
