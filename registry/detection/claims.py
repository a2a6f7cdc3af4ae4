"""What metadata says about licences and parents: model cards, safetensors headers, GGUF metadata. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from registry.detection.front_matter import Card
from registry.detection.gguf import Array
from registry.detection.observations import LicenseSeen, ParentNamed, Source
from registry.licensing import load_profiles
from registry.licensing.hub_vocabulary import profile_ids
from registry.licensing.vocabulary import UNKNOWN

CARD_DETECTOR = "front matter 1"
SAFETENSORS_DETECTOR = "safetensors metadata 1"
GGUF_DETECTOR = "GGUF metadata 1"
_CONFIDENCE = "the publisher's statement, read with the hub's vocabulary"
DATASET = "dataset"
_MAX_PARENTS = 64
_MAX_CHARACTERS = 256
_HUB = re.compile(r"https?://(?:huggingface\.co|hf\.co)/(?P<repo>[^/\s]+/[^/\s?#]+)")


def of_card(file: str, card: Card) -> Iterator[LicenseSeen | ParentNamed]:
    """Licences, bases and data sets that a card names."""
    for license_id in card.licenses:
        yield _claim(file, CARD_DETECTOR, license_id, card.license_name, card.license_link)
    relation = _clean(card.relation) or "base_model"
    yield from (_parent(file, name, relation) for name in card.base_models)
    yield from (_parent(file, name, DATASET) for name in card.datasets)


def of_safetensors(file: str, metadata: Mapping[str, str]) -> Iterator[LicenseSeen | ParentNamed]:
    """The same in the strings of a header; keys may carry a prefix (``modelspec.license``)."""
    short = {key.rpartition(".")[2].lower(): value for key, value in metadata.items() if value.strip()}
    if short.keys() & {"license", "license_name"}:
        texts = [short.get(key, "") for key in ("license", "license_name", "license_link")]
        yield _claim(file, SAFETENSORS_DETECTOR, *texts)
    if "base_model" in short:
        yield _parent(file, short["base_model"], "base_model")


def of_gguf(file: str, metadata: Mapping[str, Any]) -> Iterator[LicenseSeen | ParentNamed]:
    """The same in GGUF metadata: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#general-metadata"""
    texts = [_text(metadata, f"general.license{part}") for part in ("", ".name", ".link")]
    if any(texts[:2]):
        yield _claim(file, GGUF_DETECTOR, *texts)
    for relation in ("base_model", DATASET):
        count = metadata.get(f"general.{relation}.count")
        for index in range(min(count, _MAX_PARENTS) if isinstance(count, int) else 0):
            name = _gguf_parent(metadata, f"general.{relation}.{index}")
            if name:
                yield _parent(file, name, relation)
    datasets = metadata.get("general.datasets")
    if isinstance(datasets, Array):
        yield from (_parent(file, one, DATASET) for one in datasets.first[:_MAX_PARENTS] if isinstance(one, str))


def _claim(file: str, detector: str, license_id: str, name: str, link: str) -> LicenseSeen:
    says = ", ".join(
        f"{key}: {_clean(value)}"
        for key, value in (("license", license_id), ("license_name", name), ("license_link", link))
        if value
    )
    return LicenseSeen(file, Source.CLAIM, _profiles(license_id, name, link), says, detector, _CONFIDENCE)


def _profiles(license_id: str, name: str, link: str) -> tuple[str, ...]:
    """The profiles that a statement names; empty where one of them has none. Our own ids are understood as well."""
    if license_id != UNKNOWN and license_id in load_profiles():
        return (license_id,)
    found = profile_ids(license_id, name, link) or ()
    return () if UNKNOWN in found else found


def _gguf_parent(metadata: Mapping[str, Any], prefix: str) -> str:
    link = _HUB.match(_text(metadata, f"{prefix}.repo_url"))
    if link:
        return link["repo"]
    name, organization = _text(metadata, f"{prefix}.name"), _text(metadata, f"{prefix}.organization")
    return f"{organization}/{name}" if organization and name else name


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value.strip() if isinstance(value, str) else ""


def _parent(file: str, name: str, relation: str) -> ParentNamed:
    return ParentNamed(file, _clean(name), relation)


def _clean(text: str) -> str:
    """One line that every database stores: no control characters, no halves of surrogate pairs, not too long."""
    line = "".join(one if one.isprintable() else " " for one in text)
    return line.strip()[:_MAX_CHARACTERS]
