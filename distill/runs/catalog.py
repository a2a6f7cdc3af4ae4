"""A recipe's bases in the registry's catalogue of known models, with everything upstream of them."""

from __future__ import annotations

from distill.recipe import Checkpoint, Recipe
from spiritsafe.client import Client
from spiritsafe.errors import InvalidArgument, NotFound, Violation
from spiritsafe.registry.v1 import catalog_pb2

Entries = dict[str, catalog_pb2.CatalogEntry]
"""Entries by hub repository. A repository that is named as a parent but missing here is not in the catalogue."""


def upstream_entries(client: Client, hub_repo: str) -> Entries:
    """The entry of ``hub_repo`` and all its ancestors; empty when the catalogue does not know it."""
    entries: Entries = {}
    waiting = [hub_repo] if hub_repo else []
    while waiting:
        repo = waiting.pop()
        if repo in entries:
            continue
        try:
            request = catalog_pb2.GetCatalogEntryRequest(name=f"catalog/{repo}")
            entries[repo] = client.catalog.GetCatalogEntry(request).entry
        except NotFound:
            continue
        waiting.extend(parent.hub_repo for parent in entries[repo].parents)
    return entries


def recipe_entries(client: Client, recipe: Recipe) -> Entries:
    """As ``upstream_entries``, of teacher, student and judge.

    Raises:
        InvalidArgument: the recipe names an entry that does not exist.
    """
    entries = {
        **_checkpoint_entries(client, recipe.teacher.base, "recipe.teacher.base"),
        **_checkpoint_entries(client, recipe.student.base, "recipe.student.base"),
    }
    if recipe.judge:
        entries |= _named_entries(client, recipe.judge.catalog_entry, "recipe.judge")
    return entries


def _checkpoint_entries(client: Client, checkpoint: Checkpoint, field: str) -> Entries:
    # A hub repository need not be known; an entry that somebody names beside it must be.
    if checkpoint.catalog_entry == checkpoint.value:
        return upstream_entries(client, checkpoint.value)
    return _named_entries(client, checkpoint.catalog_entry, field)


def _named_entries(client: Client, hub_repo: str, field: str) -> Entries:
    entries = upstream_entries(client, hub_repo)
    if hub_repo and not entries:
        description = f"{hub_repo!r} is not in the catalogue"
        raise InvalidArgument(
            f"{field}.catalog_entry: {description}",
            reason="UNKNOWN_CATALOG_ENTRY",
            remedy="list the catalogue for its entries, or leave the field empty: the licence then counts as unknown",
            violations=(Violation(f"{field}.catalog_entry", description),),
        )
    return entries
