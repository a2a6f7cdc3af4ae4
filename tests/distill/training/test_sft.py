"""A real QLoRA training on a stand-in: it learns, reports, is killed and goes on."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import AutoConfig, Gemma4TextConfig, MistralConfig

from distill.families import family_named
from distill.families.base import IGNORED, Row, RowError
from distill.standins import checkpoint
from distill.training.overlong import Lengths
from distill.training.packing import pack_rows
from distill.training.sft import TrainProgress, TrainSpec, mask_window, step_batches, train
from distill.trajectories.types import Trajectory

# PEFT asks transformers by a name that is to go in version 6.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
STUDENT = family_named("qwen3")


def spec(folder: Path, **changes: object) -> TrainSpec:
    base = TrainSpec(
        base=str(checkpoint("qwen3")), output_dir=folder, batch_size=8, epochs=3, save_every=4, lora_rank=8
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the caller names the fields


def train_until_killed(folder: Path, gates: list[Trajectory]) -> None:
    """Train in this (child) process and die by SIGKILL in the sixth step."""

    def die(progress: TrainProgress) -> None:
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    train(spec(folder), STUDENT, gates, die)


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, gates: list[Trajectory]
) -> tuple[Path, list[TrainProgress]]:
    folder, seen = tmp_path_factory.mktemp("uninterrupted"), []
    result = train(spec(folder), STUDENT, gates, seen.append)
    assert (result.rows, result.lengths.fits, result.steps, result.resumed_from) == (48, 48, 12, 0)
    assert result.final_loss == seen[-1].loss
    return result.adapter, seen


def test_the_loss_falls_and_every_step_is_reported(uninterrupted: tuple[Path, list[TrainProgress]]) -> None:
    _, seen = uninterrupted
    assert [progress.step for progress in seen] == list(range(1, 13))
    assert {progress.total for progress in seen} == {12}
    assert seen[-1].loss < seen[0].loss / 2
    assert seen[-1].eta_seconds == 0 < seen[0].eta_seconds


def test_the_adapter_is_left_as_safetensors_beside_the_last_checkpoints(
    uninterrupted: tuple[Path, list[TrainProgress]],
) -> None:
    adapter, _ = uninterrupted
    assert {path.name for path in adapter.parent.glob("checkpoint-*")} == {"checkpoint-8", "checkpoint-12"}
    weights = load_file(adapter / "adapter_model.safetensors")
    assert all("lora_" in name for name in weights)
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["r"] == 8
    assert config["target_modules"] == sorted(config["target_modules"])


def test_a_killed_training_goes_on_from_its_last_whole_checkpoint(
    tmp_path: Path, gates: list[Trajectory], uninterrupted: tuple[Path, list[TrainProgress]]
) -> None:
    child = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(tmp_path, gates))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert not (tmp_path / "adapter").exists()
    # What a kill in the middle of saving leaves: a newer folder without its mark.
    partial = tmp_path / "checkpoint-5"
    partial.mkdir()
    (partial / "adapter_model.safetensors").write_bytes(b"cut off")
    seen: list[TrainProgress] = []
    result = train(spec(tmp_path), STUDENT, gates, seen.append)
    assert result.resumed_from == 4
    assert [progress.step for progress in seen] == list(range(5, 13))
    assert [progress.loss for progress in seen] == [progress.loss for progress in uninterrupted[1][4:]]
    assert result.final_loss == seen[-1].loss
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (result.adapter / name).read_bytes() == (uninterrupted[0] / name).read_bytes()


def test_a_step_of_several_forward_passes_is_the_same_step(
    tmp_path: Path, gates: list[Trajectory], uninterrupted: tuple[Path, list[TrainProgress]]
) -> None:
    seen: list[TrainProgress] = []
    train(spec(tmp_path, forward_tokens=1), STUDENT, gates, seen.append)
    # Both round to bfloat16 on some processors, in another order.
    assert [each.loss for each in seen] == pytest.approx([each.loss for each in uninterrupted[1]], rel=0.05)


def test_another_training_does_not_resume_from_these_checkpoints(tmp_path: Path, gates: list[Trajectory]) -> None:
    child = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(tmp_path, gates))
    child.start()
    child.join()
    assert train(spec(tmp_path, seed=1, epochs=0.5), STUDENT, gates).resumed_from == 0


def test_a_row_over_the_limit_stops_the_training_before_it_starts(tmp_path: Path, gates: list[Trajectory]) -> None:
    with pytest.raises(RowError, match=r"'gate-10', message 1: .* exceed the limit of 20"):
        train(spec(tmp_path, max_length=20), STUDENT, gates)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_train_on_is_refused(tmp_path: Path, gates: list[Trajectory]) -> None:
    with pytest.raises(ValueError, match="no trajectories to train on"):
        train(spec(tmp_path), STUDENT, [])
    seen: list[Lengths] = []
    with pytest.raises(ValueError, match=r"every row is too long \(48 rows: 0 fit, 0 split, 48 dropped; tokens: "):
        train(spec(tmp_path, max_length=20, overlong="split"), STUDENT, gates, on_rows=seen.append)
    assert [each.dropped for each in seen] == [48]


def test_steps_count_whole_batches() -> None:
    packs = pack_rows([Row((number, 1), (IGNORED, 1)) for number in range(17)])
    steps = step_batches(packs, spec(Path(), batch_size=8, epochs=1.5))
    assert [sum(pack.rows for pack in batch) for batch in steps[:3]].count(8) == 2
    assert len(steps) == 5
    assert steps[3] not in steps[:3]
    assert len(step_batches(packs[:1], spec(Path(), batch_size=8, epochs=0.01))) == 1


def test_packs_keep_to_a_window_that_every_layer_has_and_no_other() -> None:
    rows = [Row((1, 2, 3, 4), (IGNORED, 2, 3, 4))]
    assert mask_window(MistralConfig(sliding_window=4), rows) is None
    assert mask_window(MistralConfig(sliding_window=3), rows) == 3
    assert mask_window(AutoConfig.from_pretrained(checkpoint("qwen3")), rows * 3) is None
    with pytest.raises(ValueError, match="a row has 4 tokens, more than the sliding window of 3 that some of the"):
        mask_window(Gemma4TextConfig(sliding_window=3), rows)
