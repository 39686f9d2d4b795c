"""Assets about the whole house, not about a recording: the ledger, and whether nothing is lost."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import dagster as dg

from asr_pipeline.defs.reconcile import compare
from asr_pipeline.domain.ledger import Equation, Finding
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage

GROUP = "operations"
OWNERS = ["team:speech"]
NAMED_IN_FULL = 50


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "dagster"},
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_is_lost",
            asset="ledger",
            description="Every file that ever entered is done, in progress, failed, quarantined or dropped; rows agree "
            "with one another, with the files on disk and with Dagster. `asr-pipeline verify` tells the same.",
        )
    ],
)
def ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it
    """Every file that ever entered, by where it stands: done, in progress, failed, quarantined or dropped."""
    with open_storage(load_settings()) as storage:
        verification = storage.verify()
        findings = [*verification.findings, *compare(context.instance, storage.database)]
        found = len(findings) + (not verification.equation.holds)
        storage.note_verified(verification.equation, found)
    kinds = Counter(finding.kind.value for finding in findings)
    return dg.MaterializeResult(
        metadata={
            "equation": dg.MetadataValue.md(equation_table(verification.equation)),
            "files": verification.equation.files,
            "recordings": verification.equation.recordings,
            "findings": len(findings),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="nothing_is_lost",
                passed=found == 0,
                severity=dg.AssetCheckSeverity.ERROR,
                description=", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
                or str(verification.equation),
                metadata={"findings": dg.MetadataValue.md(findings_table(findings))},
            )
        ],
    )


def equation_table(equation: Equation) -> str:
    """Give the equation as a Markdown table."""
    rows = {
        "done": equation.done,
        "in progress": equation.in_progress,
        "failed": equation.failed,
        "quarantined": equation.quarantined + equation.refused,
        "dropped": equation.dropped,
        "**lost**": equation.lost,
        "**entered**": equation.files,
    }
    lines = (f"| {name} | {count:,} |" for name, count in rows.items() if count or name != "**lost**")
    return "| files | |\n|---|---:|\n" + "\n".join(lines)


def findings_table(findings: Sequence[Finding]) -> str:
    """Give findings as a Markdown table, the first of many."""
    if not findings:
        return "Nothing is wrong."
    rows = "\n".join(
        "| "
        + " | ".join(cell.replace("|", "\\|") for cell in (one.kind.value, one.subject, one.found, one.remedy))
        + " |"
        for one in islice(findings, NAMED_IN_FULL)
    )
    more = len(findings) - NAMED_IN_FULL
    return f"| kind | subject | found | remedy |\n|---|---|---|---|\n{rows}" + (
        f"\n\n… and {more:,} more: `asr-pipeline verify`." if more > 0 else ""
    )
