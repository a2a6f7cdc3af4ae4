"""ImportService: what the card of a repository means. Reads the catalogue and changes nothing."""

from __future__ import annotations

from functools import partial

import grpc

from registry.context import Registry
from registry.decisions.known import known_entries
from registry.errors import invalid
from registry.hub.knowledge import known
from registry.hub.resolution import KINDS, resolve
from registry.licensing.entries import by_folded_id, find_in
from registry.licensing.hub_vocabulary import profile_ids
from spiritsafe.hub.names import is_repo
from spiritsafe.registry.v1 import import_pb2, import_pb2_grpc


class ImportService(import_pb2_grpc.ImportServiceServicer):
    """Stands between the words of a hub's cards and those of this registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def PlanImport(
        self, request: import_pb2.PlanImportRequest, context: grpc.ServicerContext
    ) -> import_pb2.PlanImportResponse:
        card = request.card
        if not is_repo(card.hub_repo):
            raise invalid("card.hub_repo", f"{card.hub_repo!r} is not of the form ORGANISATION/NAME")
        if card.kind not in KINDS:
            raise invalid("card.kind", "is missing or unknown", remedy="say whether it is a model or a dataset")
        with self._registry.database.read() as session:
            entries = by_folded_id(list(known_entries(session).values()))
        return resolve(card, known(card.hub_repo, KINDS[card.kind], partial(find_in, entries)), profile_ids)
