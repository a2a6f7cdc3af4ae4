"""What this installation offers to recipes."""

from __future__ import annotations

from typing import get_args

from distill.environments.base import Category
from distill.environments.registry import environment_names
from distill.families.registry import family_names
from distill.recipe import Known


def known_names() -> Known:
    """Student families and environments of this installation."""
    return Known(frozenset(family_names("student")), {name: get_args(Category) for name in environment_names()})
