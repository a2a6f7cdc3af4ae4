"""Parameters as xlam-function-calling-60k has them, flattened and with Python's types, as JSON schemas and back.

``{"city": {"type": "str", "description": "...", "default": "Paris"}}`` is an object schema with a property each. What
is not marked optional, by ``", optional"`` behind the type or ``"required": false``, is required. A default alone marks
nothing: it comes from the APIs behind the dataset, which give examples for what they require as well. A type that JSON
schema does not know (``Callable``) becomes a property that takes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

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
_GENERIC = {"array": ("List[{}]", "items"), "object": ("Dict[str, {}]", "additionalProperties")}
_OPTIONAL = ", optional"
_KEYS = frozenset(("type", "properties", "required"))
_BESIDE = frozenset(("items", "additionalProperties", "anyOf", "required"))
_ITEMS = ("list", "array", "set", "sequence", "iterable")


def is_schema(parameters: Row) -> bool:
    """Whether parameters are a JSON schema already: a flattened parameter of the name "type" is an object."""
    return isinstance(parameters.get("type"), str)


def schema_of(parameters: Row, field: str) -> Row:
    """The JSON schema of flattened parameters.

    Raises:
        FieldError: a parameter is no object.
    """
    properties: Row = {}
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
    is_plain = True
    for name, one in properties.items():
        if not isinstance(one, dict):
            return schema
        result[name], was_plain = _flat(one, name in required)
        is_plain = is_plain and was_plain
    if is_plain and schema.keys() <= _KEYS and required == [name for name in properties if name in required]:
        return result if required or "required" not in schema else schema
    return result if schema_of(result, "") == schema else schema


def _property(parameter: Row) -> tuple[Row, bool]:
    """The schema of one parameter, its keys in the same order, and whether it is required."""
    written = parameter.get("type")
    if not isinstance(written, str):
        rest = {key: value for key, value in parameter.items() if key != "required"}
        return rest, parameter.get("required") is not False
    text = written.removesuffix(_OPTIONAL)
    plain = _NAMES.get(text)
    if plain is not None and "required" not in parameter:
        return {**parameter, "type": plain}, text == written
    schema: Row = {}
    for key, value in parameter.items():
        if key == "type":
            schema.update(_type_schema(text.strip()))
        elif key != "required":
            schema[key] = value
    stated = parameter.get("required")
    return schema, stated is True or (stated is not False and text == written)


def _flat(one: Row, is_required: bool) -> tuple[Row, bool]:
    """One parameter, and whether it is read as it was without a doubt: it has a plain type and nothing beside it."""
    found = one.get("type")
    plain = _WRITTEN.get(found) if isinstance(found, str) else None
    mark = "" if is_required else _OPTIONAL
    if plain is not None and one.keys().isdisjoint(_BESIDE):
        return {**one, "type": plain + mark}, True
    text = _type_text(one)
    if text is None or any(one.get(key) != value for key, value in _type_schema(text).items()):
        text = plain  # The keys beside the type stay as they are and are read as they are.
    told = () if text is None else _type_schema(text)
    result: Row = {}
    for key, value in one.items():
        if key == "type" and text is not None:
            result["type"] = text + mark
        elif key not in told:
            result[key] = value
    return result, False


def _type_text(one: Mapping[str, JsonValue]) -> str | None:
    name = one.get("type")
    if not isinstance(name, str):
        return None
    text = _WRITTEN.get(name)
    outer, inner = _GENERIC.get(name, ("", ""))
    part = one.get(inner)
    if isinstance(part, dict):
        named = _type_text(part)
        return None if named is None else outer.format(named)
    return text


@lru_cache(maxsize=4096)
def _type_schema(text: str) -> Mapping[str, JsonValue]:
    """The JSON schema of one of Python's types; empty for those that JSON does not have."""
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
        items = _object(parts[0])
        return {"type": "array", "items": items} if items else {"type": "array"}
    if name == "dict" and len(parts) == 2:
        values = _object(parts[1])
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    found = _NAMES.get(name)
    return {"type": found} if found else {}


def _object(text: str) -> dict[str, JsonValue]:
    return dict(_type_schema(text))


def _either(parts: list[str]) -> Mapping[str, JsonValue]:
    options: list[JsonValue] = [_object(part) for part in parts]
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
