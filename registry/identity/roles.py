"""Roles and the permissions that they give. The permissions are those that the contract's methods name.

Duties are kept apart: who publishes does not decide reviews, who decides does not publish, and only a releaser moves
channels. An administrator makes tokens, and gets nothing else by it.
"""

from __future__ import annotations

from collections.abc import Iterable

_READ = frozenset(
    {
        "agreements.get",
        "agreements.list",
        "artifacts.download",
        "caller.get",
        "catalog.get",
        "catalog.list",
        "channels.get",
        "channels.list",
        "datasets.get",
        "datasets.list",
        "deployments.check",
        "evaluation_reports.get",
        "evaluation_reports.list",
        "licenses.evaluate",
        "licenses.get",
        "licenses.list",
        "models.get",
        "models.list",
        "reviews.get",
        "reviews.list",
        "runs.get",
        "runs.list",
        "versions.get",
        "versions.list",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "reader": _READ,
    "publisher": _READ
    | {
        "artifacts.upload",
        "datasets.create",
        "datasets.update",
        "evaluation_reports.create",
        "models.create",
        "models.update",
        "reviews.request",
        "runs.create",
        "runs.plan",
        "versions.create",
        "versions.delete",
    },
    "reviewer": _READ
    | {
        "agreements.create",
        "audit.list",
        "catalog.curate",
        "licenses.conclude",
        "reviews.decide",
        "reviews.request",
    },
    "releaser": _READ | {"audit.list", "promotions.create", "reviews.request"},
    "admin": _READ | {"audit.list", "tokens.create", "tokens.list", "tokens.revoke"},
}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """The union of what the roles give. A role that this version does not know gives nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def roles_with(permission: str) -> tuple[str, ...]:
    """The roles that give the permission, in alphabetical order."""
    return tuple(sorted(role for role, permissions in ROLES.items() if permission in permissions))
