"""A recording's sound in parts, and its subtitles, as players and caches ask for them."""

from pathlib import Path

import httpx
import pytest

from asr_pipeline.api.gateway import Gateway
from asr_pipeline_tests.api.serving import told_error

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture
def sound(gateway: Gateway, done_id: str) -> bytes:
    return gateway.pipeline.layout.audio_of(done_id).read_bytes()


@pytest.fixture
def path(done_id: str) -> str:
    return f"/recordings/{done_id}/audio"


def test_the_whole_sound(client: httpx.Client, path: str, sound: bytes) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert (answer.content, answer.headers["content-type"]) == (sound, "audio/flac")
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_original_as_it_came(client: httpx.Client, path: str, samples: Path) -> None:
    answer = client.get(path, params={"original": "true"})
    assert answer.content == (samples / "phrases-1.wav").read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    ("asked", "span"),
    [("0-99", slice(100)), ("100-", slice(100, None)), ("-50", slice(-50, None)), ("7-7", slice(7, 8))],
)
def test_a_part_of_the_sound(client: httpx.Client, path: str, sound: bytes, asked: str, span: slice) -> None:
    answer = client.get(path, headers={"Range": f"bytes={asked}"})
    part = sound[span]
    assert (answer.status_code, answer.content) == (206, part)
    begins = span.indices(len(sound))[0]
    assert answer.headers["content-range"] == f"bytes {begins}-{begins + len(part) - 1}/{len(sound)}"


def test_several_parts_at_once(client: httpx.Client, path: str, sound: bytes) -> None:
    answer = client.get(path, headers={"Range": "bytes=0-9, 50-59"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert sound[:10] in answer.content
    assert sound[50:60] in answer.content


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0", "bytes=9-3", "bytes=a-b", "seconds=1-2", "bytes="])
def test_a_part_that_is_not_there(client: httpx.Client, path: str, sound: bytes, asked: str) -> None:
    answer = client.get(path, headers={"Range": asked})
    told_error(answer, 416, "range_wrong")
    assert answer.headers["content-range"] == f"bytes */{len(sound)}"


def test_the_head_alone(client: httpx.Client, path: str, sound: bytes, done_id: str) -> None:
    for asked, status, length in (({}, 200, len(sound)), ({"Range": "bytes=0-9"}, 206, 10)):
        answer = client.head(path, headers=asked)
        assert (answer.status_code, answer.content) == (status, b"")
        assert int(answer.headers["content-length"]) == length
    assert client.head(f"/recordings/{done_id}/subtitles.vtt").headers["content-type"] == "text/vtt; charset=utf-8"


def test_what_has_not_changed_is_not_sent_again(client: httpx.Client, path: str, done_id: str) -> None:
    for one in (path, f"/recordings/{done_id}/subtitles.srt?lang=fa"):
        tag = client.get(one).headers["etag"]
        for given in (tag, f'"other", W/{tag}', "*"):
            answer = client.get(one, headers={"If-None-Match": given})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert client.get(one, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_part_of_another_version_is_the_whole(client: httpx.Client, path: str, sound: bytes) -> None:
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
    answer = client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, sound)


@pytest.mark.parametrize(
    ("suffix", "kind_and_begin"),
    [
        ("srt", ("application/x-subrip; charset=utf-8", "1\n00:00:0")),
        ("vtt", ("text/vtt; charset=utf-8", "WEBVTT")),
        ("ttml", ("application/ttml+xml; charset=utf-8", "<?xml")),
    ],
)
@pytest.mark.parametrize("lang", ["en", "fa", "bilingual"])
def test_subtitles(client: httpx.Client, done_id: str, suffix: str, kind_and_begin: tuple[str, str], lang: str) -> None:
    answer = client.get(f"/recordings/{done_id}/subtitles.{suffix}", params={"lang": lang})
    kind, begin = kind_and_begin
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-disposition"] == f'attachment; filename="{done_id}.{lang}.{suffix}"'
    assert answer.text.startswith(begin)
    assert ("camera" in answer.text, "دوربین" in answer.text) == (lang != "fa", lang != "en")


def test_subtitles_that_are_not_there(client: httpx.Client, done_id: str) -> None:
    error = told_error(client.get(f"/recordings/{done_id}/subtitles.srt?lang=de"), 404, "not_found")
    assert error["expected"] == "subtitles in bilingual or en or fa"
    told_error(client.get(f"/recordings/{done_id}/subtitles.srt?lang=../en"), 422, "request_invalid")
    told_error(client.get(f"/recordings/{done_id}/subtitles.exe"), 422, "request_invalid")
    told_error(client.get("/recordings/nobody-000000000000/subtitles.srt"), 404, "not_found")
