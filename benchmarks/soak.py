"""A soak: arrivals at a share of capacity with random faults; at the end nothing is lost and memory is flat.

    python benchmarks/soak.py [--minutes 30] [--seed 1] [--share 0.8] [--fault-every-s 60] [--batch 120] [--write]

`asr-pipeline up` and `serve` as processes, Dask's workers below them, all on PostgreSQL. First a closed batch is timed:
recordings a second, from the first that is sent until the last is done. Then memos of 5 to 20 s arrive at random
moments (Poisson) at the share of that, half by the inbox, half by HTTP; garbage, truncated files and duplicates are
among them. About once a minute something is killed, or the disk is nearly full. At the end the backlog is worked off,
what failed for now is tried again by `asr-pipeline backfill --failed`, as the schedule would in time, and
`asr-pipeline verify --deep` is asked. Exit code 1: something was lost, `verify` has found something, a process lived
on or ended by itself, or the largest process of a role grew by more than 20 % and 50 MiB.

Disk pressure needs a file system of its own: a tmpfs, where this user may mount one (root, or sudo without a
password). Else that fault is left out, which the table says.
"""

import argparse
import datetime as dt
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from archive import REPOSITORY, machine, write_section
from soaking.accounts import Account, account, latencies
from soaking.faults import Faults
from soaking.house import MIB, House, house, wait_until
from soaking.looks import GROWTH_MAX, GROWTH_MAX_MIB, Looks
from soaking.sender import Kind, Sender

from asr_pipeline.defs.backlog import unfinished_runs
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage

WARM_UP = 6
BATCH_MAX_S = 900
DISK_MIB, DISK_MIB_A_MINUTE = 4096, 256  # the gateway wants some free; room for four recordings a second


@dataclass
class Soak:
    """One soak, from a warm house to its verdict."""

    house: House
    sender: Sender
    looks: Looks
    faults: Faults
    wrong: list[str] = field(default_factory=list)
    rate_per_s: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    drained_s: float = 0.0
    retried: int = 0

    def measure_capacity(self, batch: int) -> float:
        """Time a closed batch of sound in a warm house; gives recordings a second."""
        self._send_and_finish(WARM_UP)
        began_s = time.monotonic()
        self._send_and_finish(batch)
        return batch / (time.monotonic() - began_s)

    def arrive(self, rate_per_s: float, seconds: float, seed: int) -> None:
        """Send at random moments, with faults, for so long."""
        chance = random.Random(f"{seed} moments")
        self.rate_per_s, self.began_s = rate_per_s, time.time()
        self.ended_s = self.began_s + seconds
        self.faults.start()
        next_s, told_s = self.began_s, self.began_s
        while (next_s := next_s + chance.expovariate(rate_per_s)) < self.ended_s:
            time.sleep(max(0.0, next_s - time.time()))
            self.sender.send()
            if time.time() - told_s > 60:
                told_s = time.time()
                print(f"  {time.strftime('%H:%M:%S')} {len(self.sender.sent)} sent, {self._waiting()} wait", flush=True)
        self.faults.stop()

    def drain(self, longest_s: float) -> None:
        """Wait until nothing is to be done, and have what failed for now tried again."""
        began_s = time.monotonic()
        deadline_s = began_s + longest_s
        with open_instance(self.house.data_dir / "dagster") as instance, open_storage(load_settings()) as storage:
            try:
                while True:
                    wait_until(
                        lambda: (
                            self.sender.all_arrived()
                            and self._waiting() == storage.store.count_by_state()[RecordingState.FAILED]
                            and not unfinished_runs(instance)
                        ),
                        "the backlog",
                        deadline_s - time.monotonic(),
                        every_s=0.5,
                    )
                    if not (failed := storage.store.count_by_state()[RecordingState.FAILED]):
                        break
                    self.retried += failed
                    reasons = Counter(
                        (row.reason or "").partition(": ")[2] for row in storage.store.rows(state=RecordingState.FAILED)
                    )
                    print(f"  {failed} had failed for now: {reasons.most_common(5)}", flush=True)
                    _command("backfill", "--failed")
            except TimeoutError as error:
                states = {state.value: count for state, count in storage.store.count_by_state().items() if count}
                runs = [f"{run.run_id[:8]} {run.status.value}" for run in unfinished_runs(instance)]
                self.wrong.append(f"{error}: {self._waiting()} wait, {states}, runs {runs}")
        self.drained_s = time.monotonic() - began_s

    def verify(self) -> dict[str, int]:
        """Stop everything, then ask `verify --deep`; gives its equation."""
        self.looks.stop()
        self.wrong += [f"did not end when it was stopped: {one}" for one in self.house.stop()]
        self.wrong += self.house.ended + self.faults.errors + self.looks.errors
        told = json.loads(_command("verify", "--deep", "--json"))
        self.wrong += [f"verify: {one['kind']} {one['subject']}: {one['found']}" for one in told["findings"]]
        if not told["equation"]["holds"]:
            self.wrong.append(f"verify: {told['equation']}")
        return dict(told["equation"])

    def account(self) -> Account:
        """Find each file that was sent."""
        with open_storage(load_settings()) as storage:
            found = account(storage.database, self.sender.sent)
        self.wrong += found.wrong
        return found

    def _waiting(self) -> int | None:
        return self.looks.waiting()

    def _send_and_finish(self, count: int) -> None:
        for _ in range(count):
            self.sender.send(Kind.SOUND)
        wait_until(lambda: self.sender.all_arrived() and self._waiting() == 0, "a batch", BATCH_MAX_S)


def _command(*words: str) -> str:
    """Run a command of the program to its end; gives what it printed. What it says of errors is passed on."""
    done = subprocess.run(
        [sys.executable, "-m", "asr_pipeline", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout


def table(soak: Soak, capacity_per_s: float, equation: dict[str, int], found: Account) -> str:
    """Say what was done and found, in Markdown."""
    minutes = (soak.ended_s - soak.began_s) / 60
    during = [one for one in soak.sender.sent if one.offered_s >= soak.began_s]
    waiting = [look.waiting for look in soak.looks.all if look.waiting is not None and look.at_s >= soak.began_s]
    kinds = Counter(one.kind for one in soak.faults.done if one.told != "there was none")
    left_out = "" if soak.house.disk.is_own else "; no disk pressure: nothing could be mounted"
    by_http = sum(one.way == "HTTP" for one in during)
    again = sum(one.attempts > 1 for one in during)
    findings = sum(one.startswith("verify") for one in soak.wrong)
    compared = soak.looks.growth(soak.began_s, soak.ended_s)
    missing = soak.looks.not_compared(compared)
    states = ("done", "quarantined", "refused", "failed", "in_progress", "dropped")
    counted = " + ".join(f"{equation[state]:,} {state.replace('_', ' ')}" for state in states if equation[state])
    what = (
        f"{minutes:.0f} minutes; capacity {capacity_per_s:.2f} recordings/s in a closed batch, arrivals at "
        f"{soak.rate_per_s:.2f}/s ({soak.rate_per_s / capacity_per_s:.0%}), "
        f"a fault about every {soak.faults.every_s:.0f} s, seed {soak.sender.seed}."
    )
    rows = [
        what,
        "",
        "| | found |",
        "|---|---|",
        f"| sent | {len(during):,}, by HTTP {by_http:,}; {again:,} needed several attempts |",
        *(f"| of all {len(soak.sender.sent):,}: {end} | {count:,} |" for end, count in sorted(found.ends.items())),
        f"| faults | {', '.join(f'{count} × {kind}' for kind, count in sorted(kinds.items())) or 'none'}{left_out} |",
        f"| waiting: median, most | {statistics.median(waiting):.0f}, {max(waiting)} |",
        f"| until the backlog was empty, then | {soak.drained_s:.0f} s; {soak.retried} by `backfill --failed` |",
        f"| `verify --deep` | {findings} findings; {equation['files']:,} files = {counted} |",
        f"| disk in use at the end | {soak.house.disk.used_mib():,} MiB |" if soak.house.disk.is_own else "",
        f"| lost or wrong | {len(soak.wrong)} |",
        "",
        "| latency | recordings | p50 | p90 | p99 | slowest |",
        "|---|---|---|---|---|---|",
        *(one.row() for one in latencies(found.done, soak.faults.done, soak.began_s)),
        "",
        "| memory, largest process of a role | second sixth | last sixth | growth |",
        "|---|---|---|---|",
        *(one.row() for one in compared),
        f"\nNot there in both: {', '.join(missing)}." if missing else "",
        "",
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}.",
    ]
    return "\n".join(row for number, row in enumerate(rows) if row or rows[number - 1])


def run(work: Path, asked: argparse.Namespace) -> tuple[str, list[str]]:
    """Do it all; gives the table, and what is wrong."""
    disk_bytes = round((DISK_MIB + DISK_MIB_A_MINUTE * asked.minutes) * MIB)
    with house(work, disk_bytes) as one:
        looks, faults = Looks(one), Faults(one, asked.seed, asked.fault_every_s)
        sender = Sender(asked.seed, one.data_dir / "inbox", f"http://127.0.0.1:{one.gateway_port}")
        soak = Soak(one, sender, looks, faults)
        looks.start()
        try:
            print("capacity …", flush=True)
            capacity_per_s = soak.measure_capacity(asked.batch)
            print(f"  {capacity_per_s:.2f} recordings/s", flush=True)
            soak.arrive(asked.share * capacity_per_s, 60 * asked.minutes, asked.seed)
            print("backlog …", flush=True)
            soak.drain(asked.drain_max_s)
            equation = soak.verify()
        finally:
            faults.stop()
            looks.stop()
            sender.close()
            looks.write(work / "logs" / "looks.csv")
        found = soak.account()
        for growth in looks.growth(soak.began_s, soak.ended_s):
            if growth.is_too_much:
                limits = f"{GROWTH_MAX:.0%} and {GROWTH_MAX_MIB:.0f} MiB"
                soak.wrong.append(f"memory of {growth.role} grew by {growth.mib:.0f} MiB, more than {limits}")
        return table(soak, capacity_per_s, equation, found), soak.wrong


def main() -> None:
    """Soak, print, and write the table into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--share", type=float, default=0.8)
    arguments.add_argument("--fault-every-s", type=float, default=60)
    arguments.add_argument("--batch", type=int, default=120)
    arguments.add_argument("--drain-max-s", type=float, default=1200)
    asked = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # leaves by the ways out, which stop and unmount everything
    work = Path(tempfile.mkdtemp(prefix="asr-soak-"))
    print(f"logs: {work / 'logs'}", flush=True)
    text, wrong = run(work, asked)
    print(text)
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "soak", text)
    if wrong:
        print(f"\n{len(wrong)} wrong (logs are kept in {work / 'logs'}):", *wrong, sep="\n  ", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
