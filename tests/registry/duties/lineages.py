"""Facts for tests without a registry: Qwen 3 taught by xLAM-2, which was made from Llama 3.1. All texts are made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from registry.duties.facts import Duty, Facts, Origin, Paper, Step
from registry.duties.texts import LicenseText

NAMESPACE = "namespaces/default/models"
STUDENT, XLAM, LLAMA, QWEN = (f"{NAMESPACE}/{slug}/versions/1" for slug in ("student", "xlam", "llama", "qwen3"))
NOTICE_DETAIL = '"Notice" text file: the sentence of the licence'
APACHE_TEXT, LLAMA_TEXT, HOUSE_TEXT = (
    b"Apache words\n",
    b"Llama words\n\nAttachment A\n1. Do no harm.\n",
    b"House words\n",
)


def paper(path: str, text: str) -> Paper:
    return Paper(path, text.encode())


def origin(name: str, licenses: tuple[str, ...] = (), **fields: Any) -> Origin:
    slug = name.split("/")[3]
    return Origin(name, f"{slug}@1", fields.pop("public_name", slug), licenses, **fields)


def duty(code: str, license_id: str, *origins: str, detail: str = "clause 1", confidence: str = "verified") -> Duty:
    return Duty(code, license_id, ("distribute",), detail, origins, confidence)


LLAMA_ORIGIN = origin(
    LLAMA,
    ("llama3.1",),
    public_name="Llama 3.1 8B Instruct",
    imported=True,
    source="meta-llama/Llama-3.1-8B-Instruct@abc",
    papers=(paper("LICENSE", LLAMA_TEXT.decode()), paper("NOTICE", "Made by many hands.\n")),
)
XLAM_ORIGIN = origin(XLAM, ("cc-by-nc-4.0",), public_name="Salesforce/Llama-xLAM-2-8b-fc-r", imported=True, papers=())
QWEN_ORIGIN = origin(
    QWEN, ("apache-2.0",), imported=True, source="Qwen/Qwen3-8B", papers=(paper("LICENSE", APACHE_TEXT.decode()),)
)
STUDENT_ORIGIN = origin(STUDENT, public_name="acme/Llama-desk")
DUTIES = (
    duty("ATTRIBUTION", "cc-by-nc-4.0", XLAM),
    duty("AUP", "llama3.1", LLAMA),
    duty("DISPLAY_NOTICE", "llama3.1", LLAMA, detail='display "Built with Llama" (1.b.i.B)'),
    duty("LICENSE_COPY", "apache-2.0", QWEN),
    duty("LICENSE_COPY", "cc-by-nc-4.0", XLAM),
    duty("LICENSE_COPY", "llama3.1", LLAMA),
    duty("NOTICE_FILE", "llama3.1", LLAMA, detail=NOTICE_DETAIL),
    duty("RETAIN_NOTICES", "apache-2.0", QWEN),
    duty("STATE_CHANGES", "apache-2.0", QWEN),
    duty("USE_RESTRICTION_FLOWDOWN", "llama3.1", LLAMA),
)
STEPS = (
    Step("student@1", "merge", "qwen3@1"),
    Step("student@1", "distill_outputs", "xlam@1"),
    Step("xlam@1", "finetune", "llama@1"),
)
FACTS = Facts(
    subject=STUDENT_ORIGIN,
    digest="d" * 64,
    context="commercial",
    outbound="house",
    distributed=True,
    duties=DUTIES,
    origins={each.name: each for each in (STUDENT_ORIGIN, XLAM_ORIGIN, LLAMA_ORIGIN, QWEN_ORIGIN)},
    steps=STEPS,
)


def knows_house(license_id: str) -> LicenseText | None:
    """One text by its id alone, as a database of licences would give it."""
    return LicenseText("house", HOUSE_TEXT, "a database", "secondary") if license_id == "house" else None


def knows_nothing(_license_id: str) -> LicenseText | None:
    return None


def with_papers(facts: Facts, name: str, *papers: Paper) -> Facts:
    """The facts with other papers in one version."""
    changed = replace(facts.origins[name], papers=papers)
    subject = changed if name == facts.subject.name else facts.subject
    return replace(facts, subject=subject, origins={**facts.origins, name: changed})
