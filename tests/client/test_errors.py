import pytest
from google.rpc import code_pb2, error_details_pb2

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError, Violation
from spiritsafe.rpc.status import from_status, to_status


def _tree(kind: type[SpiritsafeError]) -> list[type[SpiritsafeError]]:
    return [kind, *(sub for child in kind.__subclasses__() for sub in _tree(child))]


MEMBERS = [
    kind for kind in _tree(SpiritsafeError) if kind is not SpiritsafeError and kind.__module__ == errors.__name__
]


def test_the_drawn_tree_names_every_member() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in MEMBERS if kind.__name__ not in drawn] == []


@pytest.mark.parametrize("kind", MEMBERS)
def test_every_error_survives_the_wire(kind: type[SpiritsafeError]) -> None:
    sent = kind(
        "it is wrong",
        reason="SOME_REASON",
        remedy="mend it",
        metadata={"resource": "models/x"},
        violations=(Violation("field", "how"),),
    )
    received = from_status(to_status(sent))
    assert type(received) is kind
    assert (received.message, received.reason, received.remedy) == ("it is wrong", "SOME_REASON", "mend it")
    assert received.metadata["resource"] == "models/x"
    assert received.violations == (Violation("field", "how"),)


@pytest.mark.parametrize("kind", MEMBERS)
def test_every_error_travels_with_the_details_that_apply(kind: type[SpiritsafeError]) -> None:
    """https://google.aip.dev/193"""
    sent = kind(
        "no", remedy="mend it", metadata={"resource": "namespaces/a/models/x"}, violations=(Violation("field", "how"),)
    )
    details = {detail.TypeName().removeprefix("google.rpc."): detail for detail in to_status(sent).details}
    wrong = "PreconditionFailure" if issubclass(kind, errors.FailedPrecondition) else "BadRequest"
    wanted = {"ErrorInfo", "Help", "ResourceInfo", wrong}
    if kind is errors.Unavailable:
        wanted.add("RetryInfo")
    assert details.keys() == wanted
    assert len(details) == len(to_status(sent).details)
    info = error_details_pb2.ErrorInfo.FromString(details["ErrorInfo"].value)
    assert (info.reason, info.domain) == (kind.code, "spiritsafe")
    resource = error_details_pb2.ResourceInfo.FromString(details["ResourceInfo"].value)
    assert (resource.resource_type, resource.resource_name) == ("spiritsafe/models", "namespaces/a/models/x")


@pytest.mark.parametrize("kind", MEMBERS)
def test_when_to_try_again_survives_the_wire(kind: type[SpiritsafeError]) -> None:
    assert from_status(to_status(kind("busy", retry_seconds=2.5))).retry_seconds == 2.5
    assert from_status(to_status(kind("busy"))).retry_seconds == ({"UNAVAILABLE": 1.0}.get(kind.code))


@pytest.mark.parametrize("kind", MEMBERS)
def test_every_code_is_a_grpc_code(kind: type[SpiritsafeError]) -> None:
    assert kind.code in code_pb2.Code.keys()  # noqa: SIM118 - an enum wrapper, not a dict


def test_errors_are_caught_as_the_builtin_that_callers_know() -> None:
    with pytest.raises(LookupError):
        raise errors.NotFound("no such model")
    with pytest.raises(ConnectionError):
        raise errors.Unavailable("nobody answers")


def test_the_remedy_is_part_of_the_text() -> None:
    assert str(errors.NotFound("m does not exist", remedy="check the name")) == "m does not exist (check the name)"
