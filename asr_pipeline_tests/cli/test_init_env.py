"""`asr-pipeline init-env`: new secrets, for their owner alone, never written over."""

import json
import ssl
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asr_pipeline.cli.main import app
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.secret_files import new_secrets, write_new, write_secrets


def init_env(*arguments: str | Path) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, ["init-env", *map(str, arguments)])
    return result.exit_code, result.stdout, result.exception


def test_it_writes_an_environment_file_and_secrets_that_the_settings_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASR_PIPELINE_DATABASE_URL", raising=False)
    code, printed, _ = init_env(tmp_path / "deploy" / ".env", "--host", "asr.example.org", "--json")

    written = json.loads(printed)
    assert code == 0
    file, folder = Path(written["file"]), tmp_path / "deploy" / "secrets"
    assert "ASR_HOST=asr.example.org\n" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(map(Path, written["secrets"].values())) == set(folder.iterdir())
    password = (folder / "postgres_password").read_text()
    assert len(password) >= 32
    assert password not in printed + file.read_text()
    settings = load_settings(secrets_dir=folder)
    assert settings.sqlalchemy_url == f"postgresql+psycopg2://asr_pipeline:{password}@postgres:5432/asr_pipeline"
    assert settings.webhook_secret is not None


def test_its_certificates_are_ones_that_tls_takes(tmp_path: Path) -> None:
    init_env(tmp_path / ".env")
    folder = tmp_path / "secrets"

    for certificate, key in (("tls.crt", "tls.key"), ("cluster_cert.pem", "cluster_key.pem")):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / certificate, folder / key)
    client, server = ssl.create_default_context(cafile=str(folder / "cluster_ca.pem")), ssl.MemoryBIO()
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert handshake(client, folder, server) == {"DNS": {"cluster", "scheduler", "localhost"}}


def handshake(client: ssl.SSLContext, folder: Path, to_client: ssl.MemoryBIO) -> dict[str, set[str]]:
    """Have two parts of a cluster greet each other in memory; gives the names that the client has seen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cluster_cert.pem", folder / "cluster_key.pem")
    to_server = ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="scheduler")
    other = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (one, other):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    seen = one.getpeercert() or {}
    names = [pair for pair in seen["subjectAltName"] if isinstance(pair, tuple) and pair[0] == "DNS"]
    return {"DNS": {str(name) for _, name in names}}


def test_two_installations_share_no_secret() -> None:
    first, second = new_secrets("a", "db"), new_secrets("a", "db")

    assert not [name for name, content in first.items() if content and content == second[name]]


@pytest.mark.parametrize("there", [".env", "secrets"])
def test_nothing_is_written_where_one_of_them_is_there(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")

    code, _, error = init_env(tmp_path / ".env")

    assert code == 1
    assert isinstance(error, SettingInvalid)
    assert str(tmp_path / there) in str(error)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.fault
def test_one_that_comes_at_the_same_moment_is_not_written_over(tmp_path: Path) -> None:
    """Between looking and writing, somebody else was faster."""
    folder, file = tmp_path / "secrets", tmp_path / ".env"
    write_secrets(folder, {"a": b"theirs"})
    write_new(file, "theirs")

    with pytest.raises(SettingInvalid, match="there"):
        write_secrets(folder, {"a": b"ours"})
    with pytest.raises(SettingInvalid, match="there"):
        write_new(file, "ours")

    assert (folder / "a").read_text() == file.read_text() == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "secrets"]


@pytest.mark.parametrize("host", ["https://a.example", "a b", "", "-a", "a;rm"])
def test_a_host_is_a_name(tmp_path: Path, host: str) -> None:
    code, _, error = init_env(tmp_path / ".env", "--host", host)

    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert isinstance(error, SettingInvalid)
