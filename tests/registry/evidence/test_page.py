"""The page for people: whole, safe, and complete in itself."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence.markup import tag
from tests.registry.evidence.conftest import COMMERCIAL, RATIONALE, SCRIPT, SUBJECTS, Archive

VOID = {"meta"}
ALLOWED = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "span", "strong"}
ALLOWED |= {"dl", "dt", "dd", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}


class Page(HTMLParser):
    """Holds what a browser would see; raises where elements are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.headings: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def page(archive: Archive, key: str, **fields: Any) -> Page:
    return Page(archive.text(key, "html", **fields))


@pytest.mark.parametrize("key", SUBJECTS)
def test_it_asks_the_network_for_nothing(archive: Archive, key: str) -> None:
    found = page(archive, key)
    assert found.tags <= ALLOWED
    assert found.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope", "style"}
    assert "url(" not in archive.text(key, "html")
    assert "default-src 'none'" in archive.text(key, "html")


@pytest.mark.parametrize("key", SUBJECTS)
def test_every_section_is_there(archive: Archive, key: str) -> None:
    expected = ["Subject", "Verdicts", "Lineage", "Licences", "Obligations", "Decisions", "Promotions", "Files"]
    expected.append("Completeness")
    assert [one for one in page(archive, key).headings if one != "Evaluations"] == expected


def test_a_name_that_is_a_script_is_text(archive: Archive) -> None:
    assert "<script" not in archive.text("nothing", "html")
    assert SCRIPT in page(archive, "nothing").text


def test_an_auditor_finds_who_decided_when_and_why(archive: Archive) -> None:
    text = page(archive, "student", **COMMERCIAL).text
    for expected in (
        RATIONALE,
        "rob at 20",
        "NC_OUTPUT_REACH_CONTESTED",
        "RECORDED_APPROVAL:NC_OUTPUT_REACH_CONTESTED",
        "Conclusion on namespaces/default/models/xlam-7b-fc-r/versions/1",
        "its LICENSE file",
        "commercial/production",
        "counsel",
        "Not legal advice.",
        "Confidence",
    ):
        assert expected in text


def test_a_diamond_is_named_once(archive: Archive) -> None:
    assert page(archive, "student").text.count("(see above)") == 2


@given(st.text(), st.text())
def test_no_text_becomes_markup(content: str, value: str) -> None:
    found = Page(tag("p", content, class_=value))
    assert found.tags == {"p"}
    assert found.attributes == {"class"}
