"""`asr-pipeline verify`: nothing is lost, and what says so."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asr_pipeline.cli.console import output, progress_bar, write_json
from asr_pipeline.domain.ledger import REPAIRABLE, Equation, Finding, FindingKind
from asr_pipeline.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg
    from rich.progress import Progress, TaskID

    from asr_pipeline.wiring.storage import Storage

NAMED_OF_A_KIND = 20


def verify(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every original, and compare its SHA-256.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended without a judgement.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Prove that nothing is lost: every file that ever entered is accounted for; rows, files and Dagster agree.

    May run while the pipeline is at work. Exit code 1 where something is wrong.

    Example: `asr-pipeline verify`, or `asr-pipeline verify --deep --json`
    """
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for Dagster
    from asr_pipeline.defs.reconcile import compare  # noqa: PLC0415
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with ExitStack() as stack:
        storage = stack.enter_context(open_storage(load_settings()))
        instance = stack.enter_context(open_instance(storage.layout.dagster_home))
        bar = stack.enter_context(progress_bar())
        verification = storage.verify(deep=deep, progress=BarTasks(bar).progress)
        findings = [*verification.findings, *compare(instance, storage.database)]
        repaired = repair_all(storage, instance, findings, bar) if repair else []
        gone = set(repaired)
        left = [finding for finding in findings if finding not in gone]
        storage.note_verified(verification.equation, len(left) + (not verification.equation.holds), deep=deep)
    if as_json:
        write_json(_document(verification.equation, left, repaired))
    else:
        _print(verification.equation, left, repaired)
    if left or not verification.equation.holds:
        raise typer.Exit(1)


def repair_all(
    storage: "Storage", instance: "dg.DagsterInstance", findings: Sequence[Finding], bar: "Progress"
) -> list[Finding]:
    """Mend what can be mended, and give that."""
    from asr_pipeline.defs.reconcile import repair  # noqa: PLC0415 - as above
    from asr_pipeline.storage.verify_leftovers import remove_stale  # noqa: PLC0415

    mended = [finding for finding in findings if finding.kind in REPAIRABLE]
    recordings = {one.subject for one in mended if one.kind is FindingKind.MATERIALIZATION_MISSING}
    task = bar.add_task("Telling Dagster", total=len(recordings), visible=bool(recordings))
    for finding in mended:
        if finding.kind is FindingKind.STALE_PARTIAL_FILE:
            remove_stale(storage.layout, finding)
    repair(instance, storage.store, mended, lambda: bar.advance(task))
    return mended


class BarTasks:
    """Shows a bar for each thing that is counted."""

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def progress(self, what: str, done: int, total: int) -> None:
        """Hear how far it is."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(f"Looking at {what}")
        self._bar.update(self._tasks[what], completed=done, total=total)


def _document(equation: Equation, findings: Sequence[Finding], repaired: Sequence[Finding]) -> dict[str, object]:
    return {
        "equation": {**asdict(equation), "lost": equation.lost, "holds": equation.holds},
        "findings": [asdict(finding) for finding in findings],
        "repaired": [asdict(finding) for finding in repaired],
    }


def _print(equation: Equation, findings: Sequence[Finding], repaired: Sequence[Finding]) -> None:
    output.print(f"[bold]{equation}[/]", highlight=False, soft_wrap=True)
    output.print(f"{equation.recordings:,} recordings; files of the same bytes are one", highlight=False)
    for kind, count in sorted(Counter(finding.kind for finding in repaired).items()):
        output.print(f"[green]mended[/] {kind}: {count:,}", highlight=False)
    for kind, count in sorted(Counter(finding.kind for finding in findings).items()):
        named = [finding for finding in findings if finding.kind is kind][:NAMED_OF_A_KIND]
        for one in named:
            output.print(
                f"[bold red]{kind}[/] {escape(one.subject)}: {escape(one.found)}\n    → {escape(one.remedy)}",
                highlight=False,
                soft_wrap=True,
            )
        if count > len(named):
            output.print(f"    … and {count - len(named):,} more of {kind}: --json has them all", highlight=False)
    if not findings and equation.holds:
        output.print("[green]Nothing is lost.[/]", highlight=False)
