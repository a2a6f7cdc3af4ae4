"""Models and datasets over real gRPC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlmodel import select

from registry.clock import now
from registry.context import Registry
from registry.decisions.evaluation import current_epoch
from registry.storage.tables import AuditEvent, Channel, Version
from spiritsafe.client import Client
from spiritsafe.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import dataset_pb2, model_pb2
from tests.registry.catalog.publishing import NAMESPACE, dataset, model, publish

Events = Callable[[], list[AuditEvent]]


def get(client: Client, name: str) -> model_pb2.Model:
    return client.models.GetModel(model_pb2.GetModelRequest(name=name)).model


def update(client: Client, given: model_pb2.Model, *paths: str, **options: Any) -> model_pb2.Model:
    mask = FieldMask(paths=paths) if paths else None
    return client.models.UpdateModel(model_pb2.UpdateModelRequest(model=given, update_mask=mask, **options)).model


def listed(client: Client, **options: Any) -> list[str]:
    response = client.models.ListModels(model_pb2.ListModelsRequest(parent=NAMESPACE, **options))
    return [one.name.rpartition("/")[2] for one in response.models]


def test_a_model_reads_back_as_created(publisher: Client, events: Events) -> None:
    name = model(publisher, "tool-8b", display_name="acme/Tool-8B", description="d", tags={"team": "x"})
    stored = get(publisher, name)
    assert name == "namespaces/default/models/tool-8b"
    assert (stored.display_name, stored.description, dict(stored.tags)) == ("acme/Tool-8B", "d", {"team": "x"})
    assert (stored.creator, stored.latest_version, stored.etag) == ("ada@example.com", 0, '"1"')
    assert stored.create_time == stored.update_time
    assert (events()[-1].type, events()[-1].resource, events()[-1].actor) == ("model.created", name, "ada@example.com")


def test_the_display_name_defaults_to_the_id(publisher: Client) -> None:
    assert get(publisher, model(publisher, "plain")).display_name == "plain"


def test_output_only_fields_are_ignored(publisher: Client) -> None:
    name = model(publisher, "m", name="namespaces/x/models/y", uid="mine", latest_version=7, creator="eve", etag="e")
    stored = get(publisher, name)
    assert (stored.latest_version, stored.creator, stored.etag) == (0, "ada@example.com", '"1"')
    assert stored.uid != "mine"


def test_models_and_datasets_have_ids_of_their_own(publisher: Client, events: Events) -> None:
    model(publisher, "same")
    name = dataset(publisher, "same")
    stored = publisher.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=name)).dataset
    assert stored.display_name == "same"
    assert events()[-1].type == "dataset.created"
    with pytest.raises(InvalidArgument, match="none of the models"):
        get(publisher, name)


def test_an_id_is_taken_once(publisher: Client, events: Events) -> None:
    model(publisher, "m")
    before = len(events())
    with pytest.raises(AlreadyExists):
        model(publisher, "m")
    assert len(events()) == before


@pytest.mark.parametrize("model_id", ["", "Upper", "-", "a/b", "..", "x" * 64, "a b", "é"])
def test_ids_are_checked(publisher: Client, model_id: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        model(publisher, model_id)
    assert caught.value.violations[0].field == "model_id"


@pytest.mark.parametrize(
    "fields",
    [{"display_name": "two\nlines"}, {"display_name": "x" * 300}, {"tags": {"a b": "c"}}, {"tags": {"k": "v" * 2000}}],
)
def test_free_fields_have_limits(publisher: Client, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        model(publisher, "m", **fields)


def test_unknown_models(publisher: Client) -> None:
    with pytest.raises(NotFound) as caught:
        get(publisher, f"{NAMESPACE}/models/none")
    assert caught.value.metadata["resource"] == f"{NAMESPACE}/models/none"


def test_an_update_changes_what_the_mask_names(publisher: Client) -> None:
    name = model(publisher, "m", description="old", tags={"a": "1"})
    changed = update(publisher, model_pb2.Model(name=name, description="new", display_name="ignored"), "description")
    assert (changed.description, changed.display_name, dict(changed.tags)) == ("new", "m", {"a": "1"})
    assert changed.etag == '"2"'
    assert get(publisher, name) == changed


def test_without_a_mask_set_fields_change(publisher: Client) -> None:
    name = model(publisher, "m", description="old", tags={"a": "1"})
    changed = update(publisher, model_pb2.Model(name=name, tags={"b": "2"}))
    assert (changed.description, dict(changed.tags)) == ("old", {"b": "2"})


def test_a_mask_can_clear_fields(publisher: Client) -> None:
    name = model(publisher, "m", display_name="Public", description="old", tags={"a": "1"})
    changed = update(publisher, model_pb2.Model(name=name), "*")
    assert (changed.display_name, changed.description, dict(changed.tags)) == ("m", "", {})


@pytest.mark.parametrize("path", ["uid", "name", "tags.a", "latest_version", "nonsense"])
def test_other_fields_cannot_be_changed(publisher: Client, path: str) -> None:
    name = model(publisher, "m")
    with pytest.raises(InvalidArgument) as caught:
        update(publisher, model_pb2.Model(name=name), path)
    assert caught.value.violations[0].field == "update_mask"


def test_a_stale_etag_is_refused(publisher: Client) -> None:
    name = model(publisher, "m")
    first = get(publisher, name)
    update(publisher, model_pb2.Model(name=name, description="theirs", etag=first.etag))
    with pytest.raises(Aborted) as caught:
        update(publisher, model_pb2.Model(name=name, description="mine", etag=first.etag))
    assert caught.value.reason == "ETAG_MISMATCH"
    assert get(publisher, name).description == "theirs"


def test_a_new_display_name_advances_the_epoch_and_names_channels(
    publisher: Client, registry: Registry, events: Events
) -> None:
    name = model(publisher, "m")
    publish(publisher, name)
    with registry.database.write() as session:
        version = session.exec(select(Version)).one()
        held = Channel(
            node_id=version.node_id, context="research", stage="lab", version_id=version.id, update_time=now()
        )
        session.add(held)
        session.add(Channel(node_id=version.node_id, context="internal", stage="empty", update_time=now()))
    with registry.database.read() as session:
        before = current_epoch(session)
    update(publisher, model_pb2.Model(name=name, description="no rename", display_name="m"))
    assert "channels" not in events()[-1].details
    update(publisher, model_pb2.Model(name=name, display_name="acme/New"))
    event = events()[-1]
    assert event.type == "model.updated"
    assert event.details["display_name"] == {"from": "m", "to": "acme/New"}
    assert event.details["channels"] == [f"{name}/channels/research-lab"]
    with registry.database.read() as session:
        assert current_epoch(session) == before + 1


def test_a_repeated_request_changes_nothing(publisher: Client, events: Events) -> None:
    request = model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="m", request_id="7f1c")
    first = publisher.models.CreateModel(request)
    before = len(events())
    assert publisher.models.CreateModel(request) == first
    assert len(events()) == before
    with pytest.raises(InvalidArgument) as caught:
        publisher.models.CreateModel(
            model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="other", request_id="7f1c")
        )
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_validating_changes_nothing(publisher: Client, events: Events) -> None:
    before = len(events())
    request = model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="m", validate_only=True)
    assert publisher.models.CreateModel(request).model.display_name == "m"
    assert listed(publisher) == []
    assert len(events()) == before
    model(publisher, "m")
    with pytest.raises(AlreadyExists):
        publisher.models.CreateModel(request)


def test_pages_stay_stable_while_models_come(publisher: Client) -> None:
    for model_id in ("b", "d", "f"):
        model(publisher, model_id)
    first = publisher.models.ListModels(model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=2))
    model(publisher, "a")
    model(publisher, "e")
    rest = publisher.models.ListModels(
        model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=2, page_token=first.next_page_token)
    )
    assert [one.display_name for one in (*first.models, *rest.models)] == ["b", "d", "e", "f"]
    assert rest.next_page_token == ""


def test_a_token_of_another_list_is_refused(publisher: Client) -> None:
    for slug in ("a", "b"):
        model(publisher, slug)
    token = publisher.models.ListModels(model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=1)).next_page_token
    with pytest.raises(InvalidArgument) as caught:
        publisher.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=NAMESPACE, page_token=token))
    assert caught.value.reason == "INVALID_PAGE_TOKEN"
    with pytest.raises(InvalidArgument):
        listed(publisher, page_token=token, filter='tags.team = "x"')


def test_filters(publisher: Client) -> None:
    model(publisher, "a", tags={"team": "x", "dotted.key": "1"})
    model(publisher, "b", tags={"team": 'say "hi"'}, display_name="acme/B")
    model(publisher, "c")
    assert listed(publisher, filter='tags.team = "x"') == ["a"]
    assert listed(publisher, filter='tags.team != "x"') == ["b", "c"]
    assert listed(publisher, filter='tags.team = "say \\"hi\\""') == ["b"]
    assert listed(publisher, filter="tags.dotted.key = 1 AND display_name = a") == ["a"]
    assert listed(publisher, filter='display_name = "acme/B"') == ["b"]
    with pytest.raises(InvalidArgument, match="cannot be filtered by"):
        listed(publisher, filter='color = "blue"')


def test_a_caller_of_one_namespace_sees_no_other(client: Callable[..., Client], publisher: Client) -> None:
    limited = client("publisher", identity="lim@example.com", namespaces=("lab",))
    name = model(publisher, "m")
    calls: list[Callable[[], object]] = [
        lambda: get(limited, name),
        lambda: get(limited, f"{NAMESPACE}/models/absent"),
        lambda: listed(limited),
        lambda: model(limited, "mine"),
        lambda: update(limited, model_pb2.Model(name=name, description="x")),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied):
            call()


@pytest.mark.parametrize("parent", ["", "default", "namespaces/", "namespaces/A", "namespaces/a/models"])
def test_parents_are_namespaces(publisher: Client, parent: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        publisher.models.ListModels(model_pb2.ListModelsRequest(parent=parent))
    assert caught.value.violations[0].field == "parent"
