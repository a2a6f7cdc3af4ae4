"""From the metadata of a card, in which people write what they like, to the message that asks what it means. Pure."""

from __future__ import annotations

from typing import Any

from spiritsafe.hub.names import Snapshot
from spiritsafe.registry.v1 import import_pb2

# No id, name or address of a card that means anything is longer.
MAX_TEXT_LENGTH = 500
MAX_ITEMS = 1_000


def hub_card(snapshot: Snapshot, *, from_folder: bool) -> import_pb2.HubCard:
    """What the repository says of itself, whether its fields hold one value or a list, text or something else."""
    card = snapshot.card
    return import_pb2.HubCard(
        hub_repo=snapshot.ref.repo,
        kind=_kind(snapshot),
        license=_texts(card.get("license")),
        license_name=_text(card.get("license_name")),
        license_link=_text(card.get("license_link")),
        base_model=_texts(card.get("base_model")),
        base_model_relation=_text(card.get("base_model_relation")),
        datasets=_texts(card.get("datasets")),
        tags=_texts([*snapshot.tags, *_texts(card.get("tags"))]),
        library_name=_text(card.get("library_name")) or snapshot.library,
        paths=[file.path for file in snapshot.files],
        from_folder=from_folder,
    )


def _kind(snapshot: Snapshot) -> import_pb2.HubRepoKind.ValueType:
    if snapshot.service:
        return import_pb2.HUB_REPO_KIND_SERVICE
    models = snapshot.ref.collection == "models"
    return import_pb2.HUB_REPO_KIND_MODEL if models else import_pb2.HUB_REPO_KIND_DATASET


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return list(dict.fromkeys(filter(None, map(_text, values[:MAX_ITEMS]))))


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        return ""
    # JSON can hold halves of characters, which no message can.
    return str(value).strip()[:MAX_TEXT_LENGTH].encode("utf-8", "replace").decode("utf-8")
