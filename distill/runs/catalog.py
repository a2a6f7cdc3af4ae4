"""A recipe's bases in the registry's catalogue of known models, with everything upstream of them."""

from __future__ import annotations

from distill.recipe import Checkpoint
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


def checkpoint_entries(client: Client, checkpoint: Checkpoint, field: str) -> Entries:
    """As ``upstream_entries``. Raises InvalidArgument when the recipe names an entry that does not exist."""
    entries = upstream_entries(client, checkpoint.catalog_entry)
    named = checkpoint.catalog_entry and checkpoint.catalog_entry != checkpoint.value
    if named and not entries:
        description = f"{checkpoint.catalog_entry!r} is not in the catalogue"
        raise InvalidArgument(
            f"{field}.catalog_entry: {description}",
            reason="UNKNOWN_CATALOG_ENTRY",
            remedy="list the catalogue for its entries, or leave the field empty: the licence then counts as unknown",
            violations=(Violation(f"{field}.catalog_entry", description),),
        )
    return entries
