"""MLflow's tags and licences in the registry's words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.importing.mlflow.facts import MAX_TAGS, describe, licenses, pairs
from registry.catalog.fields import check_tags

TEXT = st.text(max_size=80)


@given(st.dictionaries(TEXT, st.text(max_size=2000), max_size=90), st.lists(TEXT, max_size=3))
def test_what_is_kept_is_taken_by_the_registry_and_the_rest_is_named(tags: dict[str, str], aliases: list[str]) -> None:
    version = {"name": "m", "version": "1", "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    found = describe("http://host", version, {}, aliases)
    assert check_tags(found.tags, "tags") == found.tags
    assert len(found.tags) <= MAX_TAGS
    assert found.tags["mlflow.version"] == "1"


def test_the_nearest_licence_counts() -> None:
    assert licenses({"License": "mit, apache-2.0"}, {"license": "gpl-3.0"}) == ["mit", "apache-2.0"]
    assert licenses({}, {"licence": "gpl-3.0"}) == ["gpl-3.0"]
    assert licenses({"other": "x"}) == []
    assert pairs(None) == {}
