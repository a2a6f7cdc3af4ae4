"""What the registry holds of a repository already, and the place where the next version of it goes."""

from __future__ import annotations

from collections.abc import Iterator

from cli.importing.ids import id_of, marked_id
from cli.options import invalid
from cli.pages import every
from spiritsafe.client import Client
from spiritsafe.errors import NotFound
from spiritsafe.hub.names import RepoRef
from spiritsafe.publish import ensure_node
from spiritsafe.registry.v1 import version_pb2
from spiritsafe.rpc.names import NodeName, check_id

# Versions of one repository: each has its own commit, so there are never many.
LIMIT = 1_000


class Registered:
    """One namespace of the registry, as imports see it."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = check_id(namespace, "namespace")

    def versions(self, node: NodeName) -> list[version_pb2.Version]:
        """The versions of a model or dataset, newest first; none where it does not exist."""
        request = version_pb2.ListVersionsRequest(parent=str(node))
        try:
            return list(every(self._client.versions.ListVersions, request, "versions", LIMIT))
        except NotFound:
            return []

    def place(self, ref: RepoRef, given_id: str = "") -> tuple[NodeName, list[version_pb2.Version]]:
        """Where versions of the repository go, and those that are there.

        Without an id of the user's choice: the plain one, or, where that belongs to something else, a marked one.
        Raises InvalidArgument for a malformed id, and where even the marked one is taken.
        """
        for id_ in [check_id(given_id, "as")] if given_id else [id_of(ref.repo), marked_id(ref.repo)]:
            node = NodeName(self._namespace, ref.collection, id_)
            found = self.versions(node)
            if given_id or not found or any(comes_from(one, ref) for one in found):
                return node, found
        raise invalid("as", f"the ids of {ref.repo} are taken by something else", "choose one with --as")

    def ensure(self, node: NodeName, ref: RepoRef) -> None:
        """Creates the model or dataset where it does not exist, under the name that the repository has."""
        ensure_node(self._client, node, ref.repo)


def comes_from(version: version_pb2.Version, ref: RepoRef) -> bool:
    """Whether the version was imported from the repository."""
    return version.imported and version.source.hub_repo.casefold() == ref.repo.casefold()


def finished(versions: list[version_pb2.Version], ref: RepoRef) -> Iterator[version_pb2.Version]:
    """The finalized versions of the repository."""
    ready = version_pb2.VERSION_STATE_READY
    return (one for one in versions if one.state == ready and comes_from(one, ref))
