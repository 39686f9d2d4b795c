"""Settings: read from the environment, validated, with errors that name them."""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from asr_pipeline.domain.audio import ChannelMode
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import CLONE, Settings, load_settings


def test_the_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.data_dir == CLONE / "data"
    assert settings.target_languages == ["fa"]
    assert settings.channels is ChannelMode.MIX
    assert settings.workers >= 1
    assert make_url(settings.sqlalchemy_url).database == str(CLONE / "data" / "asr_pipeline.db")


def test_the_environment_comes_before_defaults_and_overrides_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_CHANNELS", "split")
    monkeypatch.setenv("ASR_PIPELINE_TARGET_LANGUAGES", "fa, de")
    monkeypatch.setenv("ASR_PIPELINE_ARGOS_PACKAGES", "/a/one.argosmodel:/b")
    settings = load_settings(channels="mix")
    assert settings.channels is ChannelMode.MIX
    assert settings.target_languages == ["fa", "de"]
    assert settings.argos_packages == [Path("/a/one.argosmodel"), Path("/b")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEAM_SIZE", "0"),
        ("BEAM_SIZE", "many"),
        ("TARGET_LANGUAGES", "en"),
        ("TARGET_LANGUAGES", "persian"),
        ("TARGET_LANGUAGES", "fa,fa"),
        ("TARGET_LANGUAGES", ""),
        ("CHANNELS", "left"),
        ("RECOGNIZER_CHUNK_BYTES", "8001"),
        ("PERSIAN_DIGITS", "roman"),
    ],
)
def test_an_impossible_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ASR_PIPELINE_{name}", value)
    with pytest.raises(SettingInvalid, match=f"ASR_PIPELINE_{name}: expected .*, found '{value}"):
        load_settings()


def test_a_misspelt_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PIPELINE_BEAMSIZE", "4")
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_BEAMSIZE"):
        load_settings()


def test_an_installed_program_writes_into_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("asr_pipeline.settings.in_a_clone", lambda: False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().data_dir == tmp_path / "asr-pipeline"


def test_the_password_is_in_no_printed_form() -> None:
    settings = load_settings(database_url="postgresql://someone:hunter2@host/db")
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "hunter2" in settings.sqlalchemy_url


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"webhook_secret": "hunter2"}, "WEBHOOK_SECRET"),
        ({"webhook_urls": "https://a.example/hunter2"}, "WEBHOOK_SECRET"),
        ({"webhook_urls": "http://a.example/hunter2", "webhook_secret": "x" * 24}, "WEBHOOK_URLS"),
        ({"webhook_urls": "https://me:hunter2@a.example", "webhook_secret": "x" * 24}, "WEBHOOK_URLS"),
        ({"jwt_public_key": "/a.pem", "jwt_issuer": "me"}, "JWT_AUDIENCE"),
        ({"cors_origins": "*"}, "CORS_ORIGINS"),
        ({"cors_origins": "https://a.example/path"}, "CORS_ORIGINS"),
        ({"trusted_proxies": "*"}, "TRUSTED_PROXIES"),
        ({"trusted_proxies": "10.0.0.1/8"}, "TRUSTED_PROXIES"),
        ({"rate_limit_key": "many"}, "RATE_LIMIT_KEY"),
        ({"rate_limit_address": "0/second"}, "RATE_LIMIT_ADDRESS"),
    ],
)
def test_what_would_not_be_safe_is_refused_and_no_secret_is_shown(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named) as caught:
        load_settings(**given)
    assert "hunter2" not in str(caught.value)


def test_every_setting_says_what_it_means() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("name", ["100%41", "what?x=1"])
def test_a_data_folder_that_dagster_could_not_open_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_DATA_DIR"):
        load_settings(data_dir=tmp_path / name)


@pytest.mark.parametrize("name", ["a #2", "a: b", "فارسی 'x' \"y\""])
def test_the_database_lies_in_the_data_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    url = make_url(load_settings(data_dir=tmp_path / name).sqlalchemy_url)
    assert url.database == str(tmp_path / name / "asr_pipeline.db")


def test_what_must_not_be_in_the_environment_is_read_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asr_pipeline_database_url").write_text("postgresql://a:hunter2@db/x\n")
    (tmp_path / "postgres_password").write_bytes(b"\xff")  # somebody else's
    monkeypatch.setenv("ASR_PIPELINE_SECRETS_DIR", str(tmp_path))
    assert load_settings().sqlalchemy_url == "postgresql://a:hunter2@db/x"
    monkeypatch.setenv("ASR_PIPELINE_DATABASE_URL", "sqlite:////tmp/b.db")
    assert load_settings().sqlalchemy_url == "sqlite:////tmp/b.db"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("asr_pipeline_databse_url", b"hunter2", "ASR_PIPELINE_DATABSE_URL"),
        ("asr_pipeline_webhook_secret", b"hunter2", "ASR_PIPELINE_WEBHOOK_SECRET"),
        ("asr_pipeline_database_url", b"\xff", "ASR_PIPELINE_SECRETS_DIR"),
    ],
)
def test_a_file_that_is_no_setting_or_a_wrong_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("ASR_PIPELINE_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SettingInvalid, match=told) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_a_folder_of_secrets_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_SECRETS_DIR"):
        load_settings(secrets_dir=tmp_path / "away")
