"""The process in which ScanCode runs: a JSON object of texts on standard input, one of matches on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


def main() -> None:
    """Answers once. ScanCode may print what it likes: standard output is ours alone."""
    texts: Mapping[str, str] = json.load(sys.stdin)
    answer, sys.stdout = sys.stdout, sys.stderr
    from licensedcode.cache import get_index, get_licenses_db

    index, licenses = get_index(), get_licenses_db()
    json.dump({name: _matches(index, licenses, text) for name, text in texts.items()}, answer)


def _matches(index: Any, licenses: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "spdx": licenses[key].spdx_license_key or "",
            "score": float(match.score()),
            "coverage": float(match.coverage()),
            "is_text": bool(match.rule.is_license_text),
        }
        for match in index.match(query_string=text)
        for key in match.rule.license_keys()
    ]


if __name__ == "__main__":
    main()
