"""Arguments of a call against the JSON schema of its tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from distill.trajectories.types import JsonValue, ToolSpec


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema takes 3.0 for an integer; a call that writes 3.0 where 3 is asked for is not exact.
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    """The validator of a schema in JSON. To build one takes ten times as long as to use it."""
    return _Validator(json.loads(schema))


def argument_problem(tool: ToolSpec, arguments: Mapping[str, JsonValue]) -> str | None:
    """What is wrong with ``arguments``, or None.

    A name that the schema does not list is wrong unless the schema says ``additionalProperties``.
    """
    schema = tool.parameters
    properties = cast("Mapping[str, JsonValue]", schema.get("properties", {}))
    if "additionalProperties" not in schema:
        unknown = sorted(set(arguments) - set(properties))
        if unknown:
            return f"{tool.name} has no argument {unknown[0]!r}; it takes: {', '.join(properties) or 'none'}"
    found = _validator(json.dumps(dict(schema))).iter_errors(dict(arguments))
    errors = sorted(found, key=lambda error: list(map(str, error.path)))
    if not errors:
        return None
    where = "/".join(str(part) for part in errors[0].path)
    return f"{tool.name}{'.' + where if where else ''}: {errors[0].message}"
