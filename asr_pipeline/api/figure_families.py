"""Names, labels and words of the figures that are looked up: docs/monitoring.md tells what each means."""

import datetime as dt
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from asr_pipeline.api.measures import PREFIX
from asr_pipeline.defs.run_figures import RunFigures
from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import HIT, MISS, Tally
from asr_pipeline.storage.backlog_figures import BacklogFigures, Waiting
from asr_pipeline.storage.totals import Totals

_WAITING = frozenset({TranslationStatus.PENDING, TranslationStatus.RUNNING})
_BY_STAGE = {
    Tally.STAGE_RECORDINGS: ("stage_recordings", "Recordings that a stage was computed for, in any process."),
    Tally.STAGE_ENGINE_S: ("stage_engine_seconds", "Engine time of these stages."),
    Tally.STAGE_AUDIO_S: ("stage_audio_seconds", "Length of the recordings that a stage was computed for."),
}
_PLAIN = {
    Tally.WORDS: ("words", "Words that were recognised."),
    Tally.WORD_CONFIDENCE: ("word_confidence", "Sum of the confidences of these words, each 0 to 1."),
}


def of_backlog(found: BacklogFigures, now: dt.datetime) -> Iterator[Metric]:
    """Give what waits, and what stands failed."""
    states = gauge("recordings", "Recordings by state.", labels=["state"])
    for state, count in found.by_state.items():
        states.add_metric([state.value], count)
    length = gauge("queue_length", "Recordings whose next stage it is.", labels=["stage"])
    age = gauge(
        "queue_oldest_age_seconds", "Since the oldest of them was registered; 0 where none is.", labels=["stage"]
    )
    for stage, waiting in found.by_stage.items():
        length.add_metric([stage.value], waiting.count)
        age.add_metric([stage.value], _age_s(waiting, now))
    failed = gauge("recordings_failed", "Recordings that stand failed or quarantined.", labels=["stage", "kind"])
    for labels, count in found.failures.items():
        failed.add_metric(labels, count)
    notes = gauge("note_translations", "Translations of notes by status.", labels=["status"])
    notes_age = gauge(
        "note_translations_oldest_age_seconds",
        "Since the oldest of them was asked for; 0 where none is.",
        labels=["status"],
    )
    for status, waiting in found.notes.items():
        notes.add_metric([status.value], waiting.count)
        if status in _WAITING:
            notes_age.add_metric([status.value], _age_s(waiting, now))
    yield from (states, length, age, failed, notes, notes_age)


def of_totals(found: Totals) -> Iterator[Metric]:
    """Give what was counted, and when something was done last."""
    yield from _of_tallies(found)
    yield from _of_moments(found)


def _of_tallies(found: Totals) -> Iterator[Metric]:
    value_of = found.tallies
    for tally, (name, help_text) in _BY_STAGE.items():
        by_stage = _counter(name, help_text, labels=["stage"])
        for stage in Stage:  # a rate needs a first value to rise from
            by_stage.add_metric([stage.value], value_of.get((tally, stage.value, ""), 0.0))
        yield by_stage
    failures = _counter("failures", "Recordings that stopped at a stage, by kind, each time.", labels=["stage", "kind"])
    for (tally, stage_name, kind), value in value_of.items():
        if tally is Tally.FAILURES:
            failures.add_metric([stage_name, kind], value)
    yield failures
    for tally, (name, help_text) in _PLAIN.items():
        plain = _counter(name, help_text)
        plain.add_metric([], value_of.get((tally, "", ""), 0.0))
        yield plain
    lookups = _counter(
        "translation_memory_lookups", "Sentences that were looked for in the translation memory.", labels=["result"]
    )
    for result in (HIT, MISS):
        lookups.add_metric([result], value_of.get((Tally.MEMORY_LOOKUPS, "", result), 0.0))
    yield lookups


def _of_moments(found: Totals) -> Iterator[Metric]:
    peak_bytes = found.tallies.get((Tally.RUN_PEAK_BYTES, "", ""))
    if peak_bytes is not None:
        yield gauge("run_peak_memory_bytes", "Most memory of the process whose run ended last.", peak_bytes)
    files = gauge("arrivals", "Files that were ever offered, by what became of them.", labels=["outcome"])
    for outcome, count in found.arrivals.items():
        files.add_metric([outcome.value], count)
    yield files
    yield gauge("webhooks_waiting", "Webhooks that are still to be told, or told again.", found.webhooks_waiting)
    if found.last_commit_at is not None:
        moment_s = found.last_commit_at.timestamp()
        yield gauge("last_commit_timestamp_seconds", "When a stage of a recording was committed last.", moment_s)
    if (last := found.last_verification) is not None:
        moment_s = last.ended_at.timestamp()
        yield gauge("verify_timestamp_seconds", "When the last verification ended.", moment_s)
        yield gauge("verify_findings", "What the last verification found wrong; 0: nothing is lost.", last.findings)


def of_runs(found: RunFigures) -> Iterator[Metric]:
    """Give Dagster's runs and daemons."""
    runs = gauge("runs", "Dagster's runs by status.", labels=["status"])
    for status, count in found.by_status.items():
        runs.add_metric([status], count)
    age = gauge(
        "run_oldest_age_seconds", "Since the oldest run of an unfinished status began; 0 if none.", labels=["status"]
    )
    for status, oldest_s in found.oldest_s.items():
        age.add_metric([status], oldest_s)
    silent = gauge(
        "daemon_silent_seconds",
        "Since one of Dagster's daemons was heard; they are heard twice a minute.",
        labels=["daemon"],
    )
    for daemon, silent_s in found.silent_s.items():
        silent.add_metric([daemon], silent_s)
    yield from (runs, age, silent)


def gauge(name: str, help_text: str, value: float | None = None, labels: list[str] | None = None) -> GaugeMetricFamily:
    """Make a gauge of ours; with labels, its values are added."""
    return GaugeMetricFamily(f"{PREFIX}_{name}", help_text, None if value is None else float(value), labels)


def _counter(name: str, help_text: str, labels: list[str] | None = None) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", help_text, labels=labels)


def _age_s(waiting: Waiting, now: dt.datetime) -> float:
    return 0.0 if waiting.since is None else max(0.0, (now - waiting.since).total_seconds())
