"""An organisation's own catalogue entries, over a real server: what holds, who may, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from registry.context import Registry
from registry.decisions.known import known_entries
from registry.licensing import load_entries
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import catalog_pb2
from tests.registry.shipped import load_models

TEACHER = "Salesforce/xLAM-7b-fc-r"
DATASET = "Salesforce/xlam-function-calling-60k"
FACT = {"source": "contract 7", "as_of": "2026-11-20", "confidence": "verified"}
Documents = list[dict[str, Any]]


def model(hub_id: str, license_id: str = "apache-2.0", base: str = "", **fields: Any) -> dict[str, Any]:
    facts = {"hub_id": FACT, "licenses": FACT} | ({"base": FACT} if base else {})
    parent = {"hub_id": base, "edge": "finetune"} if base else None
    return {"kind": "model", "hub_id": hub_id, "licenses": [license_id], "base": parent, "facts": facts} | fields


def subset(hub_id: str, *of: str) -> dict[str, Any]:
    facts = {"hub_id": FACT, "licenses": FACT, "derived_from": FACT}
    return {"kind": "dataset", "hub_id": hub_id, "licenses": ["cc-by-4.0"], "derived_from": list(of), "facts": facts}


def struct(document: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(document, struct_pb2.Struct())


@pytest.fixture
def rob(client: Callable[..., Client]) -> Client:
    return client("reviewer", identity="rob@example.com")


@pytest.fixture
def reader(client: Callable[..., Client]) -> Client:
    return client("reader")


def curate(client: Client, document: Mapping[str, Any], **fields: Any) -> catalog_pb2.CatalogEntry:
    given = {"document": struct(document), "reason": "counsel's memo"} | fields
    return client.catalog.CurateCatalogEntry(catalog_pb2.CurateCatalogEntryRequest(**given)).entry


def curate_all(client: Client, documents: Documents) -> list[catalog_pb2.CatalogEntry]:
    request = catalog_pb2.BatchCurateCatalogEntriesRequest(documents=map(struct, documents), reason="ours")
    return list(client.catalog.BatchCurateCatalogEntries(request).entries)


def withdraw(client: Client, hub_id: str, **fields: Any) -> catalog_pb2.WithdrawCatalogEntryResponse:
    request = catalog_pb2.WithdrawCatalogEntryRequest(name=f"catalog/{hub_id}", reason="no longer", **fields)
    return client.catalog.WithdrawCatalogEntry(request)


def get(client: Client, hub_id: str) -> catalog_pb2.CatalogEntry:
    return client.catalog.GetCatalogEntry(catalog_pb2.GetCatalogEntryRequest(name=f"catalog/{hub_id}")).entry


def listed(client: Client, **fields: Any) -> list[str]:
    request = catalog_pb2.ListCatalogEntriesRequest(**({"page_size": 1000} | fields))
    return [entry.hub_repo for entry in client.catalog.ListCatalogEntries(request).entries]


def refused(client: Client, *documents: dict[str, Any]) -> tuple[str, str]:
    """The field that a batch is refused for, and the whole message."""
    with pytest.raises(InvalidArgument) as caught:
        curate_all(client, list(documents))
    return caught.value.violations[0].field, caught.value.message


def test_a_shipped_entry_shows_its_own_and_upstream_licences(reader: Client) -> None:
    teacher = get(reader, TEACHER.lower())
    assert (teacher.hub_repo, list(teacher.licenses)) == (TEACHER, ["cc-by-nc-4.0"])
    assert list(teacher.upstream_licenses) == ["deepseek-model-1.0"]
    assert [(each.edge_type, each.hub_repo) for each in teacher.parents] == [
        ("finetune", "deepseek-ai/deepseek-coder-7b-instruct-v1.5")
    ]
    assert teacher.origin == catalog_pb2.CATALOG_ENTRY_ORIGIN_SHIPPED
    assert (teacher.curator, teacher.reason, teacher.etag) == ("", "", '"0"')
    facts = json_format.MessageToDict(teacher.document)["facts"]
    assert facts["base"]["confidence"] == "secondary"


def test_a_part_of_a_dataset_has_its_own_generator(reader: Client) -> None:
    whole, part = get(reader, DATASET), get(reader, f"{DATASET}#mixtral")
    assert whole.kind == catalog_pb2.CATALOG_ENTRY_KIND_DATASET
    assert [(each.name, each.first_row, each.last_row) for each in whole.parts] == [
        ("deepseek", 0, 33_658),
        ("mixtral", 33_659, 59_999),
    ]
    assert list(whole.upstream_licenses) == ["deepseek-model-1.0", "apache-2.0"]
    assert (list(part.licenses), list(part.upstream_licenses)) == (["cc-by-4.0"], ["apache-2.0"])
    with pytest.raises(NotFound):
        get(reader, f"{DATASET}#gpt")


def test_everything_is_listed_page_by_page(reader: Client) -> None:
    found: list[str] = []
    token = ""
    while True:
        request = catalog_pb2.ListCatalogEntriesRequest(page_size=40, page_token=token)
        response = reader.catalog.ListCatalogEntries(request)
        found += [entry.hub_repo for entry in response.entries]
        token = response.next_page_token
        if not token:
            break
    assert found == list(load_entries())


def test_a_list_is_filtered_by_kind_licence_and_origin(reader: Client, rob: Client) -> None:
    curate(rob, model("acme/base", "mit"))
    assert listed(reader, filter='kind = "model" AND origin = "shipped"') == list(load_models())
    assert listed(reader, filter='origin = "curated"') == ["acme/base"]
    assert TEACHER in listed(reader, filter='license = "cc-by-nc-4.0"')
    assert listed(reader, filter='license = "cc-by-nc-4.0" AND license != "cc-by-nc-4.0"') == []
    with pytest.raises(InvalidArgument, match="cannot be filtered by"):
        listed(reader, filter='base = "x"')


def test_a_curated_entry_overrides_the_shipped_one_and_says_why(
    rob: Client, reader: Client, registry: Registry
) -> None:
    base = "deepseek-ai/deepseek-coder-7b-instruct-v1.5"
    made = curate(rob, model(TEACHER.upper(), "salesforce-xlam-research", base, lineage_completeness="partial"))
    found = get(reader, TEACHER)
    assert found == made
    assert found.origin == catalog_pb2.CATALOG_ENTRY_ORIGIN_CURATED
    assert (found.curator, found.reason, found.etag) == ("rob@example.com", "counsel's memo", '"1"')
    assert list(found.licenses) == ["salesforce-xlam-research"]
    assert json_format.MessageToDict(found.overridden_document)["licenses"] == ["cc-by-nc-4.0"]
    assert len(listed(reader)) == len(load_entries())
    with registry.database.read() as session:
        entries = known_entries(session)
    assert {each.licenses for each in entries.values() if each.hub_id.casefold() == TEACHER.casefold()} == {
        ("salesforce-xlam-research",)
    }
    assert len(entries) == len(load_entries())


def test_upstream_licences_follow_a_curated_base(rob: Client, reader: Client) -> None:
    curate(rob, model("deepseek-ai/deepseek-coder-7b-instruct-v1.5", "mit"))
    assert list(get(reader, TEACHER).upstream_licenses) == ["mit"]
    assert list(get(reader, f"{TEACHER}-gguf").upstream_licenses) == ["cc-by-nc-4.0", "mit"]


def test_a_withdrawn_curation_falls_back(rob: Client, reader: Client) -> None:
    curate_all(rob, [model(TEACHER, "mit"), model("acme/base", "mit")])
    restored = withdraw(rob, TEACHER).entry
    assert (list(restored.licenses), restored.origin) == (["cc-by-nc-4.0"], catalog_pb2.CATALOG_ENTRY_ORIGIN_SHIPPED)
    assert not withdraw(rob, "acme/base").HasField("entry")
    with pytest.raises(NotFound):
        get(reader, "acme/base")
    for hub_id in ("acme/base", TEACHER, "acme/nothing"):
        with pytest.raises(NotFound):
            withdraw(rob, hub_id)
    again = curate(rob, model("acme/base", "isc"))
    assert (list(again.licenses), again.etag) == (["isc"], '"3"')


def test_an_entry_that_others_name_is_not_withdrawn(rob: Client) -> None:
    curate_all(rob, [model("acme/tuned", base="acme/base"), model("acme/base")])
    with pytest.raises(FailedPrecondition, match="entry acme/tuned: base") as caught:
        withdraw(rob, "acme/base")
    assert caught.value.reason == "CATALOG_ENTRY_IN_USE"
    withdraw(rob, "acme/tuned")
    withdraw(rob, "acme/base")


def test_a_shipped_entry_that_no_longer_fits_does_not_come_back(rob: Client) -> None:
    """Its base was made a child of the entry while that had no base: both together would be a cycle."""
    base = "deepseek-ai/deepseek-coder-7b-instruct-v1.5"
    curate(rob, model(TEACHER))
    curate(rob, model(base, base=TEACHER))
    with pytest.raises(FailedPrecondition, match="closes a cycle"):
        withdraw(rob, TEACHER)
    withdraw(rob, base)
    withdraw(rob, TEACHER)


def test_a_dataset_made_from_one_part_carries_that_parts_licences(rob: Client) -> None:
    made = curate(rob, subset("acme/clean-calls", f"{DATASET}#mixtral"))
    assert list(made.upstream_licenses) == ["cc-by-4.0", "apache-2.0"]
    whole = curate(rob, subset("acme/all-calls", DATASET))
    assert list(whole.upstream_licenses) == ["cc-by-4.0", "deepseek-model-1.0", "apache-2.0"]


def test_a_part_in_use_is_not_curated_away(rob: Client) -> None:
    curate(rob, subset("acme/clean-calls", f"{DATASET}#mixtral"))
    blamed, said = refused(rob, subset(DATASET, "Salesforce/APIGen-MT-5k"))
    assert blamed == "documents[0].parts"
    assert f"entry acme/clean-calls: derived_from[0] is '{DATASET}#mixtral'" in said


def test_entries_of_one_batch_may_refer_to_each_other(rob: Client) -> None:
    data = {
        "kind": "dataset",
        "hub_id": "acme/traces",
        "licenses": ["cc-by-4.0"],
        "generated_by": ["acme/tuned"],
        "parts": [{"name": "all", "rows": {"first": 0, "last": 99}, "generated_by": ["acme/tuned"]}],
        "facts": {"hub_id": FACT, "licenses": FACT, "generated_by": FACT, "parts": FACT},
    }
    made = curate_all(rob, [data, model("acme/tuned", "mit", "acme/base"), model("acme/base", "isc")])
    assert [entry.hub_repo for entry in made] == ["acme/traces", "acme/tuned", "acme/base"]
    assert list(made[0].upstream_licenses) == ["mit", "isc"]
    assert (made[0].parts[0].first_row, made[0].parts[0].last_row) == (0, 99)


@pytest.mark.parametrize(
    ("documents", "field", "message"),
    [
        ([model("acme/a"), model("acme/b", "beer-ware")], "documents[1].licenses[0]", "entry acme/b: is 'beer-ware'"),
        ([model("acme/a", base="acme/missing")], "documents[0].base.hub_id", "which the catalogue does not know"),
        ([model("acme/a", base=DATASET)], "documents[0].base.hub_id", "is a dataset; it must be a model"),
        ([model("acme/a") | {"kind": "adapter"}], "documents[0].kind", "use one of: model, dataset, service"),
        ([model("acme/a") | {"bases": []}], "documents[0].bases", "is no field of it"),
        ([model("acme/a"), model("acme/A")], "documents[1].hub_id", "is given twice"),
        ([model("acme/a", base="acme/b"), model("acme/b", base="acme/a")], "documents[0].base.hub_id", "a cycle"),
        ([model(DATASET)], "documents[0].kind", "is 'model', but the entry is a dataset"),
        ([model("deepseek-ai/deepseek-coder-7b-instruct-v1.5", base=TEACHER)], "documents[0].base.hub_id", "a cycle"),
        (
            [model("acme/a", base="acme/b") | {"base": {"hub_id": TEACHER, "edge": "tuned"}}],
            "documents[0].base.edge",
            "is 'tuned'; use one of",
        ),
        ([subset("acme/d", "acme/e#gone")], "documents[0].derived_from[0]", "which the catalogue does not know"),
        ([], "documents", "must be 1 to 1000 entries, not 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_entry_and_field_and_nothing_is_written(
    rob: Client, documents: Documents, field: str, message: str
) -> None:
    blamed, said = refused(rob, *documents)
    assert blamed == field
    assert message in said
    assert listed(rob, filter='origin = "curated"') == []


def test_curation_needs_a_reason(rob: Client) -> None:
    with pytest.raises(InvalidArgument) as caught:
        curate(rob, model("acme/a"), reason="  ")
    assert [each.field for each in caught.value.violations] == ["reason"]


def test_an_entry_that_changed_since_it_was_read_is_not_overwritten(rob: Client) -> None:
    first = curate(rob, model(TEACHER, "mit"), etag='"0"')
    with pytest.raises(Aborted):
        curate(rob, model(TEACHER, "isc"), etag='"0"')
    with pytest.raises(Aborted):
        withdraw(rob, TEACHER, etag='"0"')
    curate(rob, model(TEACHER, "isc"), etag=first.etag)


def test_a_try_writes_nothing_and_an_act_one_event(
    rob: Client, reader: Client, events: Callable[[], list[AuditEvent]]
) -> None:
    before = len(events())
    tried = curate(rob, model(TEACHER, "mit"), validate_only=True)
    assert list(tried.licenses) == ["mit"]
    assert list(get(reader, TEACHER).licenses) == ["cc-by-nc-4.0"]
    assert len(events()) == before
    curate_all(rob, [model(TEACHER, "mit"), model("acme/base")])
    (event,) = events()[before:]
    assert (event.type, event.resource, event.actor) == ("catalog.curated", "catalog", "rob@example.com")
    assert event.details["reason"] == "ours"
    assert event.details["entries"][0] == {
        "hub_id": TEACHER,
        "revision": 1,
        "licenses": ["mit"],
        "replaces": "shipped",
        "licenses_before": ["cc-by-nc-4.0"],
    }


def test_who_may_curate(client: Callable[..., Client]) -> None:
    for role in ("reader", "publisher", "releaser", "admin"):
        with pytest.raises(PermissionDenied):
            curate(client(role), model("acme/a"))
    limited = client("reviewer", identity="lab@example.com", namespaces=("lab",))
    for act in (
        lambda: curate(limited, model("acme/a")),
        lambda: curate_all(limited, [model("acme/a")]),
        lambda: withdraw(limited, TEACHER),
    ):
        with pytest.raises(PermissionDenied) as caught:
            act()
        assert caught.value.reason == "NAMESPACE_NOT_GRANTED"
    assert get(limited, TEACHER).hub_repo == TEACHER


def test_malformed_and_unknown_names(reader: Client) -> None:
    with pytest.raises(NotFound):
        get(reader, "acme/nothing")
    with pytest.raises(InvalidArgument) as caught:
        reader.catalog.GetCatalogEntry(catalog_pb2.GetCatalogEntryRequest(name="licenses/mit"))
    assert [each.field for each in caught.value.violations] == ["name"]
