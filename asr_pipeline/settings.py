"""Every setting, with its meaning, unit, default and bounds. Read from the environment: prefix ASR_PIPELINE_.

Example: `ASR_PIPELINE_TARGET_LANGUAGES=fa,de ASR_PIPELINE_CHANNELS=split asr-pipeline process call.wav`
"""

import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from asr_pipeline.domain.audio import ChannelMode
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.translation import DEFAULT_TARGET_LANGUAGE, SOURCE_LANGUAGE, is_language_code
from asr_pipeline.domain.webhook import check_url, signing_key

ENVIRONMENT_PREFIX = "ASR_PIPELINE_"
CLONE = Path(__file__).resolve().parent.parent


def in_a_clone() -> bool:
    """Tell whether this package runs from a clone of the repository, not from an installed wheel."""
    return (CLONE / "workspace.yaml").is_file() and (CLONE / "pyproject.toml").is_file()


def default_data_dir() -> Path:
    """Give `data/` in a clone, and the user's data folder (XDG) when installed."""
    if in_a_clone():
        return CLONE / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "asr-pipeline"


def cores() -> int:
    """Processors that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


class Settings(BaseSettings):
    """Validated settings. Names in the environment are these, in capitals, after ASR_PIPELINE_."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    # Where things are
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of settings that are files, such as asr_pipeline_database_url, for what must not be in the "
        "environment, which comes before them.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of everything that the program writes: database, Dagster home, audio, results, models.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://USER:PASSWORD@HOST/NAME: the database of the program's tables and of Dagster's; "
        "SQLite in the data folder if not set.",
    )
    database_pool_size: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Connections that a process keeps open to PostgreSQL, for the program's tables and for Dagster's "
        "each; up to ten more are made when needed.",
    )
    database_statement_timeout_s: float = Field(
        default=120, ge=1, le=86_400, description="PostgreSQL gives up a statement that takes longer."
    )
    vosk_model: str | None = Field(
        default=None, description="Name or path of the Vosk model; else the official one that was pulled, else starter."
    )
    argos_packages: Annotated[list[Path], NoDecode] = Field(
        default_factory=list,
        description="Argos packages (folders or .argosmodel files), separated by ':'; else those that were pulled, "
        "else the starter.",
    )

    # Audio
    channels: ChannelMode = Field(
        default=ChannelMode.MIX, description="mix: average all channels; split: keep them apart, each a speaker."
    )
    max_duration_s: float = Field(default=24 * 3600, gt=0, description="Longer recordings are quarantined.")
    max_size_bytes: int = Field(default=16 * 2**30, gt=0, description="Larger source files are refused.")
    allow_silent: bool = Field(
        default=True, description="Whether a recording without speech is done (empty transcript) or quarantined."
    )

    # Voice activity
    vad_aggressiveness: int = Field(
        default=2, ge=0, le=3, description="0 takes nearly everything for speech; 3 only what is surely speech."
    )
    min_pause_ms: int = Field(default=500, ge=100, le=5000, description="A shorter gap does not end a segment.")
    speech_pad_ms: int = Field(default=250, ge=0, le=1000, description="Kept before and after speech.")
    max_segment_s: float = Field(
        default=30, ge=5, le=120, description="Longer speech is cut at its quietest moment before this."
    )

    # Recognition
    workers: int = Field(default_factory=cores, ge=1, description="Threads that recognise and translate.")
    recognizer_chunk_bytes: int = Field(
        default=8000, ge=640, le=64000, multiple_of=2, description="Bytes of audio given to Vosk at a time."
    )
    recognizer_phrases: Path | None = Field(
        default=None,
        description="Text file of phrases, one a line: nothing else is recognised (for spoken commands, digits); "
        "needs a Vosk model that takes a grammar.",
    )
    span_target_s: float = Field(
        default=30, ge=1, le=600, description="Seconds of speech that are recognised as one unit of parallel work."
    )
    recordings_in_flight: int = Field(
        default=8, ge=1, le=1000, description="Recordings that are decoded and recognised at the same time."
    )

    # Where spans are recognised
    executor: str = Field(
        default="threads",
        description="Where speech is recognised: threads, of this process; dask, worker processes of this machine, "
        "which are started for a run; or dask://host:port, the workers of a Dask scheduler.",
    )
    shared_audio: str | None = Field(
        default=None,
        description="Address that a cluster's workers read audio from while it is recognised, such as "
        "s3://bucket/prefix or file:///mnt/share; if not set they read it in their data folder, which is shared then.",
    )
    cluster_wait_s: float = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How long a scheduler, or any worker, that is away is waited for before recordings fail for now.",
    )
    cluster_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority whose certificates the parts of a cluster trust: they speak TLS, and "
        "with nobody else, where it is set.",
    )
    cluster_cert: Path | None = Field(default=None, description="PEM file of this part's certificate, with cluster_ca.")
    cluster_key: Path | None = Field(
        default=None, validate_default=True, description="PEM file of the key of cluster_cert."
    )
    cluster_workers_min: int = Field(
        default=1, ge=1, le=1000, description="Worker processes that executor dask begins with, and keeps."
    )
    cluster_workers_max: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Worker processes that executor dask starts at most; as many as workers if not set.",
    )
    cluster_backlog_s: float = Field(
        default=5,
        gt=0,
        description="Executor dask starts workers until those there are would be through with what waits in so long.",
    )
    cluster_backlog_spans: int = Field(
        default=4, ge=1, description="Executor dask starts one more worker where more spans than this wait for each."
    )
    cluster_span_s: float = Field(
        default=1, gt=0, description="Seconds that a span is taken to need until some were measured."
    )
    cluster_cpu_percent_max: float = Field(
        default=95,
        ge=1,
        description="Executor dask starts no more workers while this machine's processors are busier; 101 to always.",
    )
    cluster_shrink_s: float = Field(
        default=10, ge=1, description="Executor dask ends workers that were not needed for so long."
    )

    # Translation
    target_languages: Annotated[list[str], NoDecode] = Field(
        default=[DEFAULT_TARGET_LANGUAGE],
        description="ISO codes of the languages to translate into, separated by commas.",
    )
    beam_size: int = Field(default=1, ge=1, le=16, description="1 is greedy: fastest, and best with the starter model.")
    translation_batch_tokens: int = Field(
        default=2048, ge=64, le=65536, description="Tokens that CTranslate2 decodes at once."
    )
    translation_batch_sentences: int = Field(
        default=256, ge=1, le=10_000, description="Sentences, of any recordings, that are collected before translating."
    )

    # Subtitles
    subtitle_line_chars: int = Field(default=42, ge=16, le=120, description="Longest line.")
    subtitle_lines: int = Field(default=2, ge=1, le=4, description="Most lines shown at once in a language.")
    subtitle_chars_per_s: float = Field(default=20, ge=5, le=60, description="Reading speed that cues keep to.")
    persian_digits: Literal["persian", "latin", "as-is"] = Field(
        default="persian", description="How digits are written in Persian text."
    )

    # Inbox and originals
    inbox_dir: Path | None = Field(
        default=None,
        description="Folder that is watched for recordings, with its sub-folders; else inbox/ in the data folder.",
    )
    inbox_after: Literal["archive", "delete", "leave"] = Field(
        default="archive",
        description="What becomes of a file in the inbox once its bytes are stored and verified: moved to archive/, "
        "deleted, or left.",
    )
    keep_originals_days: float | None = Field(
        default=None,
        ge=0,
        description="Originals of recordings that are done are removed after this many days; kept for good if not set.",
    )

    # Gateway
    upload_max_bytes: int = Field(default=2 * 2**30, gt=0, description="Larger uploads are refused.")
    lane_max_bytes: int = Field(
        default=16 * 2**20,
        ge=0,
        description="Uploads, and what `watch` finds, up to this are run at once; larger ones are left to the daemon's "
        "runs, where there is a daemon.",
    )
    queue_max: int = Field(
        default=1000,
        ge=1,
        description="Where more recordings of the inbox and of uploads wait, uploads are put off (503).",
    )

    event_streams_max: int = Field(
        default=200, ge=1, le=10_000, description="Streams of events that the gateway has open at once; more get 503."
    )
    live_sessions_max: int = Field(
        default=4, ge=0, le=1000, description="Live recognitions (WS /listen) at once; more are told to come again."
    )

    # Who may use the gateway, and how much
    jwt_public_key: Path | None = Field(
        default=None,
        description="PEM file of the RSA or Ed25519 public key that bearer tokens are verified with; no token is taken "
        "if not set.",
    )
    jwt_issuer: str | None = Field(
        default=None, validate_default=True, description="Who must have issued a bearer token (its iss)."
    )
    jwt_audience: str | None = Field(
        default=None, validate_default=True, description="Whom a bearer token must be meant for (its aud)."
    )
    rate_limit_key: str | None = Field(
        default=None,
        description="Requests that each key may make, such as 100/minute or 10/second; 1200/minute if not set.",
    )
    rate_limit_address: str | None = Field(
        default=None,
        description="Requests that may come from each address; 2400/minute if not set, and any number as long as only "
        "this machine can reach the gateway and there are no keys.",
    )
    concurrent_requests_max: int = Field(
        default=1024, ge=1, description="Requests that the gateway answers at the same time; more are put off (503)."
    )
    request_max_bytes: int = Field(
        default=1 << 20, ge=1024, le=64 << 20, description="Larger bodies of requests that are no uploads are refused."
    )
    body_min_bytes_per_s: int = Field(
        default=1000, ge=1, description="A body that comes more slowly, after the first ten seconds, is given up (408)."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto are "
        "believed.",
    )
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Other sites, separated by commas, whose pages may use the gateway, such as https://example.org.",
    )
    audit_keep_days: float = Field(default=365, gt=0, le=36500, description="The audit log's entries are kept so long.")
    # Webhooks
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may go to addresses of this machine and of private networks, and without TLS.",
    )
    webhook_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses, separated by spaces, that are told when a recording is done or has failed.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="What webhooks are signed with: at least 24 characters, or whsec_ and base64.",
    )

    # Watching it
    log_format: Literal["plain", "json"] = Field(
        default="plain",
        description="How processes log: plain lines for people, or a JSON object a line that names run and recording.",
    )
    traces_endpoint: str | None = Field(
        default=None,
        description="Address that takes OpenTelemetry traces (OTLP over HTTP), such as "
        "http://127.0.0.1:4318/v1/traces; none are made if not set. Needs the extra tracing.",
    )

    # Faults
    attempts: int = Field(
        default=3, ge=1, le=20, description="Times that a stage is tried when failures are transient."
    )
    max_real_time_factor: float = Field(
        default=10,
        gt=0,
        description="An engine that takes longer than this many times the audio's length, and longer than "
        "a minute, is given up.",
    )

    @field_validator("secrets_dir")
    @classmethod
    def _same_from_anywhere(cls, value: Path | None) -> Path | None:
        return None if value is None else value.absolute()

    @field_validator("target_languages", mode="before")
    @classmethod
    def _split_languages(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("target_languages")
    @classmethod
    def _languages_are_codes(cls, value: list[str]) -> list[str]:
        for code in value:
            if not is_language_code(code):
                message = f"{code!r} is not an ISO 639 code such as 'fa'"
                raise ValueError(message)
            if code == SOURCE_LANGUAGE:
                message = f"{code!r} is the language that is spoken; name the languages to translate into"
                raise ValueError(message)
        if not value or len(set(value)) != len(value):
            message = "name at least one language, and each once"
            raise ValueError(message)
        return value

    @field_validator("argos_packages", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", origin):
                message = f"{origin!r} is not an origin such as https://example.org"
                raise ValueError(message)
        return value

    @field_validator("jwt_issuer", "jwt_audience")
    @classmethod
    def _goes_with_the_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("jwt_public_key") is not None and not value:
            message = "tokens of other services would be taken: set it where there is a jwt_public_key"
            raise ValueError(message)
        return value

    @field_validator("rate_limit_key", "rate_limit_address")
    @classmethod
    def _is_a_rate(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", value):
            message = "write a number, / and second, minute, hour or day"
            raise ValueError(message)
        return value

    @field_validator("webhook_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("webhook_urls")
    @classmethod
    def _urls_are_safe(cls, value: list[str], info: ValidationInfo) -> list[str]:
        for url in value:
            check_url(url, allow_private=info.data.get("webhook_allow_private", False))
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            signing_key(value.get_secret_value())
        elif info.data.get("webhook_urls"):
            message = "webhooks are signed: set it where there are webhook_urls"
            raise ValueError(message)
        return value

    @field_validator("traces_endpoint")
    @classmethod
    def _is_an_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
            message = "write http:// or https://, a host and a path, without a password"
            raise ValueError(message)
        return value

    @field_validator("executor")
    @classmethod
    def _is_an_executor(cls, value: str) -> str:
        if not re.fullmatch(r"threads|dask|dask://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", value):
            message = "write threads, dask or dask://host:port"
            raise ValueError(message)
        return value

    @field_validator("shared_audio")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z][a-z0-9+.-]*://.+", value):
            message = "write an address such as s3://bucket/prefix or file:///mnt/share"
            raise ValueError(message)
        return value

    @field_validator("cluster_key")
    @classmethod
    def _tls_is_whole(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        given = [info.data.get("cluster_ca"), info.data.get("cluster_cert"), value]
        if any(given) and not all(given):
            message = "TLS needs cluster_ca, cluster_cert and cluster_key"
            raise ValueError(message)
        return value

    @field_validator(
        "data_dir", "inbox_dir", "recognizer_phrases", "jwt_public_key", "cluster_ca", "cluster_cert", "cluster_key"
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("data_dir")
    @classmethod
    def _dagster_can_open(cls, value: Path) -> Path:
        if {"%", "?"} & set(str(value)):  # Dagster makes an address of it without escaping
            message = "a path with % or ? can't hold Dagster's database"
            raise ValueError(message)
        return value

    @property
    def uses_postgresql(self) -> bool:
        """Whether the database is PostgreSQL, and Dagster's storage with it."""
        return self.sqlalchemy_url.startswith("postgres")

    @property
    def sqlalchemy_url(self) -> str:
        """The database's address, secrets included: never print it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return "sqlite:///" + quote(str(self.data_dir / "asr_pipeline.db"))


_SECRET = {"database_url", "webhook_secret", "webhook_urls"}  # not even where they are wrong


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - each setting has a type of its own
    """Read the settings; `overrides` come before the environment. Raises SettingInvalid that names the setting."""
    folder = overrides.get("secrets_dir") or os.environ.get(f"{ENVIRONMENT_PREFIX}SECRETS_DIR") or None
    _refuse_unknown_names([*os.environ, *_secret_names(folder)])
    try:
        values: dict[str, Any] = {"_secrets_dir": folder, **overrides}
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        field = Settings.model_fields.get(name)
        given = "a value that is not shown" if name in _SECRET else repr(first["input"])
        raise SettingInvalid(
            f"{ENVIRONMENT_PREFIX}{name.upper()}",
            expected=field.description.rstrip(".") if field and field.description else "a setting",
            found=f"{given} ({first['msg'].removeprefix('Value error, ')})",
            remedy="`asr-pipeline settings` lists every setting.",
        ) from error


def _secret_names(folder: str | Path | None) -> list[str]:
    """Give the names of settings that are files, as in the environment. Others lie beside them and are not ours."""
    if folder is None:
        return []
    try:
        files = [file for file in Path(folder).iterdir() if file.name.upper().startswith(ENVIRONMENT_PREFIX)]
        for file in files:
            file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{ENVIRONMENT_PREFIX}SECRETS_DIR",
            expected="a folder of text files that can be read",
            found=str(error),
            remedy="Name another folder, or give the user that runs the program the right to read there.",
        ) from error
    return [file.name.upper() for file in files]


def _refuse_unknown_names(names: Iterable[str]) -> None:
    """Stop at a misspelt name: it would be ignored otherwise, and its default used without a word."""
    for name in names:
        setting = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name.startswith(ENVIRONMENT_PREFIX) and setting not in Settings.model_fields:
            raise SettingInvalid(
                name,
                expected="the name of a setting",
                found="none of that name",
                remedy="`asr-pipeline settings` lists every setting.",
            )
