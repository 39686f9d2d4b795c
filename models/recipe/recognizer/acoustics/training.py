"""Training, from random weights and word times, in one process a core.

Each process takes its share of the examples and its own steps; every few steps all take the mean of their weights
("local SGD"), which costs far less than a shared step on a machine without fast links. A checkpoint every 100 steps
lets an interrupted training go on; the order of the examples then starts anew, the learning rate does not.
"""

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

from models.recipe.recognizer.acoustics.batches import Example, group, load_examples, make_batch
from models.recipe.recognizer.acoustics.network import Network
from models.recipe.recognizer.acoustics.network_size import NetworkSize
from models.recipe.recognizer.acoustics.objective import Objective
from models.recipe.recognizer.acoustics.phone_bigram import phone_bigram
from models.recipe.recognizer.acoustics.pronunciations import UNKNOWN_WORD
from models.recipe.recognizer.corpus.workers import cores

PEAK_RATE = 1.5e-3
LAST_RATE = 4.7e-5
_FLAT_SHARE = 0.4  # of the steps at the peak rate; then it falls
_WARM_UP_STEPS = 150
_AVERAGE_EVERY = 8
_SAVE_EVERY = 96  # a multiple of the above, so that what is saved is the mean
_TELL_EVERY = 24
_DROPOUT, _DROPOUT_UNTIL = 0.1, 0.8
_UNKNOWN_SHARE = 0.015  # of words, said to be [unk], so that SPN learns what speech is in general
_STATISTICS_EXAMPLES = 400


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What every process is told."""

    features_dir: Path
    checkpoint: Path
    lexicon: Mapping[str, tuple[str, ...]]
    size: NetworkSize
    steps: int
    frames_a_batch: int


def train(job: TrainingJob) -> None:
    """Train until `steps` are done; done already is fine. The checkpoint holds the weights."""
    if _done_steps(job) >= job.steps:
        return
    processes = cores()
    meeting = job.checkpoint.with_suffix(".meeting")
    meeting.unlink(missing_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.multiprocessing.spawn(_process, (job, processes, str(meeting)), nprocs=processes)
    meeting.unlink(missing_ok=True)


def load_network(checkpoint: Path) -> Network:
    """Read the weights of a training, finished or not."""
    kept = torch.load(checkpoint, weights_only=True)
    network = Network(NetworkSize(**kept["size"]))
    network.load_state_dict(kept["network"])
    network.eval()
    return network


def learning_rate(step: int, steps: int) -> float:
    """Give the rate of a step: up in a line, flat, then down by a constant factor a step."""
    done = step / steps
    falling = max(0.0, (done - _FLAT_SHARE) / (1 - _FLAT_SHARE))
    return float(PEAK_RATE * min(1.0, (step + 1) / _WARM_UP_STEPS) * (LAST_RATE / PEAK_RATE) ** falling)


def _done_steps(job: TrainingJob) -> int:
    if not job.checkpoint.exists():
        return 0
    return int(torch.load(job.checkpoint, weights_only=True)["step"])


def _process(rank: int, job: TrainingJob, processes: int, meeting: str) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=processes)
    try:
        _Trainer(rank, job, processes).run()
    finally:
        torch.distributed.destroy_process_group()


class _Trainer:
    def __init__(self, rank: int, job: TrainingJob, processes: int) -> None:
        self.rank, self.job, self.processes = rank, job, processes
        examples = load_examples(job.features_dir)
        texts = [" ".join(w if w in job.lexicon else UNKNOWN_WORD for w in e.words) for e in examples]
        self.objective = Objective(job.lexicon, phone_bigram(texts, job.lexicon, random.Random(0)))
        self.mine = examples[rank::processes]
        torch.manual_seed(0)
        self.network = Network(job.size)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-3
        )
        self.step = 0
        if job.checkpoint.exists():
            self._load()
        else:
            self._measure_features(examples)
        self.chance = random.Random(f"{self.step} {rank}")
        self.generator = np.random.default_rng((self.step, rank))
        torch.manual_seed(1000 * self.step + rank)
        self.began, self.began_step = time.monotonic(), self.step
        hours = sum(example.frames for example in examples) / 360_000
        self._tell(f"{sum(p.numel() for p in self.network.parameters()):,} weights, {hours:.2f} hours of speech")

    def run(self) -> None:
        self.network.train()
        while self.step < self.job.steps:
            for examples in group(self.mine, self.job.frames_a_batch, self.chance):
                self._learn(examples)
                if self.step % _AVERAGE_EVERY == 0:
                    self._average()
                if self.step % _SAVE_EVERY == 0:
                    self._save()
                if self.step >= self.job.steps:
                    break
        self._average()
        self._save()

    def _learn(self, examples: list[Example]) -> None:
        rate = learning_rate(self.step, self.job.steps)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        batch = make_batch(examples, self.network.context, self.network.deviation.numpy(), self.generator)
        batch.words[:] = [self._with_unknown(words) for words in batch.words]
        dropout = _DROPOUT if self.step < _DROPOUT_UNTIL * self.job.steps else 0.0
        output, softmax_output = self.network(torch.from_numpy(batch.features), dropout)
        loss = self.objective(output, softmax_output, batch)
        self.optimizer.zero_grad()
        loss.total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        if self.step % _TELL_EVERY == 0:
            each_s = (time.monotonic() - self.began) / (self.step - self.began_step)
            left_min = each_s * (self.job.steps - self.step) / 60
            self._tell(
                f"step {self.step} of {self.job.steps}: MMI {loss.mmi:.4f}, cross-entropy {loss.cross_entropy:.3f}, "
                f"usable {loss.usable:.0%}, rate {rate:.1e}, {left_min:.0f} min left"
            )

    def _with_unknown(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(UNKNOWN_WORD if self.chance.random() < _UNKNOWN_SHARE else word for word in words)

    def _measure_features(self, examples: list[Example]) -> None:
        chosen = random.Random(0).sample(examples, min(_STATISTICS_EXAMPLES, len(examples)))
        frames = np.concatenate([example.features() for example in chosen])
        self.network.mean.copy_(torch.from_numpy(frames.mean(axis=0)))
        self.network.deviation.copy_(torch.from_numpy(frames.std(axis=0)))

    def _average(self) -> None:
        """Let weights and normalisation statistics become the mean over the processes."""
        tensors = [t for t in (*self.network.parameters(), *self.network.buffers()) if t.is_floating_point()]
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.processes
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.data.copy_(part.view_as(tensor))

    def _save(self) -> None:
        if self.rank:
            return
        size: dict[str, Any] = {name: getattr(self.job.size, name) for name in NetworkSize.__slots__}
        kept = {
            "size": size,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        part = self.job.checkpoint.with_suffix(".part")
        torch.save(kept, part)
        part.replace(self.job.checkpoint)

    def _load(self) -> None:
        kept = torch.load(self.job.checkpoint, weights_only=True)
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step = int(kept["step"])
        self._tell(f"going on after step {self.step}")

    def _tell(self, message: str) -> None:
        if self.rank == 0:
            print(message, flush=True)
