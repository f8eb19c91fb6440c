"""The training loop's checkpoint: it resumes after the workspace moved."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.networks.trainer import Learner, train
from training.run import Run


def learner(run: Run) -> Learner:
    """Return a line that learns 2x."""
    torch.manual_seed(1)
    net = nn.Linear(1, 1)

    def batches(rng: np.random.Generator) -> Iterator[Tensor]:
        yield torch.tensor(rng.normal(size=(8, 1)), dtype=torch.float32)

    return Learner(
        net,
        batches=batches,
        loss=lambda x: ((net(x) - 2 * x) ** 2).mean(),
        model=lambda: net,
        learning_rate=0.1,
        weight_decay=0.0,
        seed=3,
        run=run,
    )


def test_a_copied_training_resumes_and_names_no_folder(tmp_path: Path) -> None:
    whole, started, there = (tmp_path / name for name in ("whole", "started", "there"))
    unbroken = learner(Run(checkpoints=whole, device="cpu"))
    train(unbroken, epochs=3, run=Run(checkpoints=whole, device="cpu"))
    train(learner(Run(device="cpu")), epochs=2, run=Run(checkpoints=started, device="cpu"))
    shutil.copytree(started, there)
    before = (started / "last.ckpt").read_bytes()
    assert str(tmp_path).encode() not in before
    epochs: list[int] = []
    run = Run(checkpoints=there, device="cpu", on_epoch=lambda epoch, _: epochs.append(epoch))
    resumed = learner(run)
    train(resumed, epochs=3, run=run)
    assert epochs == [3]
    assert (started / "last.ckpt").read_bytes() == before
    for ours, theirs in zip(resumed.net.parameters(), unbroken.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_damaged_checkpoint_is_made_again(tmp_path: Path) -> None:
    """torch alone would go on with other weights: it does not compare the file's checksums."""
    unbroken = learner(Run(device="cpu"))
    train(unbroken, epochs=3, run=Run(device="cpu"))
    train(learner(Run(device="cpu")), epochs=2, run=Run(checkpoints=tmp_path, device="cpu"))
    file = tmp_path / "last.ckpt"
    weights = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/data/0"))
        weights[weights.index(archive.read(name))] ^= 64
    for damaged in (bytes(weights), bytes(weights[:1000]), b""):
        file.write_bytes(damaged)
        epochs: list[int] = []
        run = Run(checkpoints=tmp_path, device="cpu", on_epoch=lambda e, _: epochs.append(e))  # noqa: B023
        again = learner(run)
        train(again, epochs=3, run=run)
        assert epochs == [1, 2, 3]
        for ours, theirs in zip(again.net.parameters(), unbroken.net.parameters(), strict=True):
            assert torch.equal(ours, theirs)
