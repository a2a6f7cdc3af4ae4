"""Profiles and policies as documents."""

from __future__ import annotations

import copy
import json
from importlib import resources
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from registry.licensing import Policy

_FILES = resources.files("registry.licensing").joinpath("data/profiles").iterdir()
SHIPPED: dict[str, dict[str, Any]] = {
    each["id"]: each for file in _FILES for each in json.loads(file.read_text("utf-8"))["profiles"]
}


def profile_document(license_id: str, **changes: Any) -> dict[str, Any]:
    """A shipped profile with some of its fields replaced."""
    return copy.deepcopy(SHIPPED[license_id]) | changes


def policy_document(**changes: Any) -> dict[str, Any]:
    """The whole policy as shipped, with some of its settings replaced."""
    return Policy().to_mapping() | changes


def struct(value: dict[str, Any]) -> Struct:
    return json_format.ParseDict(value, Struct())
