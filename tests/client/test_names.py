import pytest

from spiritsafe.errors import InvalidArgument
from spiritsafe.rpc.names import ChannelName, EvaluationReportName, NodeName, VersionName, expand, shorten

MODEL = NodeName("default", "models", "tool-8b")


def test_version_name_round_trips() -> None:
    name = "namespaces/acme/datasets/traces/versions/12"
    parsed = VersionName.parse(name)
    assert parsed == VersionName(NodeName("acme", "datasets", "traces"), 12)
    assert str(parsed) == name


def test_channel_name_splits_context_from_a_stage_with_hyphens() -> None:
    parsed = ChannelName.parse("namespaces/default/models/tool-8b/channels/commercial-blue-green")
    assert (parsed.context, parsed.stage, parsed.label) == ("commercial", "blue-green", "commercial/blue-green")


def test_report_name_holds_its_version() -> None:
    name = "namespaces/acme/models/tool-8b/versions/2/evaluationReports/3f2a"
    parsed = EvaluationReportName.parse(name)
    assert parsed == EvaluationReportName(VersionName(NodeName("acme", "models", "tool-8b"), 2), "3f2a")
    assert str(parsed) == name
    with pytest.raises(InvalidArgument):
        EvaluationReportName.parse(name.removesuffix("/3f2a"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tool-8b", MODEL),
        ("tool-8b@3", VersionName(MODEL, 3)),
        ("dataset:traces@1", VersionName(NodeName("default", "datasets", "traces"), 1)),
        ("namespaces/acme/models/m/versions/2", VersionName(NodeName("acme", "models", "m"), 2)),
    ],
)
def test_expand_reads_short_and_full_forms(text: str, expected: NodeName | VersionName) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize("text", ["tool-8b@3", "dataset:traces@1", "tool-8b", "namespaces/acme/models/m/versions/2"])
def test_shorten_undoes_expand(text: str) -> None:
    assert shorten(str(expand(text))) == text


@pytest.mark.parametrize(
    "text", ["", "Tool", "a/b", "m@0", "m@-1", "m@x", "../m", "namespaces/a/models/b/versions/0", "m\n", "-m", "m" * 64]
)
def test_malformed_names_are_refused_with_the_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        expand(text)
    assert [one.field for one in caught.value.violations] == ["name"]
