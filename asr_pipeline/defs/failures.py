"""How a run ends in which some recordings failed: with one Failure that names them."""

from collections.abc import Mapping

import dagster as dg

from asr_pipeline.domain.errors import PermanentFailure, PipelineError

NAMED_IN_FULL = 20


def _summary(failed: int, total: int, quarantined: int, what: str) -> str:
    several = f"{failed} of {total} {what}s failed" if total > 1 else f"The {what} failed"
    others = "" if failed == total else "; the others are done"
    return f"{several}, {quarantined} of them for good{others}." if quarantined and total > 1 else f"{several}{others}."


def failure(failed: Mapping[str, PipelineError], total: int, what: str = "recording") -> dg.Failure:
    """Give the Failure for what failed, by id. The run is not retried: each was retried inside it."""
    quarantined = sum(isinstance(error, PermanentFailure) for error in failed.values())
    rows = "\n".join(
        f"| {recording_id} | {type(error).__name__} | {str(error).replace('|', '/')} |"
        for recording_id, error in list(failed.items())[:NAMED_IN_FULL]
    )
    more = len(failed) - NAMED_IN_FULL
    return dg.Failure(
        description=_summary(len(failed), total, quarantined, what),
        metadata={
            "failed": dg.MetadataValue.md(
                f"| {what} | kind | reason |\n|---|---|---|\n{rows}" + (f"\n\n… and {more} more" if more > 0 else "")
            )
        },
        allow_retries=False,
    )
