"""The proxy, real nginx: TLS, logins, and what services are told of who asks."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from asr_pipeline_tests.deploy.compose import new_installation
from asr_pipeline_tests.deploy.proxies import NGINX, Proxy, proxy

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(NGINX is None, reason="needs nginx: Debian's nginx-light")]


class Echo(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Service = self.server  # type: ignore[assignment]
        told = {"service": server.name, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Service(ThreadingHTTPServer):
    """A stand-in for a service."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.name = name


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(new_installation(tmp_path_factory.mktemp("installation"))["ASR_SECRETS"])


@pytest.fixture(scope="module")
def running(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    names = ("gateway", "webserver", "webserver-operators", "grafana")
    with ExitStack() as stack:
        services = [stack.enter_context(Service(name)) for name in names]
        for service in services:
            thread = threading.Thread(target=service.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(service.shutdown)
        places = {service.name: f"127.0.0.1:{service.server_address[1]}" for service in services}
        yield stack.enter_context(proxy(tmp_path_factory.mktemp("proxy"), secrets, places))


@pytest.fixture
def client(running: Proxy, secrets: Path) -> Iterator[httpx.Client]:
    """Give a client that trusts the installation's certificate and no other."""
    trust = ssl.create_default_context(cafile=str(secrets / "tls.crt"))
    with httpx.Client(base_url=f"https://localhost:{running.port}", verify=trust) as one:
        yield one


def login(secrets: Path, user: str) -> tuple[str, str]:
    words = next(line.split() for line in (secrets / "logins").read_text().splitlines() if f" {user} " in line)
    return words[-2], words[-1]


def test_all_else_goes_to_the_gateway_with_its_key_and_who_asks(client: httpx.Client) -> None:
    asked = client.get(
        "/recordings/?q=1", headers={"Authorization": "Bearer asr_x", "X-Forwarded-For": "1.2.3.4"}
    ).json()

    assert (asked["service"], asked["path"]) == ("gateway", "/recordings/?q=1")
    assert asked["headers"]["authorization"] == "Bearer asr_x"
    assert asked["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert asked["headers"]["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    ("path", "service", "allowed"),
    [("/dagster/runs", "webserver", {"viewer", "operator"}), ("/operate/runs", "webserver-operators", {"operator"})],
)
def test_dagster_needs_a_login(client: httpx.Client, secrets: Path, path: str, service: str, allowed: set[str]) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, auth=("operator", "operator")).status_code == 401
    for user in ("viewer", "operator"):
        answer = client.get(path, auth=login(secrets, user))
        assert answer.status_code == (200 if user in allowed else 401)
        if user in allowed:
            assert (answer.json()["service"], answer.json()["path"]) == (service, path)
            assert "authorization" not in answer.json()["headers"]
            assert answer.json()["headers"]["x-forwarded-proto"] == "https"


def test_nobody_gets_around_the_login(client: httpx.Client) -> None:
    for path in ("/dagster/../dagster/x", "/%64agster/runs", "//dagster/runs", "/operate/./x"):
        answer = client.get(path)
        assert answer.status_code == 401 or answer.json()["service"] == "gateway", path


def test_grafana_has_its_own_login_and_the_figures_stay_inside(client: httpx.Client) -> None:
    assert client.get("/grafana/login").json()["service"] == "grafana"
    assert client.get("/metrics").status_code == 404


def test_uploads_are_not_held_to_a_size_here(client: httpx.Client) -> None:
    assert client.post("/upload/", content=b"x" * (4 << 20)).json()["service"] == "gateway"


def test_it_speaks_tls_of_today_alone_and_says_so(client: httpx.Client, running: Proxy) -> None:
    assert client.get("/").headers["Strict-Transport-Security"].startswith("max-age=")
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"https://localhost:{running.port}/")  # a certificate that nobody has told of
    assert httpx.get(f"http://localhost:{running.port}/").status_code == 400
    assert httpx.get(f"http://127.0.0.1:{running.health_port}/healthz").text == "ok\n"
