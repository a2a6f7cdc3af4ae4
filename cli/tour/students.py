"""The students of the demo, one a family: what each starts from, and on which terms it may go out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.options import invalid

ALL = "all"


@dataclass(frozen=True, slots=True)
class Student:
    """A student whose base is a stand-in for the published model of the catalogue entry ``base``.

    ``outbound`` is the licence that it goes out under, ``why`` a sentence about it. ``new_name`` is the public name
    that it takes after its first one was refused; empty where the base's licence asks for no name.
    """

    family: str
    base: str
    outbound: str
    why: str
    new_name: str = ""

    @property
    def model_id(self) -> str:
        """Registry id."""
        return f"support-{self.family}"

    @property
    def public_name(self) -> str:
        """The name that it is first published under."""
        return f"acme/{self.model_id}"


_STUDENTS = (
    Student(
        "qwen3",
        "Qwen/Qwen3-0.6B",
        # Passes use restrictions on to whoever receives the weights.
        "openrail-m",
        "By its profile the base's Apache-2.0 asks for no licence of its own, but DeepSeek's use restrictions came "
        "along with the teacher's answers and want to be passed on; the profile of openrail-m says that it does so.",
    ),
    Student(
        "gemma4",
        "google/gemma-4-E2B-it",
        "openrail-m",
        "In the catalogue Gemma 4 is under Apache-2.0, unlike Gemma 1 to 3n, and has no use restrictions to pass on; "
        "those of DeepSeek came along with the teacher's answers, and by its profile openrail-m passes them on.",
    ),
    Student(
        "llama3",
        "meta-llama/Llama-3.2-1B-Instruct",
        "llama3.2",
        "By its profile what is made of Llama's weights stays under Llama's agreement, so the base's own licence goes "
        "on; to pass on DeepSeek's use restrictions is an obligation beside it.",
        new_name="acme/Llama-support-desk",
    ),
)
STUDENTS: Mapping[str, Student] = {student.family: student for student in _STUDENTS}


def read_students(text: str) -> list[Student]:
    """The students that a comma-separated list of families names, each once; ``all`` names every one.

    Raises InvalidArgument for an unknown family and for an empty list.
    """
    families = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [family for family in families if family not in (ALL, *STUDENTS)]
    if unknown or not families:
        raise invalid(
            "students",
            f"{', '.join(unknown) or 'nothing'} is not a student of the demo",
            f"choose from {', '.join((ALL, *STUDENTS))}",
        )
    return list(STUDENTS.values()) if ALL in families else [STUDENTS[family] for family in families]
