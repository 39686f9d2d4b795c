"""Every error ends in one form, with the status that fits, and tells nobody outside where things lie in here."""

import asyncio

import httpx
import pytest

from asr_pipeline.api.app import create_app
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain import errors
from asr_pipeline_tests.api.serving import told_error

pytestmark = pytest.mark.engine
PLACE = "/srv/in/here"


def raised(kind: type[errors.PipelineError]) -> errors.PipelineError:
    return kind(PLACE, expected="this", found="that", remedy="Do something.")


def answer_to(gateway: Gateway, error: Exception, headers: dict[str, str] | None = None) -> httpx.Response:
    """Give what the application answers where a route raises."""
    app = create_app(gateway)

    @app.get("/raises")
    def raises() -> None:
        raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/raises", headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (errors.UnreadableAudio, 415, "unreadable_audio"),
        (errors.LimitExceeded, 413, "limit_exceeded"),
        (errors.PermanentFailure, 422, "permanent_failure"),
        (errors.UpstreamMissing, 409, "upstream_missing"),
    ],
)
def test_what_a_caller_can_change_is_told(
    gateway: Gateway, kind: type[errors.PipelineError], status: int, code: str
) -> None:
    error = told_error(answer_to(gateway, raised(kind)), status, code)
    assert (error["expected"], error["found"], error["remedy"]) == ("this", "that", "Do something.")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (raised(errors.StoreUnavailable), 503, "store_unavailable"),
        (raised(errors.StorageFull), 503, "storage_full"),
        (raised(errors.SettingInvalid), 500, "setting_invalid"),
        (raised(errors.InternalError), 500, "internal_error"),
        (ZeroDivisionError(PLACE), 500, "internal_error"),
    ],
)
def test_what_is_wrong_in_here_is_told_to_the_log_alone(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    answer = answer_to(gateway, error)
    told_error(answer, status, code)
    assert PLACE not in answer.text
    assert PLACE in caplog.text
    assert answer.json()["request_id"] in caplog.text
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_request_may_bring_its_name(gateway: Gateway, client: httpx.Client) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": "my.id-1_A"}).headers["x-request-id"] == "my.id-1_A"
    for bad in ("", "a b", "x" * 65, "<script>"):
        made = client.get("/health/live", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert made not in {"", bad}
    fault = answer_to(gateway, ZeroDivisionError(), {"X-Request-ID": "mine"})
    assert fault.json()["request_id"] == "mine"


def test_what_is_not_there_has_the_same_form(client: httpx.Client) -> None:
    told_error(client.get("/nothing"), 404, "not_found")
    told_error(client.put("/upload/"), 405, "method_not_allowed")


def test_an_address_names_all_that_it_takes(client: httpx.Client) -> None:
    for path, methods in (
        ("/upload/", {"POST"}),
        ("/recordings/some", {"GET", "DELETE"}),
        ("/recordings/some/audio", {"GET", "HEAD"}),
        ("/api/v1/notes/", {"GET", "POST"}),
        ("/api/v1/notes/0123456789abcdef/", {"GET", "PATCH", "DELETE"}),
    ):
        answer = client.put(path)
        told_error(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == methods
