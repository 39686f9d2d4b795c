"""An archive of short recordings, for real: imported, backfilled on the embedded defaults, and looked at in the UI.

    python benchmarks/whole_archive.py [--write] [--memos 10000] [--seconds 3]

The asset's page is opened in headless Chromium (`chromium` on PATH) until it shows how many partitions are done.
"""

import argparse
import datetime as dt
import json
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archive import REPOSITORY, free_port, machine, run, running, varied, write_section
from playwright.sync_api import sync_playwright

PAGES = {
    "asset, partitions": "/assets/transcripts?view=partitions",
    "asset, overview": "/assets/transcripts",
    "runs": "/runs",
}


@contextmanager
def served(data_dir: Path) -> Iterator[str]:
    """Run `asr-pipeline up`, and end it as Ctrl-C does; gives its address."""
    port = free_port()
    with running(data_dir, "up", "--port", str(port)):
        address = f"http://127.0.0.1:{port}"
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/server_info"):  # noqa: S310 - our own address
                break
            time.sleep(0.5)
        yield address


def pages(address: str, count: int) -> dict[str, list[float]]:
    """Give the seconds until each page shows what it is about, three times."""
    took: dict[str, list[float]] = {}
    done = re.compile(rf"Materialized \(({count}|{count:,})\)")
    shown = {"asset, partitions": done, "asset, overview": "Latest materialization", "runs": "process_recordings"}
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address, timeout=120_000)
        page.wait_for_load_state("networkidle", timeout=120_000)
        for _ in range(3):
            for name, path in PAGES.items():
                began_s = time.perf_counter()
                page.goto(address + path, timeout=120_000)
                page.get_by_text(shown[name]).first.wait_for(timeout=120_000)
                took.setdefault(name, []).append(time.perf_counter() - began_s)
        browser.close()
    return took


def main() -> None:
    """Measure, print, and write the table into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--memos", type=int, default=10_000)
    arguments.add_argument("--seconds", type=float, default=3)
    asked = arguments.parse_args()
    rows = ["| step | wall | CPU | a recording | peak memory |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        archive = varied(Path(folder) / "archive", asked.memos, asked.seconds)
        for name, command in (
            ("`import --in-place`", ["import", str(archive), "--in-place", "--json"]),
            ("`backfill`", ["backfill", "--json"]),
            ("`verify --deep`", ["verify", "--deep", "--json"]),
        ):
            took = run(command, data_dir=data)
            each = f"{1000 * took.wall_s / asked.memos:.0f} ms"
            rows.append(f"| {name} | {took.wall_s:.0f} s | {took.cpu_s:.0f} s | {each} | {took.peak_mib:.0f} MiB |")
            print(rows[-1], flush=True)
        verified = json.loads(took.printed)
        done = verified["equation"]["done"]
        rows += ["", f"{done:,} of {asked.memos:,} done; `verify` has {len(verified['findings'])} findings."]
        with served(data) as address:
            shown = "; ".join(
                f"{name} {min(took):.1f} to {max(took):.1f} s" for name, took in pages(address, asked.memos).items()
            )
        rows += [f"In Chromium, three times each: {shown}."]
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; memos of {asked.seconds:g} s; {machine()}."])
    print(text)
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "whole", text)


if __name__ == "__main__":
    main()
