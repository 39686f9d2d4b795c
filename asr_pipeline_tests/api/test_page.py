"""The page as it is served: shells that hold nothing of anyone's, and files that may be kept for good."""

import re

import httpx
import pytest

from asr_pipeline_tests.api.serving import told_error

pytestmark = pytest.mark.engine
SHELLS = ("/", "/r/talk-0123456789ab", "/notes")


@pytest.mark.parametrize("path", SHELLS)
def test_a_shell_runs_only_what_comes_from_here(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?://|//\w", answer.text)


@pytest.mark.parametrize("path", SHELLS)
def test_all_that_a_shell_names_is_there_and_may_be_kept(client: httpx.Client, path: str) -> None:
    named = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get(path).text))
    assert {name.rpartition(".")[2] for name in named} == {"css", "js", "svg"}
    while named:
        address = named.pop()
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text), address
        folder = address.rpartition("/")[0]
        named |= {f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', answer.text)}


def test_the_head_alone(client: httpx.Client) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(client.get("/").content))


@pytest.mark.parametrize("name", ["style.html", "page.py", "..%2fpage.py", "%00.js", ".js"])
def test_nothing_else_of_the_machine_is_given(client: httpx.Client, name: str) -> None:
    version = re.findall(r"/static/(\w+)/", client.get("/").text)[0]
    assert client.get(f"/static/{version}/{name}").status_code in {404, 422}
    told_error(client.get(f"/static/{version}/nothing.js"), 404, "not_found")
    told_error(client.get("/static/000000000000/home.js"), 404, "not_found")


@pytest.mark.parametrize("recording_id", ["A", "a%22b", "a" * 81, "%3Cscript%3E"])
def test_what_is_no_id_has_no_reading_room(client: httpx.Client, recording_id: str) -> None:
    told_error(client.get(f"/r/{recording_id}"), 422, "request_invalid")


def test_the_waveform_of_a_recording(client: httpx.Client, done_id: str) -> None:
    told = client.get(f"/recordings/{done_id}/waveform").json()
    assert told["duration_s"] == pytest.approx(7.28, abs=0.01)
    assert 400 <= len(told["points"]) <= 800
    assert all(-1 <= low <= high <= 1 for low, high in told["points"])
    told_error(client.get("/recordings/nobody-000000000000/waveform"), 404, "not_found")
