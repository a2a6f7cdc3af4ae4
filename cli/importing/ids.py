"""Ids of what is imported. Pure."""

from __future__ import annotations

import hashlib
import re

MAX_ID_LENGTH = 63
_MARK_LENGTH = 8


def id_of(repo: str) -> str:
    """The id of a repository's model or dataset: "Salesforce/xLAM-7b-fc-r" is "salesforce-xlam-7b-fc-r".

    What is too long is cut and marked with a digest of the whole name.
    """
    text = re.sub(r"[^a-z0-9._-]+", "-", repo.lower()).strip("._-")
    return text if text and len(text) <= MAX_ID_LENGTH else marked_id(repo)


def marked_id(repo: str, whole: str = "") -> str:
    """An id that no other repository has, for where the plain one is taken; the mark is of the ``whole`` name."""
    mark = hashlib.sha256((whole or repo).casefold().encode()).hexdigest()[:_MARK_LENGTH]
    text = re.sub(r"[^a-z0-9._-]+", "-", repo.lower()).strip("._-")[: MAX_ID_LENGTH - _MARK_LENGTH - 1].strip("._-")
    return f"{text or 'repo'}-{mark}"
