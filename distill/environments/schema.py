"""Arguments of a call against the JSON schema of its tool."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from distill.trajectories.types import JsonValue, ToolSpec


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema takes 3.0 for an integer; a call that writes 3.0 where 3 is asked for is not exact.
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


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
    try:
        found = _validator(json.dumps(dict(schema))).iter_errors(dict(arguments))
        errors = sorted(found, key=lambda error: list(map(str, error.path)))
    except (Unresolvable, UnknownType, re.error) as error:
        return f"{tool.name} has a schema that cannot be applied: {error}"
    if not errors:
        return None
    where = "/".join(str(part) for part in errors[0].path)
    return f"{tool.name}{'.' + where if where else ''}: {errors[0].message}"


def schema_problem(tool: ToolSpec) -> str | None:
    """Why the parameters of a tool are no JSON schema of an object, or None."""
    return _schema_problem(json.dumps(dict(tool.parameters)))


@lru_cache(maxsize=8192)
def _validator(schema: str) -> Any:
    # An empty registry resolves nothing: a schema of somebody's data must not make us open an address.
    return _Validator(json.loads(schema), registry=Registry())


@lru_cache(maxsize=8192)
def _schema_problem(text: str) -> str | None:
    schema = json.loads(text)
    if schema.get("type", "object") != "object":
        return f"parameters are of type {schema['type']!r}, and must be of type 'object'"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(str(part) for part in error.path)
        return f"{where or 'parameters'}: {error.message}"
    return None
