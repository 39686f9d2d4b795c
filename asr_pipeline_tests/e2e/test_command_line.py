"""The command line as people use it: processes, exit codes, what is printed, what lies on disk."""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from asr_pipeline.domain.stage import Stage
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Give a folder of recordings, one of them bad, with awkward names."""
    folder = tmp_path_factory.mktemp("my talks")
    shutil.copy(samples / "phrases-1.wav", folder / "first talk.wav")
    (folder / "sub").mkdir()
    shutil.copy(samples / "phrases-3.wav", folder / "sub" / "مصاحبه [final].wav")
    shutil.copy(samples / "phrases-3.wav", folder / "the same again.wav")
    (folder / "notes.wav").write_text("this is text, whatever its name says")
    (folder / "readme.txt").write_text("not for us")
    return folder


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory, talks: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    data_dir = tmp_path_factory.mktemp("data")
    return data_dir, asr_pipeline("process", talks, data_dir=data_dir)


def test_good_ones_give_results_and_the_bad_one_is_named(
    processed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, finished = processed
    assert finished.returncode == 1
    assert "The camera in the garden is broken." in finished.stdout
    assert "دوربین باغ خراب است" in finished.stdout
    assert "notes.wav" in finished.stderr
    assert "expected" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "readme.txt" not in finished.stdout + finished.stderr


def test_search_finds_what_was_said_in_either_language(
    processed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    data_dir, _ = processed
    for words in (["CAMERA", "garden"], ["دوربين"]):  # the second with an Arabic yeh
        hits = printed_json(asr_pipeline("search", *words, "--json", data_dir=data_dir))
        assert [hit["name"] for hit in hits] == ["first talk.wav"]
        assert all(0 <= hit["start_s"] < hit["end_s"] and hit["marks"] for hit in hits)
    assert printed_json(asr_pipeline("search", "camera", "--lang", "fa", "--json", data_dir=data_dir)) == []
    assert "camera in the garden" in asr_pipeline("search", "camera", data_dir=data_dir).stdout
    assert "Nothing" in asr_pipeline("search", '"*', data_dir=data_dir).stdout


def test_status_and_list_tell_each_recording_once(
    processed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    data_dir, _ = processed
    assert printed_json(asr_pipeline("status", "--json", data_dir=data_dir)) == {
        "in_progress": 0,
        "done": 2,
        "failed": 0,
        "quarantined": 1,
        "dropped": 0,
    }
    rows = printed_json(asr_pipeline("list", "--json", data_dir=data_dir))
    assert len(rows) == 3
    by_state = {row["state"]: row for row in rows}
    assert by_state["quarantined"]["reason"]
    assert by_state["done"]["first_lines"]["en"]
    assert by_state["done"]["first_lines"]["fa"]


def test_show_gives_words_subtitles_and_errors(processed: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    data_dir, _ = processed
    rows = printed_json(asr_pipeline("list", "--state", "done", "--json", data_dir=data_dir))
    first = next(row["recording_id"] for row in rows if row["name"] == "first talk.wav")
    document = printed_json(asr_pipeline("show", first, "--json", data_dir=data_dir))
    assert document["utterances"][0]["words"][0]["text"] == "the"
    assert document["also_came_as"] == []
    subtitles = asr_pipeline("show", first, "-f", "srt", data_dir=data_dir)
    assert "-->" in subtitles.stdout
    unknown = asr_pipeline("show", "nobody-000000000000", data_dir=data_dir)
    assert unknown.returncode == 1
    assert "asr-pipeline list" in unknown.stderr


def test_show_names_the_other_files_of_the_same_bytes(
    processed: tuple[Path, subprocess.CompletedProcess[str]], talks: Path
) -> None:
    data_dir, _ = processed
    rows = printed_json(asr_pipeline("list", "--state", "done", "--json", data_dir=data_dir))
    twice = next(row["recording_id"] for row in rows if row["name"] != "first talk.wav")
    names = {str(talks / "the same again.wav"), str(talks / "sub" / "مصاحبه [final].wav")}
    (other,) = printed_json(asr_pipeline("show", twice, "--json", data_dir=data_dir))["also_came_as"]
    assert other in names
    assert f"Also came as {other}" in asr_pipeline("show", twice, data_dir=data_dir).stdout
    assert "Also came" not in asr_pipeline("show", twice, "-f", "srt", data_dir=data_dir).stdout


def test_what_is_done_is_given_at_once_and_files_are_written(
    processed: tuple[Path, subprocess.CompletedProcess[str]], talks: Path, tmp_path: Path
) -> None:
    data_dir, _ = processed
    out = tmp_path / "out put"
    finished = asr_pipeline(
        "process", talks / "first talk.wav", "-f", "srt", "-f", "json", "--out", out, data_dir=data_dir
    )
    assert finished.returncode == 0, finished.stderr
    suffixes = sorted("".join(file.suffixes) for file in out.iterdir())
    assert suffixes == [".bilingual.srt", ".en.srt", ".fa.srt", ".json"]
    assert all(str(file) in finished.stdout for file in out.iterdir())


def test_transcripts_are_measured_by_what_a_person_wrote(
    processed: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    data_dir, _ = processed
    rows = printed_json(asr_pipeline("list", "--state", "done", "--json", data_dir=data_dir))
    first = next(row["recording_id"] for row in rows if row["name"] == "first talk.wav")
    assert "–" in asr_pipeline("report", data_dir=data_dir).stdout
    words = tmp_path / "words.txt"
    words.write_text("The camera in the garden is broken! Please drive to the train station on Sunday morning.")
    told = asr_pipeline("reference", "set", first, words, data_dir=data_dir)
    assert "16 words; word error rate" in told.stdout, told.stderr
    (one,) = printed_json(asr_pipeline("reference", "list", "--json", data_dir=data_dir))
    assert (one["recording_id"], one["words"]) == (first, 16)
    assert 1 / 16 <= one["word_error_rate"] < 0.3
    (day,) = printed_json(asr_pipeline("report", "--json", data_dir=data_dir))["days"]
    assert (day["reference_words"], day["word_error_rate"]) == (16, one["word_error_rate"])
    assert f"{one['word_error_rate']:.2%}" in asr_pipeline("report", data_dir=data_dir).stdout
    assert first in asr_pipeline("reference", "list", data_dir=data_dir).stdout

    words.write_bytes(b"caf\xe9")
    for bad in (["set", first, words], ["set", first, tmp_path / "gone.txt"], ["set", "nobody-0", os.devnull]):
        refused = asr_pipeline("reference", *bad, data_dir=data_dir)
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert asr_pipeline("reference", "remove", first, data_dir=data_dir).returncode == 0
    assert asr_pipeline("reference", "remove", first, data_dir=data_dir).returncode == 1
    assert printed_json(asr_pipeline("reference", "list", "--json", data_dir=data_dir)) == []


def test_a_reference_is_read_from_standard_input(
    processed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    data_dir, _ = processed
    (bad,) = printed_json(asr_pipeline("list", "--state", "quarantined", "--json", data_dir=data_dir))
    told = subprocess.run(
        [sys.executable, "-m", "asr_pipeline", "reference", "set", bad["recording_id"], "-"],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)},
        input="two words",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "2 words; not recognised yet\n"
    assert asr_pipeline("reference", "remove", bad["recording_id"], data_dir=data_dir).returncode == 0


def test_export_writes_a_table(processed: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - half a second

    data_dir, _ = processed
    words = tmp_path / "words.parquet"
    assert asr_pipeline("export", "words", words, data_dir=data_dir).returncode == 0
    table = pd.read_parquet(words)
    assert len(table) > 20
    assert table["confidence"].between(0, 1).all()
    unknown = asr_pipeline("export", "secrets", words, data_dir=data_dir)
    assert unknown.returncode == 1
    assert "secrets" in unknown.stderr


def test_split_channels_are_speakers_in_the_order_of_time(tmp_path: Path, samples: Path) -> None:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    left, rate_hz = soundfile.read(samples / "phrases-1.wav", dtype="int16")
    right, _ = soundfile.read(samples / "phrases-3.wav", dtype="int16")
    call = np.zeros((len(left) + len(right), 2), dtype=np.int16)
    call[: len(left), 0] = left
    call[len(left) :, 1] = right
    soundfile.write(tmp_path / "call.wav", call, rate_hz)
    finished = asr_pipeline(
        "process",
        tmp_path / "call.wav",
        "--json",
        data_dir=tmp_path / "data",
        environment={"ASR_PIPELINE_CHANNELS": "split"},
    )
    (document,) = printed_json(finished)["recordings"]
    assert [u["channel"] for u in document["utterances"]] == [0, 0, 1, 1]
    starts = [u["start_s"] for u in document["utterances"]]
    assert starts == sorted(starts)


def test_doctor_says_what_is_there_and_what_to_do(tmp_path: Path) -> None:
    well = printed_json(asr_pipeline("doctor", "--json", data_dir=tmp_path / "data"))
    assert {one["subject"] for one in well} == {"disk", "port", "database", "recognizer", "translator", "dagster"}
    unwell = asr_pipeline("doctor", data_dir=tmp_path / "data", environment={"ASR_PIPELINE_VOSK_MODEL": "none-such"})
    assert unwell.returncode == 1
    assert "models pull" in unwell.stdout


def test_a_misspelt_setting_is_an_error_that_names_it(tmp_path: Path) -> None:
    finished = asr_pipeline("status", data_dir=tmp_path, environment={"ASR_PIPELINE_CHANELS": "split"})
    assert finished.returncode == 1
    assert "ASR_PIPELINE_CHANELS" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_password_is_in_no_output(tmp_path: Path) -> None:
    environment = {"ASR_PIPELINE_DATABASE_URL": "postgresql://someone:hunter2@127.0.0.1:1/none"}
    for command in (["settings"], ["--debug", "status"]):
        finished = asr_pipeline(*command, data_dir=tmp_path, environment=environment)
        assert "hunter2" not in finished.stdout + finished.stderr, command


def test_up_serves_the_ui_over_these_results_and_stops(
    processed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    data_dir, _ = processed
    with served(data_dir) as up:
        up.wait_until(lambda: bool(assets_shown(up.port)), "the assets in the UI")
        assets = assets_shown(up.port)
        stages = {name: assets[name]["partitionStats"] for name in (stage.value for stage in Stage)}
        assert all(counts["numMaterialized"] == 2 for counts in stages.values())
        assert all(counts["numFailed"] == 1 for counts in stages.values())


def assets_shown(port: int) -> dict[str, Any]:
    """Ask the UI's own interface for assets that have partitions; none until the code location has loaded."""
    query = "{assetNodes {assetKey {path} partitionStats {numMaterialized numFailed}}}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own process
            nodes = json.load(answer)["data"]["assetNodes"]
    except OSError:
        return {}
    return {node["assetKey"]["path"][-1]: node for node in nodes if node["partitionStats"]}


def test_a_terminal_sees_the_work_move(tmp_path: Path, samples: Path) -> None:
    ours, theirs = pty.openpty()
    with (
        open(ours, "rb", buffering=0) as terminal,  # noqa: PTH123 - a handle, not a path
        subprocess.Popen(
            [sys.executable, "-m", "asr_pipeline", "process", samples / "phrases-2.wav", "-f", "txt"],
            env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(tmp_path / "data"), "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        ) as process,
    ):
        os.close(theirs)
        painted = b""
        with contextlib.suppress(OSError):  # how a terminal ends that nobody writes to any more
            while chunk := terminal.read(4096):
                painted += chunk
        assert process.wait(60) == 0
    assert b"s of speech recognised" in painted
