"""Where the commands write: results to standard output, progress and errors to standard error."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

NAME = "asr-pipeline"
output = Console(soft_wrap=False)
errors = Console(stderr=True)


def program() -> str:
    """Give what to type to run this program: its name where that leads here, else its path."""
    here = Path(sys.executable).with_name(NAME)
    found = shutil.which(NAME)
    if not here.exists() or (found is not None and Path(found).resolve() == here.resolve()):
        return NAME
    return shlex.quote(os.path.relpath(here))


def write_json(value: object) -> None:
    """Write JSON for a program to read: UTF-8, nothing else on standard output, lines for people who look at it.

    `json` indents in Python: three times the time, and many times the memory.
    """
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def rate(value: float | None) -> str:
    """Give a word error rate as people read it: a dash where nothing was measured."""
    return "–" if value is None else f"{value:.2%}"  # noqa: RUF001 - a dash


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a progress bar on standard error; it shows nothing where that is not a terminal.

    It writes to a descriptor of its own: Dagster sends a step's standard error to a file meanwhile.
    """
    with os.fdopen(os.dup(2), "w") as terminal:
        console = Console(file=terminal)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        ) as bar:
            yield bar


def transfer_bar() -> Progress:
    """Make a progress bar of bytes on standard error; it shows nothing where that is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    )
