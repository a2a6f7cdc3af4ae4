"""Parameters as xlam-function-calling-60k has them, flattened and with Python's types, as JSON schemas and back.

``{"city": {"type": "str", "description": "...", "default": "Paris"}}`` is an object schema with a property each. What
is not marked optional, by ``", optional"`` behind the type, ``"required": false`` or a default, is required. A type
that JSON schema does not know (``Callable``) becomes a property that takes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from distill.trajectories.rows import FieldError, Row
from distill.trajectories.types import JsonValue

_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("str", "string"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array", "tuple", "set", "sequence", "iterable"), "array"),
    **dict.fromkeys(("dict", "object", "mapping"), "object"),
    **dict.fromkeys(("none", "null"), "null"),
}
_WRITTEN: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "None",
}
_OPTIONAL = ", optional"
_ITEMS = ("list", "array", "set", "sequence", "iterable")
_TYPE_KEYS = ("type", "items", "additionalProperties", "anyOf")


def is_schema(parameters: Row) -> bool:
    """Whether parameters are a JSON schema already: a flattened parameter of the name "type" is an object."""
    return isinstance(parameters.get("type"), str)


def schema_of(parameters: Row, field: str) -> Row:
    """The JSON schema of flattened parameters.

    Raises:
        FieldError: a parameter is no object.
    """
    properties: dict[str, JsonValue] = {}
    required: list[JsonValue] = []
    for name, parameter in parameters.items():
        if not isinstance(parameter, dict):
            raise FieldError(f"{field}.{name}", "expected an object; write type and description")
        properties[name], is_required = _property(parameter)
        if is_required:
            required.append(name)
    schema: Row = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def flattened(schema: Row) -> Row:
    """The flattened parameters of a JSON schema, or the schema itself where it says more than they can."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return schema
    result: Row = {}
    for name, one in properties.items():
        if not isinstance(one, dict):
            return schema
        result[name] = _flat(one, name in required)
    return result if schema_of(result, "") == schema else schema


def _property(parameter: Row) -> tuple[Row, bool]:
    written = parameter.get("type")
    rest: Row = {key: value for key, value in parameter.items() if key not in ("type", "required")}
    stated = parameter.get("required")
    is_required = stated if isinstance(stated, bool) else "default" not in parameter
    if not isinstance(written, str):
        return ({**rest, "type": written} if "type" in parameter else rest), is_required
    text = written.removesuffix(_OPTIONAL)
    return {**type_schema(text), **rest}, is_required and (text == written or stated is True)


def _flat(one: Row, is_required: bool) -> Row:
    text = _type_text(one)
    typed = {key: value for key, value in one.items() if key in _TYPE_KEYS}
    if text is None or type_schema(text) != typed:
        # The keys beside the type stay as they are and are read as they are.
        found = one.get("type")
        text, typed = (_WRITTEN.get(found) if isinstance(found, str) else None), {"type": found}
    rest: Row = {key: value for key, value in one.items() if key not in typed}
    if text is not None and not is_required and "default" not in one:
        text += _OPTIONAL
    return rest if text is None else {"type": text, **rest}


def _type_text(one: Mapping[str, JsonValue]) -> str | None:
    name = one.get("type")
    if not isinstance(name, str):
        return None
    text = _WRITTEN.get(name)
    items = one.get("items")
    if text == "list" and isinstance(items, dict):
        inner = _type_text(items)
        return None if inner is None else f"List[{inner}]"
    return text


def type_schema(text: str) -> Row:
    """The JSON schema of one of Python's types; empty for those that JSON does not have."""
    return dict(cast("Row", _type_schema(text.strip())))


@lru_cache(maxsize=4096)
def _type_schema(text: str) -> Mapping[str, JsonValue]:
    plain = _NAMES.get(text.lower())
    if plain is not None:
        return {"type": plain}
    name, bracket, inside = text.partition("[")
    if not bracket or not inside.endswith("]"):
        return {}
    name, parts = name.strip().rpartition(".")[2].lower(), _parts(inside[:-1])
    if name in ("union", "optional"):
        return _either([*parts, "None"] if name == "optional" else parts)
    if name in _ITEMS and len(parts) == 1:
        items = type_schema(parts[0])
        return {"type": "array", "items": items} if items else {"type": "array"}
    if name == "dict" and len(parts) == 2:
        values = type_schema(parts[1])
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    found = _NAMES.get(name)
    return {"type": found} if found else {}


def _either(parts: list[str]) -> Mapping[str, JsonValue]:
    options: list[JsonValue] = [type_schema(part) for part in parts]
    return {"anyOf": options} if all(options) else {}


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]
