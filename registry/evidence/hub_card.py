"""Front matter of a Hugging Face model or dataset card, in the hub's vocabulary. Pure.

The fields and their values are those of the hub's documentation of model cards: ``license`` is one of its ids, else
``other`` with ``license_name`` and ``license_link``; ``base_model_relation`` is adapter, merge, quantized or finetune.
What the hub has no word for is said in comments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from registry.evidence.facts import Dossier, LicenceFact
from registry.licensing.vocabulary import DISTILLATION_EDGES, EdgeType
from spiritsafe.hub.cards import NO_LINK, HubLicense, lacks_link, license_fields


def render(dossier: Dossier) -> str:
    """The front matter, from the first ``---`` to the last."""
    fields = {key: value for key, value in _fields(dossier) if value}
    body = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=1000)
    remarks = "".join(f"# {line}\n" for line in _remarks(dossier))
    return f"---\n{remarks}{body}---\n"


def _fields(dossier: Dossier) -> Iterator[tuple[str, Any]]:
    yield from _license_fields(dossier).items()
    if not dossier.item.dataset:
        bases = base_models(dossier)
        yield "base_model", bases
        yield "base_model_relation", _relation(dossier, bases) if bases else None
        yield "datasets", _training_sets(dossier)
    yield "tags", list(_tags(dossier))


def _license_fields(dossier: Dossier) -> dict[str, str]:
    licences = [HubLicense(each.id, each.hub) for each in released_under(dossier)]
    return license_fields(licences, (file.path for file in dossier.item.files))


def released_under(dossier: Dossier) -> list[LicenceFact]:
    """The outbound licence where one was named, else the licences that count for the version itself."""
    ids = [dossier.outbound] if dossier.outbound else dossier.item.effective
    return [dossier.licences[each] for each in ids]


def base_models(dossier: Dossier) -> list[str]:
    """Hub repositories nearest above over weights: a parent without one hands the question on to its own parents."""
    found: dict[str, None] = {}
    waiting, seen = [dossier.subject], {dossier.subject}
    while waiting:
        for link in dossier.parents(waiting.pop(0)):
            if not link.over_weights or link.parent in seen:
                continue
            seen.add(link.parent)
            repo = dossier.items[link.parent].source_repo
            if repo:
                found[repo] = None
            else:
                waiting.append(link.parent)
    return list(found)


def _relation(dossier: Dossier, bases: list[str]) -> str:
    edges = {link.type for link in dossier.parents(dossier.subject) if link.over_weights}
    if EdgeType.QUANTIZE in edges:
        return "quantized"
    if EdgeType.ADAPTER in edges:
        return "adapter"
    # Merging an adapter into its own base is the hub's finetune.
    return "merge" if EdgeType.MERGE in edges and len(bases) > 1 else "finetune"


def _training_sets(dossier: Dossier) -> list[str]:
    links = (link for link in dossier.parents(dossier.subject) if link.type is EdgeType.TRAINED_ON)
    return [repo for link in links if (repo := dossier.items[link.parent].source_repo)]


def _tags(dossier: Dossier) -> Iterator[str]:
    through_outputs = DISTILLATION_EDGES | {EdgeType.GENERATED_BY}
    if any(link.type in through_outputs for link in dossier.links):
        yield "distillation"
    if any(item.stand_in for item in dossier.items.values()):
        yield "stand-in"


def _remarks(dossier: Dossier) -> Iterator[str]:
    if not released_under(dossier):
        yield "license: the version has no licence of its own, and no outbound licence was named"
    elif lacks_link(_license_fields(dossier)):
        yield NO_LINK
    for link in dossier.parents(dossier.subject):
        if not dossier.items[link.parent].source_repo:
            yield f"not on the hub, hence not in the fields below: {link.type.value} {dossier.items[link.parent].short}"
