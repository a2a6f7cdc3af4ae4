"""JSON files that commands read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from cli.options import invalid


def read_struct(file: Path, remedy: str) -> Struct:
    """The JSON object in a file. Raises InvalidArgument; ``remedy`` says what the object should be."""
    result = Struct()
    try:
        json_format.ParseDict(_read_object(file, remedy), result)
    except json_format.ParseError as error:
        raise invalid(str(file), str(error), "correct the file") from error
    return result


def _read_object(file: Path, remedy: str) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise invalid("file", f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise invalid(str(file), f"is not JSON: {error}", "correct the file") from error
    if not isinstance(data, dict):
        raise invalid(str(file), "is not a JSON object", remedy)
    return data


def _refuse_constant(text: str) -> float:
    # JSON has no NaN and no infinities, and neither has a Struct.
    raise ValueError(f"{text} is not a JSON number" if not math.isfinite(float(text)) else text)
