"""Documents of any dossier, whatever its texts and however deep its lineage."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import pairwise

import pytest
from cyclonedx.schema._res import SPDX_JSON
from hypothesis import given, settings
from hypothesis import strategies as st
from spdx_python_model.bindings import v3_0_1 as spdx_model

from registry.evidence import completeness, cyclonedx, hub_card, intoto, page, report, spdx
from registry.evidence.facts import Dossier, EvaluationFact, FileFact, Item, LicenceFact, Link
from registry.evidence.identifiers import is_listed, spdx_id
from registry.licensing import EdgeType, load_profiles
from tests.registry.evidence.conftest import Archive
from tests.registry.evidence.schemas import CYCLONEDX
from tests.registry.evidence.test_intoto import statement
from tests.registry.evidence.test_page import Page
from tests.registry.evidence.test_spdx import check

LINES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
DEEP = 300


def item(number: int, public_name: str, licenses: tuple[str, ...], description: str = "") -> Item:
    return Item(
        name=f"namespaces/default/models/m{number}/versions/1",
        short=f"m{number}@1",
        uid=f"{number:032x}",
        public_name=public_name,
        number=1,
        dataset=number % 2 == 1,
        kind="full",
        description=description,
        digest=f"{number:064x}",
        declared=licenses,
        effective=licenses,
        creator="ada",
        files=(FileFact(f"{public_name}.txt", 1, f"{number:064x}"),),
    )


def chain(length: int, public_name: str = "m", licenses: tuple[str, ...] = (), description: str = "") -> Dossier:
    items = [item(number, public_name, licenses, description) for number in range(length)]
    pairs = pairwise(items)
    verdict = EvaluationFact("research", "", "allowed", (), (), None)
    return Dossier(
        subject=items[0].name,
        items={one.name: one for one in items},
        links=tuple(Link(child.name, EdgeType.DERIVED_FROM, parent.name) for child, parent in pairs),
        licences={each: LicenceFact(id=each, known=False, confidence="verified") for each in licenses},
        evaluations=(verdict,),
    )


def check_all(dossier: Dossier) -> None:
    """Every document of the dossier is valid."""
    assert CYCLONEDX.validate_str(json.dumps(cyclonedx.render(dossier))) is None
    check(json.dumps(spdx.render(dossier)))
    Page(page.render(dossier, completeness.assess(dossier)))
    json.dumps(report.render(dossier, completeness.assess(dossier)))
    json.dumps(intoto.render(dossier))
    assert hub_card.render(dossier).count("---\n") >= 2


@settings(max_examples=15, deadline=None)
@given(LINES, st.lists(LINES, max_size=3, unique=True), st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_any_text_is_taken(public_name: str, licenses: list[str], description: str) -> None:
    check_all(chain(2, public_name, tuple(licenses), description))


def test_a_deep_lineage_is_no_deep_recursion() -> None:
    dossier = chain(DEEP)
    check_all(dossier)
    assert page.render(dossier, completeness.assess(dossier)).count("<li style") == DEEP


def test_the_same_state_gives_the_same_document_but_for_its_time() -> None:
    first, later = chain(2), replace(chain(2), at=1_000_000)
    assert cyclonedx.render(first)["serialNumber"] == cyclonedx.render(later)["serialNumber"]
    assert cyclonedx.render(first)["serialNumber"] != cyclonedx.render(replace(first, epoch=2))["serialNumber"]
    graphs = [spdx.render(one)["@graph"] for one in (first, later)]
    assert graphs[0][1:] == graphs[1][1:]


def test_what_a_scan_found_is_evidence_and_no_licence() -> None:
    dossier = chain(1)
    found = replace(dossier.item, declared=None, detected=("mit", "isc"))
    licences = {
        each: LicenceFact(id=each, known=True, spdx=each.upper(), confidence="verified") for each in ("mit", "isc")
    }
    document = cyclonedx.render(replace(dossier, items={found.name: found}, licences=licences))
    assert CYCLONEDX.validate_str(json.dumps(document)) is None
    component = document["metadata"]["component"]
    assert "licenses" not in component
    (choice,) = component["evidence"]["licenses"]
    assert choice["expression"] == "MIT AND ISC"
    assert "acknowledgement" not in choice


@pytest.mark.parametrize("profile", load_profiles(), ids=lambda one: one.id)
def test_listed_licences_are_on_the_list_that_cyclonedx_knows(profile: object) -> None:
    licence = LicenceFact(id=profile.id, known=True, spdx=profile.spdx or "")  # type: ignore[attr-defined]
    with open(SPDX_JSON) as file:  # noqa: PTH123 - the package gives a text
        known = json.load(file)["enum"]
    assert not is_listed(licence) or spdx_id(licence) in known


def test_an_unknown_field_is_refused_by_the_model() -> None:
    data = spdx.render(chain(1))
    data["@graph"][-1]["nonsense"] = "x"
    with pytest.raises(KeyError):
        spdx_model.JSONLDDeserializer().read(io.BytesIO(json.dumps(data).encode()), spdx_model.SHACLObjectSet())


def test_every_document_names_the_policy_behind_a_reason(archive: Archive) -> None:
    setting = "nc_output_reach=review"
    commercial = archive.data("traces", "json")["evaluations"][-1]
    assert {reason["policy"] for reason in commercial["reasons"]} >= {setting}
    assert commercial["policy_revision"] == 0
    for form in ("html", "cyclonedx", "spdx"):
        assert setting in archive.text("traces", form), form
    assert setting in str(statement(archive, "traces"))
    assert "policy as shipped" in archive.text("traces", "html")
