"""Computes the digests in data/license_texts.json anew from the texts of the installed ScanCode.

Run ``python -m registry.detection.digests`` after a change of ``words_of``, of the profiles, or of ScanCode's texts.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from registry.detection import scancode
from registry.detection.texts import digest_of, profiles_of

# Where a text is usually cut off: the appendix of Apache-2.0 only says how to apply it.
_APPENDICES = {"apache-2.0": "APPENDIX: How to apply"}
DATA = Path(str(resources.files("registry.detection").joinpath("data/license_texts.json")))


def compute() -> dict[str, dict[str, str]]:
    """Key and SPDX id by digest, for every text of ScanCode that belongs to a profile; sorted by key."""
    folder = scancode.licenses_folder()
    if folder is None:
        raise scancode.DetectorError("the extra is not installed: pip install 'spiritsafe[detect]'")
    found = {}
    for path in sorted(folder.glob("*.LICENSE")):
        about, text = scancode.split(path.read_text("utf-8"))
        fields: dict[str, Any] = yaml.load(about, yaml.CSafeLoader) or {}
        key, spdx = path.stem, fields.get("spdx_license_key") or ""
        if profiles_of(key, spdx) and text.strip():
            editions = {text, text.partition(_APPENDICES[key])[0]} if key in _APPENDICES else {text}
            found.update({digest_of(each): {"key": key, "spdx": spdx} for each in editions})
    return found


def shipped() -> dict[str, dict[str, str]]:
    """What the file holds."""
    found: dict[str, dict[str, str]] = json.loads(DATA.read_text("utf-8"))["digests"]
    return found


def main() -> None:
    """Rewrites the digests in the file, and says what they were computed from."""
    data = json.loads(DATA.read_text("utf-8"))
    data["digests"] = dict(sorted(compute().items(), key=lambda item: (item[1]["key"], item[0])))
    data["source"] = f"the texts of {scancode.DISTRIBUTION} {scancode.version()} (ScanCode LicenseDB, CC-BY-4.0)"
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sys.stdout.write(f"{len(data['digests'])} digests\n")


if __name__ == "__main__":
    main()
