"""Training on the CPU: processes of one thread each, gradients averaged over gloo; stops and goes on at any time.

For matrices this small two processes of one thread are more than twice as fast as one of two threads. The state of all
(weights, optimizer, place in the data) is saved every few minutes, and once more at the end; the same command goes on
from there.
"""

import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from models.recipe.translator import data, tokenizer
from models.recipe.translator.batches import batches, padded
from models.recipe.translator.network import Network, Shape
from models.recipe.translator.sizes import Sizes

_SAVE_EVERY_S = 240.0
_SAY_EVERY_S = 60.0
_AVERAGE_FROM = 0.4  # share of the updates after which weights are averaged
_AVERAGE_EVERY, _AVERAGE_RATE = 5, 0.02
_LEAST_RATE = 0.02  # of the learning rate, at the end
_SMOOTHING = 0.05
_GRADIENT_NORM = 1.0
_BETAS, _WEIGHT_DECAY = (0.9, 0.98), 0.01

Weights = dict[str, Tensor]


@dataclass
class Progress:
    """Where training stands."""

    update: int = 0
    epoch: int = 0
    batch: int = 0
    """Steps of this epoch that are done."""
    lines: int = 0


def train(folder: Path, sizes: Sizes, processes: int) -> None:
    """Train on ``train.tsv`` in ``folder`` until all updates are done; ``model.pt`` holds the averaged weights then."""
    folder = folder.resolve()
    (folder / "rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(_work, (folder, sizes, processes), nprocs=processes)


def learning_rate(update: int, sizes: Sizes) -> float:
    """Straight up over the warm-up, then straight down to 2 %."""
    left = 1 - update / sizes.updates
    return sizes.learning_rate * min((update + 1) / sizes.warm_up, _LEAST_RATE + (1 - _LEAST_RATE) * left)


class _Corpus:
    """The training lines as ids."""

    def __init__(self, folder: Path) -> None:
        pieces = tokenizer.load(folder / "tokenizer.model")
        lines = data.read(folder / "train.tsv")
        self.pieces: int = pieces.get_piece_size()
        self.sources = [_ids([*ids, tokenizer.END]) for ids in pieces.encode([source for source, _ in lines])]
        self.targets = [_ids(ids) for ids in pieces.encode([target for _, target in lines])]
        self.lengths = [(len(s), len(t) + 1) for s, t in zip(self.sources, self.targets, strict=True)]

    def tensors(self, indexes: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Source, target as it is read, target as it is to be written: the one is the other, one later."""
        sources = padded([self.sources[index] for index in indexes])
        read = padded([_ids([tokenizer.START, *self.targets[index]]) for index in indexes])
        written = padded([_ids([*self.targets[index], tokenizer.END]) for index in indexes])
        return torch.from_numpy(sources), torch.from_numpy(read), torch.from_numpy(written)


def _ids(values: list[int]) -> NDArray[np.int16]:
    return np.array(values, dtype=np.int16)


class _State:
    """Everything that a process holds, and that a checkpoint brings back."""

    def __init__(self, corpus: _Corpus, sizes: Sizes) -> None:
        torch.manual_seed(1)
        self.shape = Shape(
            pieces=corpus.pieces,
            width=sizes.width,
            heads=sizes.heads,
            feed_forward=sizes.feed_forward,
            encoder_layers=sizes.encoder_layers,
            decoder_layers=sizes.decoder_layers,
        )
        self.network = Network(self.shape)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=sizes.learning_rate, betas=_BETAS, weight_decay=_WEIGHT_DECAY, fused=True
        )
        self.average: Weights | None = None
        self.progress = Progress()

    def load(self, path: Path) -> None:
        saved = torch.load(path)
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average = saved["average"]
        self.progress = Progress(**saved["progress"])

    def save(self, folder: Path) -> None:
        """Write the checkpoint, and the weights to be exported."""
        weights = self.network.state_dict()
        _write(
            folder / "checkpoint.pt",
            {
                "network": weights,
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "progress": asdict(self.progress),
            },
        )
        _write(folder / "model.pt", {"shape": asdict(self.shape), "weights": self.average or weights})

    def follow_average(self) -> None:
        """Move the running average a little towards the weights of now."""
        weights = self.network.state_dict()
        if self.average is None:
            self.average = {name: tensor.clone() for name, tensor in weights.items()}
        for name, tensor in weights.items():
            self.average[name].lerp_(tensor, _AVERAGE_RATE)


def _write(path: Path, content: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    torch.save(content, new)
    new.replace(path)


def _work(rank: int, folder: Path, sizes: Sizes, processes: int) -> None:
    """One process. All go through the same batches, each takes every n-th, so that they stay in step."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=processes)
    corpus = _Corpus(folder)
    state = _State(corpus, sizes)
    if (folder / "checkpoint.pt").exists():
        state.load(folder / "checkpoint.pt")
    reporter = _Reporter(sizes, state, quiet=rank != 0)
    reporter.say(f"train: {len(corpus.sources)} lines, {sum(p.numel() for p in state.parameters)} parameters")
    saved_at = time.monotonic()
    for group in _steps(corpus, sizes, processes, state.progress):
        loss, lines = _step(state, sizes, corpus.tensors(group[rank]), len(group[rank]), processes)
        state.progress.update += 1
        state.progress.batch += 1
        state.progress.lines += lines
        if rank == 0:
            if state.progress.update > _AVERAGE_FROM * sizes.updates and state.progress.update % _AVERAGE_EVERY == 0:
                state.follow_average()
            reporter.count(loss)
            if time.monotonic() - saved_at > _SAVE_EVERY_S:
                state.save(folder)
                saved_at = time.monotonic()
    if rank == 0:
        state.save(folder)
        reporter.say("train: done")
    distributed.destroy_process_group()


def _steps(corpus: _Corpus, sizes: Sizes, processes: int, progress: Progress) -> Iterator[tuple[list[int], ...]]:
    """Batches for all processes, from where ``progress`` stands until the last update."""
    while progress.update < sizes.updates:
        rng = random.Random(progress.epoch)
        todo = batches(corpus.lengths, sizes.batch_tokens // processes, rng)
        groups = zip(*[todo] * processes, strict=False)  # the last few of an epoch may find no company
        for group in itertools.islice(groups, progress.batch, None):
            if progress.update >= sizes.updates:
                return
            yield group
        progress.epoch, progress.batch = progress.epoch + 1, 0


def _step(
    state: _State, sizes: Sizes, tensors: tuple[Tensor, Tensor, Tensor], lines: int, processes: int
) -> tuple[float, int]:
    """One update by all processes together: its loss, and how many lines it saw."""
    rate = learning_rate(state.progress.update, sizes)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    source, read, written = tensors
    hidden = state.network(source, read).flatten(0, 1)
    written = written.flatten()
    real = written != tokenizer.PADDING
    loss = nn.functional.cross_entropy(state.network.scores(hidden[real]), written[real], label_smoothing=_SMOOTHING)
    state.optimizer.zero_grad()
    loss.backward()
    gradients = [parameter.grad for parameter in state.parameters if parameter.grad is not None]
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), torch.tensor([loss.item(), float(lines)])])
    distributed.all_reduce(flat)
    mean_loss, all_lines = flat[-2].item() / processes, int(flat[-1].item())
    flat = flat[:-2] / processes
    flat *= min(1.0, _GRADIENT_NORM / (flat.norm().item() + 1e-6))
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
    state.optimizer.step()
    return mean_loss, all_lines


class _Reporter:
    """Says once a minute how far training is, and when it will end if it goes on so."""

    def __init__(self, sizes: Sizes, state: _State, *, quiet: bool) -> None:
        self._sizes, self._progress, self._quiet = sizes, state.progress, quiet
        self._started, self._first = time.monotonic(), state.progress.update
        self._said, self._losses = self._started, list[float]()

    def say(self, text: str) -> None:
        if not self._quiet:
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def count(self, loss: float) -> None:
        self._losses.append(loss)
        now = time.monotonic()
        if now - self._said < _SAY_EVERY_S:
            return
        done = self._progress.update - self._first
        left_s = (self._sizes.updates - self._progress.update) * (now - self._started) / done
        self.say(
            f"train: {self._progress.update}/{self._sizes.updates} updates, epoch {self._progress.epoch}, "
            f"{self._progress.lines} lines, loss {sum(self._losses) / len(self._losses):.4f}, "
            f"{left_s / 60:.0f} min to go"
        )
        self._said, self._losses = now, []


def one_thread_each() -> None:
    """Keep the numeric libraries of this process and its children to one thread each."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
