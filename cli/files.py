"""JSON files that commands are given."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from cli.options import invalid


def read_json(file: Path) -> Any:
    """The content of a JSON file. Raises InvalidArgument for one that cannot be read or is no JSON."""
    try:
        return json.loads(file.read_text("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise invalid("file", f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise invalid(str(file), f"is not JSON: {error}", "correct the file") from error


def _refuse_constant(text: str) -> float:
    # JSON has no NaN and no infinities, and neither has a Struct.
    raise ValueError(f"{text} is not a JSON number" if not math.isfinite(float(text)) else text)
