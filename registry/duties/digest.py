"""What a recorded bundle rests on, as one digest: it changes with anything that the bundle prints. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple

from registry.duties.facts import RECORDED_APPROVAL, Facts
from registry.duties.wordings import wording_of


def obligations_digest(facts: Facts) -> str:
    """SHA-256 of the canonical JSON of the duties, the names and sources that credits print, and the exact words.

    Files and steps are not in it: they belong to finalized versions, which never change. Recorded approvals are left
    out: no file of a bundle answers them, and a renewed review must not make it stale.
    """
    duties = [duty for duty in sorted(facts.duties, key=lambda each: each.id) if duty.code != RECORDED_APPROVAL]
    licenses = {duty.license for duty in duties} | {each for one in facts.origins.values() for each in one.licenses}
    covered = [
        [[duty.id, list(duty.triggers), duty.detail, list(duty.origins), duty.confidence] for duty in duties],
        [
            [origin.name, origin.short, origin.public_name, origin.licenses, origin.imported, origin.source]
            for _, origin in sorted(facts.origins.items())
        ],
        [astuple(wording_of(license_id)) for license_id in sorted(licenses)],
    ]
    return hashlib.sha256(json.dumps(covered, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
