"""Resource names of requests, checked against the namespaces that the caller may use before anything is looked up."""

from __future__ import annotations

import re
from typing import cast

from registry.errors import invalid
from registry.identity.access import ALL, check_namespace
from spiritsafe.rpc.caller import current_caller
from spiritsafe.rpc.names import Collection, NodeName, VersionName, check_id

_PREFIX = "namespaces/"
_ALL = re.compile(rf"namespaces/(?P<ns>[^/]+)/(?P<collection>models|datasets)/{ALL}")


def namespace_of(parent: str, field: str = "parent") -> str:
    """The id in ``namespaces/{namespace}``. Raises InvalidArgument and PermissionDenied."""
    if not parent.startswith(_PREFIX):
        raise invalid(field, f"{parent!r} is not of the form namespaces/NAMESPACE", reason="INVALID_NAME")
    namespace = check_id(parent.removeprefix(_PREFIX), field)
    check_namespace(current_caller(), namespace)
    return namespace


def namespaces_of(parent: str) -> str:
    """The same, or ``ALL`` for all that the caller may see."""
    return ALL if parent == f"{_PREFIX}{ALL}" else namespace_of(parent)


def node_of(name: str, collection: Collection, field: str) -> NodeName:
    """A model's or dataset's name. Raises InvalidArgument, for the other collection too, and PermissionDenied."""
    parsed = NodeName.parse(name, field)
    if parsed.collection != collection:
        raise invalid(field, f"{name!r} is none of the {collection}", reason="INVALID_NAME")
    check_namespace(current_caller(), parsed.namespace)
    return parsed


def version_of(name: str, field: str = "name") -> VersionName:
    """A version's name. Raises InvalidArgument and PermissionDenied."""
    parsed = VersionName.parse(name, field)
    check_namespace(current_caller(), parsed.node.namespace)
    return parsed


def versions_parent(name: str, field: str = "parent") -> NodeName:
    """A model's or dataset's name; the id is ALL for all of them. Raises InvalidArgument and PermissionDenied."""
    if all_of := _ALL.fullmatch(name):
        namespace = all_of["ns"] if all_of["ns"] == ALL else check_id(all_of["ns"], field)
        parsed = NodeName(namespace, cast("Collection", all_of["collection"]), ALL)
    else:
        parsed = NodeName.parse(name, field)
    if parsed.namespace != ALL:
        check_namespace(current_caller(), parsed.namespace)
    return parsed
