"""The quarantine in the catalogue: a table of what was refused or failed for good, and a check that it is empty."""

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from asr_pipeline.defs.specs import OWNERS
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.quarantine import Reason
from asr_pipeline.storage.text import storable
from asr_pipeline.wiring.storage import open_storage

GROUP = "operations"
NAMED_IN_FULL = 100


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "json"},
    code_version="1",
    description="Files that were refused and recordings that failed for good, each with its reason. "
    "`asr-pipeline quarantine` tries them again or gives them up.",
)
def quarantine() -> dg.MaterializeResult[None]:
    """List what is in quarantine, and make its folder agree with the database."""
    reasons = _quarantined()
    kinds = Counter(reason.kind for reason in reasons)
    return dg.MaterializeResult(
        metadata={
            "count": dg.MetadataValue.int(len(reasons)),
            "table": dg.MetadataValue.md(table(reasons)),
            **{f"count_{kind}": dg.MetadataValue.int(count) for kind, count in sorted(kinds.items())},
        }
    )


@dg.asset_check(asset=quarantine, description="Nothing was refused, and nothing failed for good.")
def quarantine_is_empty() -> dg.AssetCheckResult:
    """Warn where something waits for a person."""
    reasons = _quarantined()
    return dg.AssetCheckResult(
        passed=not reasons,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(reasons)} in quarantine: `asr-pipeline quarantine list`." if reasons else "Nothing.",
        metadata={"count": len(reasons)},
    )


def table(reasons: Sequence[Reason]) -> str:
    """Give a Markdown table of the first of them, oldest first."""
    if not reasons:
        return "Nothing is in quarantine."
    rows = [
        f"| {_cell(reason.entry_id)} | {_cell(reason.name)} | {reason.kind} | {_cell(reason.message)} | {reason.when} |"
        for reason in reasons[:NAMED_IN_FULL]
    ]
    more = len(reasons) - NAMED_IN_FULL
    text = "\n".join(["| id | name | kind | reason | when |", "|---|---|---|---|---|", *rows])
    return f"{text}\n\n… and {more:,} more" if more > 0 else text


def _cell(text: str) -> str:
    """Keep a name from outside in its cell: no line ends, no bars, no markup."""
    plain = " ".join(storable(text).split())
    return "".join(f"\\{character}" if character in "|`*_[]<>\\" else character for character in plain)


def _quarantined() -> list[Reason]:
    with open_storage(load_settings()) as storage:
        return storage.quarantined()
