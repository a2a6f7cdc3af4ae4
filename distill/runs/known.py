"""What this installation offers to recipes."""

from __future__ import annotations

from distill.environments.registry import ENVIRONMENTS
from distill.families.registry import family_names
from distill.recipe import Known


def known_names() -> Known:
    """Student families, and the scenario categories of each environment."""
    return Known(frozenset(family_names("student")), {name: found.categories for name, found in ENVIRONMENTS.items()})
