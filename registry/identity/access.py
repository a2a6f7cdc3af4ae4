"""Where a caller may act."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped

from spiritsafe.errors import PermissionDenied
from spiritsafe.rpc.caller import Caller

# In a parent's name: every namespace, model or dataset.
ALL = "-"


def may_use(caller: Caller, namespace: str) -> bool:
    """Whether the caller's roles hold in the namespace. A caller without a list of namespaces holds them in all."""
    return not caller.namespaces or namespace in caller.namespaces


def check_namespace(caller: Caller, namespace: str) -> None:
    """Raises PermissionDenied when the caller's roles do not hold in the namespace."""
    if may_use(caller, namespace):
        return
    raise PermissionDenied(
        f"the roles of {caller.identity} do not hold in namespace {namespace}",
        reason="NAMESPACE_NOT_GRANTED",
        remedy=f"ask an administrator for a token for namespace {namespace}",
        metadata={"namespace": namespace, "granted": ",".join(sorted(caller.namespaces))},
    )


def visible(caller: Caller, namespace: str, column: Mapped[str]) -> list[ColumnElement[bool]]:
    """Limits rows to a namespace, or to all that the caller may see where it is ``ALL``."""
    if namespace != ALL:
        return [column == namespace]
    return [column.in_(sorted(caller.namespaces))] if caller.namespaces else []


def check_everywhere(caller: Caller) -> None:
    """Raises PermissionDenied for a caller whose roles hold in some namespaces only: what follows concerns all."""
    if not caller.namespaces:
        return
    raise PermissionDenied(
        f"the roles of {caller.identity} hold in some namespaces only, and this concerns all of them",
        reason="NAMESPACE_NOT_GRANTED",
        remedy="ask somebody whose token is for all namespaces",
        metadata={"granted": ",".join(sorted(caller.namespaces))},
    )
