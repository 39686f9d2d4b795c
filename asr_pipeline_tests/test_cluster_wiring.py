"""Settings become a cluster; workers refuse what they can't do as the run would."""

import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asr_pipeline.domain.errors import EngineStuck, ModelMissing, SettingInvalid, SetupError, TransientFailure
from asr_pipeline.domain.segment import Span
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring import cluster_worker
from asr_pipeline.wiring.cluster import build_cluster, recogniser_of, tls_of
from asr_pipeline.wiring.cluster_worker import Recogniser, recognise
from asr_pipeline_tests.steps.poison import hang

SPAN = Span("nobody-0123456789ab", 0, ())


@pytest.fixture
def recogniser(starter_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recogniser:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path))
    return recogniser_of(VoskTranscriber(starter_models / "vosk-model-starter-en"))


def test_a_worker_finds_the_runs_model_by_its_name(recogniser: Recogniser) -> None:
    assert recogniser.here().version == recogniser.version


def test_a_worker_with_other_bytes_of_a_model_refuses(recogniser: Recogniser) -> None:
    other = replace(recogniser, version=replace(recogniser.version, version="0123456789ab"))
    with pytest.raises(ModelMissing, match=r"expected what the run recognises with: .* 0123456789ab"):
        other.prepare()


def test_a_worker_without_the_model_says_so(recogniser: Recogniser) -> None:
    with pytest.raises(ModelMissing, match="vosk-model-nobodys"):
        replace(recogniser, version=replace(recogniser.version, model="vosk-model-nobodys")).prepare()


def test_a_worker_of_another_version_refuses(recogniser: Recogniser) -> None:
    with pytest.raises(SetupError, match=r"asr-pipeline 9\.9"):
        replace(recogniser, code="9.9").prepare()


@pytest.mark.engine
def test_audio_that_a_worker_does_not_see_is_tried_again(recogniser: Recogniser) -> None:
    with pytest.raises(TransientFailure, match="no such file at the worker"):
        recognise(recogniser, SPAN, None, 60)


@pytest.mark.engine
@pytest.mark.fault
def test_a_span_that_takes_too_long_is_given_up(recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_worker, "_recognise", lambda *_: hang())
    with pytest.raises(EngineStuck, match=r"within 0 s of a worker's time"):
        recognise(recogniser, SPAN, None, 0.1)


def test_threads_need_no_dask_and_a_cluster_says_what_it_needs(
    recogniser: Recogniser, starter_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcriber = VoskTranscriber(starter_models / recogniser.version.model)
    real_import = builtins.__import__

    def without_dask(name: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as Python's own
        if name.startswith("asr_pipeline.engines.cluster"):
            message = "No module named 'distributed'"
            raise ImportError(message)
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_dask)
    assert build_cluster(load_settings(), transcriber) is None
    with pytest.raises(SetupError, match=r"pip install 'asr-pipeline\[cluster\]'"):
        build_cluster(load_settings(executor="dask"), transcriber)


@pytest.mark.parametrize("given", ["dask://", "dask://host", "tcp://host:8786", "processes", "dask://a b:1"])
def test_an_executor_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_EXECUTOR"):
        load_settings(executor=given)


def test_tls_is_whole_and_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.touch()
    with pytest.raises(SettingInvalid, match="TLS needs cluster_ca, cluster_cert and cluster_key"):
        load_settings(cluster_ca=file)
    missing = load_settings(cluster_ca=file, cluster_cert=file, cluster_key=tmp_path / "none.pem")
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_CLUSTER_KEY"):
        tls_of(missing)
    assert tls_of(load_settings()) is None
