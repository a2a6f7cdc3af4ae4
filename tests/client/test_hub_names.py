"""Names of repositories: what goes into an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritsafe.errors import InvalidArgument
from spiritsafe.hub.names import RepoRef, is_commit, is_repo, parse_endpoint, parse_ref


@pytest.mark.parametrize("repo", ["Qwen/Qwen3-8B", "gpt2", "meta-llama/Llama-3.1-8B", "a_b/c.d"])
def test_repositories(repo: str) -> None:
    assert is_repo(repo)
    assert parse_ref(f"{repo}@v1.0", "models") == (RepoRef(repo, "models"), "v1.0")


@pytest.mark.parametrize("repo", ["", "/a", "a/b/c", "../api", "a/..", "a/b?x=1", "a/b#c", "http://h/a", "a b", ".a/b"])
def test_what_could_mean_another_address_is_refused(repo: str) -> None:
    assert not is_repo(repo)
    with pytest.raises(InvalidArgument) as caught:
        RepoRef(repo, "models")
    assert caught.value.violations[0].field == "repo"


@given(st.text(alphabet="ab./@%\\\n?#: é", max_size=12))
def test_a_repository_adds_at_most_two_segments(text: str) -> None:
    if is_repo(text):
        assert all(part and part.strip(".") for part in text.split("/"))
        assert text.count("/") <= 1


@pytest.mark.parametrize("revision", ["", "../main", "a b", "refs/../x"])
def test_revisions(revision: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_ref(f"a/b@{revision}", "models")
    assert caught.value.violations[0].field == "revision"


def test_one_repository_in_other_letters() -> None:
    assert RepoRef("Qwen/Qwen3-8B", "models").key == RepoRef("qwen/qwen3-8b", "models").key
    assert RepoRef("a/b", "models").key != RepoRef("a/b", "datasets").key


def test_pages() -> None:
    assert RepoRef("a/b", "datasets").page("https://huggingface.co/") == "https://huggingface.co/datasets/a/b"
    assert RepoRef("a/b", "models").page("https://mirror.example") == "https://mirror.example/a/b"


@pytest.mark.parametrize("text", ["", "huggingface.co", "ftp://x", "http://", "https://h/?a=b"])
def test_endpoints(text: str) -> None:
    with pytest.raises(InvalidArgument, match="HF_ENDPOINT"):
        parse_endpoint(text)
    assert parse_endpoint("https://hub.example:8443/") == "https://hub.example:8443"


def test_commits() -> None:
    assert is_commit("0" * 40)
    assert not any(map(is_commit, ["main", "0" * 39, "G" * 40]))
