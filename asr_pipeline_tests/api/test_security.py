"""Who is let in, on the real application over real HTTP: with keys, with tokens, and as long as there are neither."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from asr_pipeline.api import credentials
from asr_pipeline.api.app import create_app
from asr_pipeline.api.credentials import Tokens
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.security import subnet_of
from asr_pipeline.domain.access import Scope
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline.storage.audit import SqlAuditLog
from asr_pipeline_tests.api.serving import served, told_error, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

READ = "/recordings/"
CODES = (b"unauthorized", b"forbidden")
ED25519 = ed25519.Ed25519PrivateKey.generate()
ISSUER, AUDIENCE = "https://login.example.org", "asr"


@pytest.fixture
def keyed(make_gateway: Callable[..., Gateway]) -> Iterator[tuple[httpx.Client, dict[Scope, str], Gateway]]:
    """Give a client of a gateway with a key of each scope, and the keys."""
    gateway = make_gateway()
    keys = {scope: SqlApiKeys(gateway.pipeline.database).create(f"my {scope} key", scope).key for scope in Scope}
    with served(gateway) as client:
        yield client, keys, gateway


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def test_each_scope_opens_what_it_should(keyed: tuple[httpx.Client, dict[Scope, str], Gateway]) -> None:
    client, keys, _ = keyed
    note = {"title": "t", "original_text": "hello", "original_language": "en"}
    for scope, key in keys.items():
        statuses = (
            client.get(READ, headers=bearer(key)).status_code,
            client.post("/api/v1/notes/", headers={"X-API-Key": key}, json=note).status_code,
            client.delete("/recordings/a-000000000000", headers=bearer(key)).status_code,
        )
        assert (
            statuses
            == {
                Scope.READ: (200, 403, 403),
                Scope.WRITE: (200, 201, 403),
                Scope.ADMIN: (200, 201, 404),
            }[scope]
        )
    refused = client.post("/upload/", headers=bearer(keys[Scope.READ]))
    assert told_error(refused, 403, "forbidden")["expected"] == "the scope write"
    assert 'scope="write"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "path", [READ, "/openapi.json", "/no/such", "/translation/", "/notes/x", "/static", "/health/live/", "//"]
)
def test_without_a_key_all_is_shut_known_or_not(
    keyed: tuple[httpx.Client, dict[Scope, str], Gateway], path: str
) -> None:
    client, keys, _ = keyed
    wrong = keys[Scope.ADMIN][:-1] + ("0" if keys[Scope.ADMIN][-1] != "0" else "1")
    base = str(client.base_url).rstrip("/")
    for headers in ({}, bearer(wrong), {"Authorization": "Basic YTpi"}, {"X-API-Key": "\xff"}):
        answer = client.get(
            base + path, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        )
        told_error(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert wrong not in answer.text
    # A host that would end the path early for who took the URL apart.
    told_error(client.get(READ, headers={"Host": "a/health/live?"}), 401, "unauthorized")
    assert client.get("/health/live").status_code == 200


def test_a_websocket_is_shut_too(keyed: tuple[httpx.Client, dict[Scope, str], Gateway]) -> None:
    client, keys, _ = keyed
    url = f"ws://127.0.0.1:{client.base_url.port}/no/such"
    told = {}
    for name, headers in (("none", {}), *((scope, bearer(key)) for scope, key in keys.items())):
        with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers, proxy=None):
            pass
        told[name] = next((code for code in CODES if code in (refused.value.response.body or b"")), None)
    assert told == {"none": CODES[0], "read": CODES[1], "write": None, "admin": None}  # there is no such route
    foreign = {**bearer(keys[Scope.WRITE]), "Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=foreign, proxy=None):
        pass
    assert b"cross_site" in (refused.value.response.body or b"")


def test_a_revoked_key_is_refused_within_seconds_and_the_gateway_stays_shut(
    keyed: tuple[httpx.Client, dict[Scope, str], Gateway],
) -> None:
    client, keys, gateway = keyed
    store = SqlApiKeys(gateway.pipeline.database)
    assert client.get(READ, headers=bearer(keys[Scope.READ])).status_code == 200
    assert next(key.last_used_at for key in store.all() if key.scope is Scope.READ) is not None
    for one in store.all():
        store.revoke(one.key_id)
    wait_until(
        lambda: {client.get(READ, headers=bearer(key)).status_code for key in keys.values()} == {401}, "all are shut"
    )
    assert client.get(READ).status_code == 401


def test_an_expired_key_opens_nothing(keyed: tuple[httpx.Client, dict[Scope, str], Gateway]) -> None:
    client, _, gateway = keyed
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    expired = SqlApiKeys(gateway.pipeline.database).create("old", Scope.ADMIN, past).key
    time.sleep(credentials.FRESH_S)  # the key must be known to be refused for its age
    told_error(client.get(READ, headers=bearer(expired)), 401, "unauthorized")


def test_changes_are_in_the_audit_log_and_no_secret_is(
    keyed: tuple[httpx.Client, dict[Scope, str], Gateway], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, keys, gateway = keyed
    caplog.set_level("DEBUG", "asr_pipeline")
    file = {"audio": ("a\r\nX: y.wav", (samples / "phrases-1.wav").read_bytes())}
    uploaded = client.post("/upload/?token=hush", files=file, headers=bearer(keys[Scope.WRITE])).json()
    refused = client.delete(f"/recordings/{uploaded['file_id']}", headers=bearer(keys[Scope.WRITE]))
    client.get(READ, headers=bearer(keys[Scope.READ]))
    client.delete("/recordings/x")  # nobody
    log = SqlAuditLog(gateway.pipeline.database, 1).since(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    assert [(one.action, one.target, one.result) for one in log] == [
        ("POST /upload/", uploaded["file_id"], "202"),
        ("DELETE /recordings/{recording_id}", f"/recordings/{uploaded['file_id']}", "403"),
    ]
    assert {one.address for one in log} == {"127.0.0.1"}
    assert log[1].request_id == refused.headers["X-Request-ID"]
    assert log[0].principal.endswith(" my write key")
    lines = [record.getMessage() for record in caplog.records if record.name == "asr_pipeline.api.request_log"]
    assert any(line.startswith("POST /upload/ 202 in ") for line in lines)
    assert any(line.startswith("DELETE unrouted 401 in ") for line in lines)
    for secret in (*keys.values(), "hush"):
        assert secret not in caplog.text + str(log)


def test_an_open_gateway_is_reached_by_its_own_name_alone(client: httpx.Client) -> None:
    for host in ("localhost", "localhost:8000", "127.0.0.1", "127.1.2.3:1", "[::1]:8000", "LOCALHOST"):
        assert client.get(READ, headers={"Host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.", "a", "", "localhost:8000:1", "[::1"):
        told_error(client.get(READ, headers={"Host": host}), 421, "misdirected")
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        told_error(client.get(READ, headers={header: "for=1.2.3.4"}), 421, "misdirected")


def test_a_page_of_another_site_changes_nothing(client: httpx.Client) -> None:
    own = str(client.base_url).rstrip("/")
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    ]
    for headers in foreign:
        told_error(client.post("/upload/", headers=headers), 403, "cross_site")
        told_error(client.delete("/recordings/x", headers=headers), 403, "cross_site")
        assert client.get(READ, headers=headers).status_code == 200  # which it can't read
        assert "access-control-allow-origin" not in client.get(READ, headers=headers).headers
    for headers in ({}, {"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}):
        assert client.post("/upload/", headers=headers).status_code == 415


def test_a_page_of_a_site_that_is_named_may(make_gateway: Callable[..., Gateway]) -> None:
    with served(make_gateway(cors_origins="https://friend.example")) as client:
        friend = {"Origin": "https://friend.example"}
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        preflight = client.options("/upload/", headers={**friend, **asked})
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://friend.example"
        assert client.post("/upload/", headers={**friend, "Sec-Fetch-Site": "cross-site"}).status_code == 415
        other = client.options("/upload/", headers={"Origin": "https://other.example", **asked})
        assert "Access-Control-Allow-Origin" not in other.headers


def pem(key: Any, path: Path) -> Path:  # noqa: ANN401 - of several kinds
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def claims(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - of several kinds
    plain = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mina", "exp": time.time() + 600, "scope": "openid write"}
    return {name: value for name, value in {**plain, **changed}.items() if value is not None}


def test_tokens_open_what_their_scope_says(make_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    path = pem(ED25519, tmp_path / "key.pem")
    gateway = make_gateway(jwt_public_key=path, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    token = jwt.encode(claims(), ED25519, "EdDSA")
    with served(gateway) as client:
        assert client.get(READ, headers=bearer(token)).status_code == 200
        assert client.post("/upload/", headers=bearer(token)).status_code == 415
        told_error(client.delete("/recordings/x", headers=bearer(token)), 403, "forbidden")
        told_error(client.get(READ), 401, "unauthorized")
    (noted,) = SqlAuditLog(gateway.pipeline.database, 1).since(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))[-1:]
    assert noted.principal == "token mina"


def tokens(key: Any, tmp_path: Path) -> Tokens:  # noqa: ANN401 - as above
    settings = load_settings(jwt_public_key=pem(key, tmp_path / "key.pem"), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    made = Tokens.of(settings)
    assert made is not None
    return made


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"sub": "a\r\nb"},
        {"sub": "x" * 201},
        {"scope": None},
        {"scope": "other"},
        {"scope": ["admin"]},
        {"nbf": 9e9},
    ],
)
def test_a_token_that_says_less_or_other_opens_nothing(tmp_path: Path, changed: dict[str, Any]) -> None:
    known = tokens(ED25519, tmp_path)
    assert known.principal(jwt.encode(claims(), ED25519, "EdDSA")) is not None
    assert known.principal(jwt.encode(claims(**changed), ED25519, "EdDSA")) is None


def test_only_the_key_of_the_settings_and_its_own_algorithm_count(tmp_path: Path) -> None:
    mine = rsa.generate_private_key(65537, 2048)
    known = tokens(mine, tmp_path)
    assert known.principal(jwt.encode(claims(), mine, "RS256")) is not None
    public = (tmp_path / "key.pem").read_bytes()
    forged_hs256 = jwt.encode(claims(), "x" * 32, "HS256")
    for token in (
        jwt.encode(claims(), rsa.generate_private_key(65537, 2048), "RS256"),
        jwt.encode(claims(), mine, "RS512"),
        jwt.encode(claims(), ED25519, "EdDSA"),
        jwt.encode(claims(), "", "none"),
        forged_hs256,
    ):
        assert known.principal(token) is None
    assert public.startswith(b"-----BEGIN PUBLIC KEY")


@given(token=st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True)))
def test_any_text_opens_nothing_and_breaks_nothing(tmp_path_factory: pytest.TempPathFactory, token: str) -> None:
    known = tokens(ED25519, tmp_path_factory.mktemp("key"))
    deep = jwt.utils.base64url_encode(b'{"alg":' + b"[" * 5000).decode()
    assert known.principal(token) is None
    assert known.principal(f"{deep}.{token}") is None


def test_a_public_key_that_does_not_fit_is_an_error_before_anything_is_served(gateway: Gateway, tmp_path: Path) -> None:
    private = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "key.pem"
    for content in (
        b"",
        private,
        pem(rsa.generate_private_key(65537, 1024), path).read_bytes(),  # noqa: S505 - refused
        pem(ec.generate_private_key(ec.SECP256R1()), path).read_bytes(),
    ):
        path.write_bytes(content)
        settings = gateway.settings.model_copy(
            update={"jwt_public_key": path, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        )
        with pytest.raises(SettingInvalid, match="JWT_PUBLIC_KEY"):
            create_app(Gateway(**{**vars(gateway), "settings": settings}))
    with pytest.raises(SettingInvalid, match="JWT_AUDIENCE"):
        load_settings(jwt_public_key=path, jwt_issuer=ISSUER)


def test_neighbours_in_a_network_count_as_one_caller() -> None:
    assert subnet_of("2001:db8::1") == subnet_of("2001:db8::ffff:1") != subnet_of("2001:db8:0:1::1")
    assert subnet_of("::ffff:1.2.3.4") == subnet_of("1.2.3.4") != subnet_of("1.2.3.5")
    assert subnet_of("testclient") == "testclient"
