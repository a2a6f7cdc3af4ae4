"""The official CycloneDX schema.

Its addresses are held to RFC 3986: for RFC 3987, which the schema names, jsonschema needs a package that makes each of
its imports slow, and we write no others.
"""

from __future__ import annotations

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonValidator
from jsonschema import Draft7Validator
from rfc3986_validator import validate_rfc3986

CYCLONEDX = JsonValidator(SchemaVersion.V1_7)


@Draft7Validator.FORMAT_CHECKER.checks("iri-reference")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or validate_rfc3986(value, rule="URI_reference") is not None
