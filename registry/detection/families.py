"""Families whose mark a model's configuration or tokenizer bears. Pure.

An architecture class alone betrays nothing: anybody may train one from nothing. What betrays a family are the tokens of
its prompt format, its vocabulary and its token ids, some of them only together with the class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from registry.detection.gguf import Array
from registry.detection.observations import FamilySeen

_NUMBERS = ("vocab_size", "bos_token_id", "eos_token_id")


@dataclass(slots=True)
class Traits:
    """What the files of one folder say about a model; filled file by file."""

    files: list[str] = field(default_factory=list)
    model_types: set[str] = field(default_factory=set)
    numbers: dict[str, set[int]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    templates: list[str] = field(default_factory=list)

    def add_number(self, name: str, value: Any) -> None:
        """Keeps a whole number, or each of a list of them; anything else says nothing."""
        values = value if isinstance(value, list) else [value]
        whole = {one for one in values if isinstance(one, int) and not isinstance(one, bool)}
        self.numbers.setdefault(name, set()).update(whole)

    def has(self, mark: str) -> bool:
        """Whether a mark is a token, or stands in a chat template."""
        return mark in self.tokens or any(mark in template for template in self.templates)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Conditions that hold together for the models of some families and for hardly any others."""

    id: str
    families: tuple[str, ...]
    model_types: frozenset[str]
    numbers: Mapping[str, frozenset[int]]
    marks: tuple[str, ...]
    unless: frozenset[str]
    evidence: str
    confidence: str

    def holds(self, traits: Traits) -> bool:
        """Whether every condition does."""
        return (
            (not self.model_types or bool(self.model_types & traits.model_types))
            and all(values & traits.numbers.get(name, set()) for name, values in self.numbers.items())
            and all(map(traits.has, self.marks))
        )


@cache
def load_fingerprints() -> tuple[Fingerprint, ...]:
    """The shipped fingerprints."""
    text = resources.files("registry.detection").joinpath("data/families.json").read_text(encoding="utf-8")
    return tuple(_fingerprint(entry) for entry in json.loads(text)["fingerprints"])


def read_config(traits: Traits, config: Mapping[str, Any]) -> None:
    """Takes over what config.json or generation_config.json says; a multimodal model has its text part inside."""
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, Mapping) else {}):
        if isinstance(part.get("model_type"), str):
            traits.model_types.add(part["model_type"])
        for name in _NUMBERS:
            traits.add_number(name, part.get(name))


def read_tokenizer(traits: Traits, tokenizer: Mapping[str, Any]) -> None:
    """Takes over the special tokens and the chat template of tokenizer.json or tokenizer_config.json."""
    added = tokenizer.get("added_tokens")
    decoder = tokenizer.get("added_tokens_decoder")
    entries = [*(added if isinstance(added, list) else ()), *(decoder.values() if isinstance(decoder, dict) else ())]
    traits.tokens.update(_contents([*entries, *tokenizer.values()]))
    read_template(traits, tokenizer.get("chat_template"))


def read_template(traits: Traits, template: Any) -> None:
    """Takes over a chat template: a text, or a list of named ones."""
    if isinstance(template, str):
        traits.templates.append(template)
    elif isinstance(template, list):
        traits.templates += [one["template"] for one in template if _is_named(one)]


def traits_of_gguf(file: str, metadata: Mapping[str, Any]) -> Traits:
    """The traits of one GGUF file, which holds configuration, vocabulary and template itself."""
    traits = Traits([file])
    if isinstance(architecture := metadata.get("general.architecture"), str):
        traits.model_types.add(architecture)
    tokens = metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, Array):
        traits.add_number("vocab_size", tokens.length)
    for name in ("bos_token_id", "eos_token_id"):
        traits.add_number(name, metadata.get(f"tokenizer.ggml.{name}"))
    read_template(traits, metadata.get("tokenizer.chat_template"))
    return traits


def recognise(traits: Traits) -> list[FamilySeen]:
    """The fingerprints that hold, without those for which a more exact one holds."""
    holding = {each.id: each for each in load_fingerprints() if each.holds(traits)}
    return [
        FamilySeen(
            ", ".join(traits.files), each.families, each.id, _marks(each, traits), each.evidence, each.confidence
        )
        for each in holding.values()
        if not each.unless & holding.keys()
    ]


def _marks(fingerprint: Fingerprint, traits: Traits) -> tuple[str, ...]:
    """What was seen, in words."""
    numbers = [
        f"{name} {', '.join(map(str, sorted(values & traits.numbers.get(name, set()))))}"
        for name, values in fingerprint.numbers.items()
    ]
    types = [f"model_type {one}" for one in sorted(fingerprint.model_types & traits.model_types)]
    return (*types, *numbers, *fingerprint.marks)


def _contents(entries: Iterable[Any]) -> Iterable[str]:
    """Tokens are texts, or objects with the text under ``content``."""
    for entry in entries:
        text = entry.get("content") if isinstance(entry, dict) else entry
        if isinstance(text, str):
            yield text


def _is_named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("template"), str)


def _fingerprint(entry: Mapping[str, Any]) -> Fingerprint:
    return Fingerprint(
        id=entry["id"],
        families=tuple(entry["families"]),
        model_types=frozenset(entry.get("model_type", ())),
        numbers={name: frozenset(entry[name]) for name in _NUMBERS if name in entry},
        marks=tuple(entry.get("marks", ())),
        unless=frozenset(entry.get("unless", ())),
        evidence=entry["evidence"],
        confidence=entry["confidence"],
    )
