"""Which files of a repository are papers for lawyers, by the names that hubs really use. Pure.

Manifests, detection and bundles all ask here, so that what one of them takes none of the others drops.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

LICENSE, NOTICE, POLICY = "license", "notice", "policy"
_KINDS = {
    "license": LICENSE,
    "licenses": LICENSE,
    "licence": LICENSE,
    "licences": LICENSE,
    "copying": LICENSE,
    "notice": NOTICE,
    "notices": NOTICE,
    "use_policy": POLICY,
    "use-policy": POLICY,
}
# Words before the name count where a separator ends them: MODEL_LICENSE, THIRD-PARTY-NOTICES.
_WORDS = "|".join(sorted(_KINDS, key=len, reverse=True))
_KIND = re.compile(rf"(?:[a-z0-9]+[-_ ])*?({_WORDS})(?![a-z])", re.IGNORECASE)
_LEADING_KIND = re.compile(rf"({_WORDS})(?![a-z])", re.IGNORECASE)
# A number belongs to a name such as LICENSE-APACHE-2.0, the others to LICENSE.apache.
_TEXT_SUFFIX = re.compile(r"|\.(txt|md|rst|text|apache|mit|bsd|\d+)", re.IGNORECASE)


def kind_of(path: str) -> str:
    """LICENSE, NOTICE or POLICY for a text file whose name says that it holds such a text; "" for any other."""
    name = PurePosixPath(path)
    if not _TEXT_SUFFIX.fullmatch(name.suffix):
        return ""
    # What the name begins with decides: LICENSE_NOTICE is a licence.
    match = _LEADING_KIND.match(name.name) or _KIND.match(name.name)
    return _KINDS[match[1].lower()] if match else ""


def is_license(path: str) -> bool:
    """Whether the file holds a licence's text: by its own name, or because it lies in a folder LICENSES.

    Such a folder has the licences of other works as well, hence ``kind_of`` leaves it out: they are not the version's.
    """
    if not _TEXT_SUFFIX.fullmatch(PurePosixPath(path).suffix):
        return False
    folders = {part.upper() for part in PurePosixPath(path).parts[:-1]}
    return "LICENSES" in folders or kind_of(path) == LICENSE
