"""Codes of what a scan of a version's files finds, and which of them are alerts. Pure."""

from __future__ import annotations

from enum import StrEnum


class FindingCode(StrEnum):
    """What a finding says.

    An alert is a review reason in every context, for the version and for all that its terms reach, until a person
    concludes it. The other findings are shown and counted, and change no verdict.
    """

    LICENSE_CONFLICT = "LICENSE_CONFLICT"
    UNDECLARED_PARENT_SUSPECTED = "UNDECLARED_PARENT_SUSPECTED"
    LICENSE_TEXT_MISSING = "LICENSE_TEXT_MISSING"
    LICENSE_UNIDENTIFIED = "LICENSE_UNIDENTIFIED"
    DECLARED_PARENT_UNKNOWN = "DECLARED_PARENT_UNKNOWN"
    FILE_MALFORMED = "FILE_MALFORMED"


ALERT_CODES = frozenset({FindingCode.LICENSE_CONFLICT, FindingCode.UNDECLARED_PARENT_SUSPECTED})
# The findings that a conclusion about the version's licences answers.
LICENSE_QUESTIONS = frozenset({FindingCode.LICENSE_CONFLICT, FindingCode.LICENSE_UNIDENTIFIED})
