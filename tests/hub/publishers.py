"""Repositories as their publishers made them: cards with what is missing or wrong in the real ones."""

from __future__ import annotations

from tests.hub.serving import LocalHub

WEIGHTS = {"config.json": b"{}", "README.md": b"# a card\n", "model.safetensors": b"\x02\0\0\0\0\0\0\0{}"}
NC = {"license": "cc-by-nc-4.0"}


def publish_all(hub: LocalHub) -> None:
    """Three works of Salesforce and what they were made from; no xLAM card names its base."""
    hub.model("Salesforce/xLAM-7b-fc-r", NC | {"datasets": ["Salesforce/xlam-function-calling-60k"]}, WEIGHTS)
    hub.model("Salesforce/xLAM-2-3b-fc-r", NC, WEIGHTS | {"pytorch_model.bin": b"\x80\x04."})
    hub.dataset("Salesforce/xlam-function-calling-60k", {"license": "cc-by-4.0"}, {"rows.jsonl": b"{}\n"})
    deepseek = {"license": "other", "license_name": "deepseek", "license_link": "LICENSE"}
    hub.model("deepseek-ai/deepseek-coder-7b-instruct-v1.5", deepseek, WEIGHTS)
    hub.model("deepseek-ai/DeepSeek-V2-Chat", deepseek, WEIGHTS)
    research = {"license": "other", "license_name": "qwen-research", "license_link": "LICENSE"}
    hub.model("Qwen/Qwen2.5-3B-Instruct", research | {"base_model": "Qwen/Qwen2.5-3B"}, WEIGHTS)
    hub.model("mistralai/Mixtral-8x22B-Instruct-v0.1", {"license": "apache-2.0"}, WEIGHTS)
    hub.model("Qwen/Qwen3-0.6B", {"license": "apache-2.0", "base_model": ["Qwen/Qwen3-0.6B-Base"]}, WEIGHTS)
