"""Model families: how each one is prompted, what it must write, and how it is loaded."""

from distill.families.registry import FAMILIES as FAMILIES
from distill.families.registry import Role as Role
from distill.families.registry import UnknownFamilyError as UnknownFamilyError
from distill.families.registry import family_for as family_for
from distill.families.registry import family_named as family_named
from distill.families.registry import teacher_family_named as teacher_family_named
