"""The nightly report, as an asset: its history in the UI is the trend of each figure."""

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from asr_pipeline.defs.metadata import picture
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.engines.pictures import trend_png
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.layout import LOW_DISK_BYTES
from asr_pipeline.storage.report import TREND_DAYS, Report, make_report
from asr_pipeline.wiring.storage import open_storage

GROUP = "operations"
OWNERS = ["team:speech"]


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "report"},
    description="How the house stands: recordings by state, hours, confidence and word error rate day by day, failures "
    "by kind, disk.",
    check_specs=[
        dg.AssetCheckSpec("room_on_disk", asset="nightly_report", description="At least 2 GiB are free for data."),
    ],
)
def nightly_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it as one output, checks aside
    """Count, and tell."""
    with open_storage(load_settings()) as storage:
        report = make_report(storage.database, storage.layout, dt.datetime.now(dt.UTC))
    context.log.info("%s", ", ".join(f"{count:,} {state}" for state, count in report.states.items()))
    return dg.MaterializeResult(
        metadata=report_metadata(report),
        check_results=[
            dg.AssetCheckResult(
                check_name="room_on_disk",
                passed=report.free_bytes >= LOW_DISK_BYTES,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"free_gib": round(report.free_bytes / 2**30, 1)},
            )
        ],
    )


def report_metadata(report: Report) -> dict[str, dg.MetadataValue]:
    """Give figures that Dagster plots from night to night, and tables to read."""
    confidences = {day.date: day.mean_confidence for day in report.days}
    last = max(confidences, default=dt.datetime.now(dt.UTC).date())
    trend = [confidences.get(last - dt.timedelta(days=ago)) for ago in range(TREND_DAYS - 1, -1, -1)]
    figures: dict[str, dg.MetadataValue] = {
        **{state.value: dg.MetadataValue.int(report.states[state]) for state in RecordingState},
        "audio_h": dg.MetadataValue.float(round(report.audio_s / 3600, 2)),
        "oldest_waiting_h": dg.MetadataValue.float(round(report.oldest_waiting_s / 3600, 2)),
        "free_gib": dg.MetadataValue.float(round(report.free_bytes / 2**30, 1)),
        "confidence_trend": picture("confidence by day, 0 to 1", trend_png(trend)),
        "days": dg.MetadataValue.md(_days(report)),
        "failures": dg.MetadataValue.md(_table("kind", "recordings", report.failures) or "*(none)*"),
        "disk": dg.MetadataValue.md(
            _table("what", "GiB", {name: f"{size / 2**30:.2f}" for name, size in report.disk_bytes.items()})
        ),
    }
    rates = {day.date: day.word_error_rate for day in report.days if day.word_error_rate is not None}
    if rates:
        errors = [rates.get(last - dt.timedelta(days=ago)) for ago in range(TREND_DAYS - 1, -1, -1)]
        capped = [None if rate is None else min(1.0, rate) for rate in errors]
        figures["word_error_rate"] = dg.MetadataValue.float(round(rates[max(rates)], 4))
        figures["word_error_trend"] = picture("word error rate by day, 0 to 1", trend_png(capped))
    if report.days and report.days[-1].mean_confidence is not None:
        figures["mean_confidence"] = dg.MetadataValue.float(round(report.days[-1].mean_confidence, 3))
    return figures


def _days(report: Report) -> str:
    rows = [
        f"| {day.date} | {day.recordings:,} | {day.audio_s / 3600:.2f} | {day.words:,} "
        f"| {'–' if day.mean_confidence is None else f'{day.mean_confidence:.3f}'} "  # noqa: RUF001 - a dash
        f"| {'–' if day.word_error_rate is None else f'{day.word_error_rate:.2%}'} |"  # noqa: RUF001 - a dash
        for day in reversed(report.days)
    ]
    head = ["| day (UTC) | recordings | audio h | words | confidence | WER |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else "*(nothing yet)*"


def _table(key: str, value: str, rows: Mapping[str, object]) -> str:
    lines = [f"| {name} | {figure} |" for name, figure in rows.items()]
    return "\n".join([f"| {key} | {value} |", "|---|---|", *lines]) if lines else ""
