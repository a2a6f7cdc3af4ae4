"""The front matter of a model or dataset card: YAML between two lines of three hyphens. Pure.

Fields as the Hugging Face hub reads them: https://huggingface.co/docs/hub/model-cards#model-card-metadata
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

MAX_FRONT_MATTER_CHARACTERS = 1 << 18
MAX_ENTRIES = 100
MAX_VALUE_CHARACTERS = 256
_FENCE = "---"


class FrontMatterError(ValueError):
    """The front matter cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says about licences and parents. A field that is absent, or is no text, is empty."""

    licenses: tuple[str, ...] = ()
    license_name: str = ""
    license_link: str = ""
    base_models: tuple[str, ...] = ()
    relation: str = ""
    datasets: tuple[str, ...] = ()


def read_card(text: str) -> Card:
    """The card of a README; an empty one where there is no front matter. Raises FrontMatterError."""
    block = _block(text)
    if not block:
        return Card()
    try:
        # Aliases make no copies here, and only the fields named below are looked at, so they cannot grow.
        fields = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FrontMatterError(f"has front matter that is not YAML: {type(error).__name__}") from error
    if not isinstance(fields, dict):
        raise FrontMatterError("has front matter that is no mapping")
    return Card(
        licenses=_texts(fields.get("license")),
        license_name=_text(fields.get("license_name")),
        license_link=_text(fields.get("license_link")),
        base_models=_texts(fields.get("base_model")),
        relation=_text(fields.get("base_model_relation")),
        datasets=_texts(fields.get("datasets")),
    )


def _block(text: str) -> str:
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[0].rstrip() != _FENCE:
        return ""
    ends = (index for index, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE)
    block = "\n".join(lines[1 : next(ends, 1)])
    if len(block) > MAX_FRONT_MATTER_CHARACTERS:
        raise FrontMatterError(f"has front matter of {len(block)} characters; {MAX_FRONT_MATTER_CHARACTERS} are read")
    return block


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in map(_text, values[:MAX_ENTRIES]) if text)


def _text(value: Any) -> str:
    """YAML reads some names as other things (``license: 0``); only text names a licence or a repository."""
    return value.strip()[:MAX_VALUE_CHARACTERS] if isinstance(value, str) else ""
