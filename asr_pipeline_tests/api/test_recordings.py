"""`/recordings/`: pages of them, all of one, and erasing one for good."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.recordings import WholeRecordingOut
from asr_pipeline.defs.reconcile import compare
from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import metadata
from asr_pipeline_tests.api.serving import served, told_error, translated, upload

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def test_pages_give_each_recording_once_newest_first(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    ids = [f"r-{number:012x}" for number in range(7)]
    rows = [Recording(one, f"{one:0<64}", 1, "\udcff.wav", f"originals/{one}") for one in ids]
    arrivals = [Arrival(f"/{one}", 1, 1, Way.IMPORT, Outcome.ACCEPTED, one) for one in ids]
    gateway.pipeline.store.register(rows, arrivals)
    seen, cursor = [], ""
    with served(gateway) as client:
        while True:
            page = client.get(f"/recordings/?limit=3{cursor}").json()
            seen += [one["recording_id"] for one in page["recordings"]]
            assert {one["name"] for one in page["recordings"]} == {"\\xff.wav"}
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert client.get("/recordings/", params={"state": "done"}).json() == {"recordings": [], "next_cursor": None}
    assert seen == ids[::-1]


@pytest.mark.parametrize("query", ["cursor=0", "cursor=99999999999999999999", "limit=0", "limit=501", "state=nice"])
def test_a_page_that_can_not_be_is_refused(client: httpx.Client, query: str) -> None:
    told_error(client.get(f"/recordings/?{query}"), 422, "request_invalid")


def test_all_of_a_recording(client: httpx.Client, done_id: str) -> None:
    whole = client.get(f"/recordings/{done_id}").json()
    WholeRecordingOut.model_validate(whole, strict=False, extra="forbid")
    words = [word for utterance in whole["utterances"] for word in utterance["words"]]
    assert [word["text"] for word in words[:3]] == ["the", "camera", "in"]
    assert all(0 <= word["start_s"] < word["end_s"] <= whole["duration_s"] for word in words)
    assert all(0 < word["confidence"] <= 1 for word in words)
    assert all(utterance["translations"]["fa"] for utterance in whole["utterances"])
    assert len(whole["subtitles"]) == 9
    for one in whole["subtitles"]:
        assert client.get(one["url"]).status_code == 200


def test_a_recording_without_a_transcript_yet(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    file_id = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    with served(gateway) as client:
        whole = client.get(f"/recordings/{file_id}").json()
    WholeRecordingOut.model_validate(whole, extra="forbid")
    assert (whole["status"], whole["utterances"], whole["recognised_by"]) == ("queued", [], None)


def test_no_such_recording(client: httpx.Client) -> None:
    for path in ("nobody-000000000000", "..%2f..%2fetc", "%00", "%ff"):
        told_error(client.get(f"/recordings/{path}"), 404, "not_found")
    told_error(client.delete("/recordings/nobody-000000000000"), 404, "not_found")


def test_erasing_leaves_no_sound_and_no_text_and_loses_count_of_nothing(
    make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    gateway = make_gateway()
    layout = gateway.pipeline.layout
    with served(gateway) as client:
        ids = [upload(client, samples / f"phrases-{number}.wav").json()["file_id"] for number in (1, 2)]
        for one in ids:
            assert translated(client, one)["status"] == "done"
        erased, kept = ids
        assert "camera" in _all_text(gateway)
        assert client.delete(f"/recordings/{erased}").status_code == 204
        text = _all_text(gateway)
        assert "camera" not in text
        assert "دوربین" not in text
        assert not [path for folder in _folders(gateway) for path in folder.rglob(f"*{erased[-12:]}*")]
        assert client.get(f"/recordings/{erased}").json()["status"] == "dropped"
        told_error(client.get(f"/recordings/{erased}/audio"), 404, "not_found")
        told_error(client.get(f"/recordings/{erased}/subtitles.srt"), 404, "not_found")
        assert client.delete(f"/recordings/{erased}").status_code == 204  # once more is no fault
        assert client.get(f"/recordings/{kept}/audio").status_code == 200

        seen = gateway.pipeline.verify(deep=True)
        assert (list(seen.findings), seen.equation.dropped, seen.equation.done) == ([], 1, 1)
        assert list(compare(gateway.instance, gateway.pipeline.database, at_work=False)) == []

        again = upload(client, samples / "phrases-1.wav")
        assert (again.status_code, again.json()["file_id"]) == (202, erased)
        assert translated(client, erased)["translation"].startswith("دوربین")
    assert layout.audio_of(erased).is_file()


def test_what_is_in_work_is_not_erased(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    recording = gateway.pipeline.register(samples / "phrases-1.wav")
    claim = gateway.pipeline.claims.claim(recording)
    assert claim is not None
    with served(gateway) as client:
        told_error(client.delete(f"/recordings/{recording.recording_id}"), 409, "conflict")
        claim.release()
        assert client.delete(f"/recordings/{recording.recording_id}").status_code == 204
    gateway.lane.submit(recording.recording_id)
    gateway.lane.close()
    assert gateway.instance.get_runs_count() == 0  # what was dropped meanwhile is not run


def test_an_original_outside_the_data_folder_is_its_owners(
    make_gateway: Callable[..., Gateway], samples: Path, tmp_path: Path
) -> None:
    gateway = make_gateway()
    owned = tmp_path / "mine.wav"
    owned.write_bytes((samples / "phrases-1.wav").read_bytes())
    one = Recording("mine-000000000000", "0" * 64, owned.stat().st_size, "mine.wav", str(owned))
    gateway.pipeline.store.register([one], [Arrival(str(owned), 1, 1, Way.IMPORT, Outcome.ACCEPTED, one.recording_id)])
    with served(gateway) as client:
        assert client.delete(f"/recordings/{one.recording_id}").status_code == 204
    assert owned.is_file()


def _all_text(gateway: Gateway) -> str:
    with reading(gateway.pipeline.database) as connection:
        return "\n".join(
            str(row) for table in metadata.sorted_tables for row in connection.execute(sa.select(table)).all()
        )


def _folders(gateway: Gateway) -> list[Path]:
    layout = gateway.pipeline.layout
    return [layout.audio, layout.results, layout.originals, layout.quarantine]
