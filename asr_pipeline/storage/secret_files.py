"""The secrets of a new installation: made once, each in a file of its own, never written over.

The folder is for its owner alone. The files in it may be read by anyone: containers, whose users are others, get them
one by one.
"""

import base64
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.storage.atomic import partial_file, storage_errors
from asr_pipeline.storage.certificates import of_own_authority, self_signed

SECRETS_FOLDER = "secrets"
METRICS_KEY = "metrics_key"
LOGINS = "logins"
_CERTIFICATE_DAYS = 825
_PASSWORD_BYTES = 24
_FOR_ALL, _FOR_OWNER, _FOLDER = 0o644, 0o600, 0o700


def new_secrets(host: str, database: str) -> dict[str, bytes]:
    """Give what each file holds. `host` is the name that browsers know; `database` that of PostgreSQL's machine."""
    passwords = {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in ("postgres", "grafana", "viewer", "operator")}
    web = self_signed(list(dict.fromkeys([host, "localhost", "127.0.0.1"])), _CERTIFICATE_DAYS)
    cluster = of_own_authority(["cluster", "scheduler", "localhost", "127.0.0.1"], _CERTIFICATE_DAYS)
    url = f"postgresql+psycopg2://asr_pipeline:{passwords['postgres']}@{database}:5432/asr_pipeline"
    texts = {
        "postgres_password": passwords["postgres"],
        "asr_pipeline_database_url": url,
        "asr_pipeline_webhook_secret": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "grafana_admin_password": passwords["grafana"],
        "viewers.htpasswd": _htpasswd("viewer", passwords["viewer"]) + _htpasswd("operator", passwords["operator"]),
        "operators.htpasswd": _htpasswd("operator", passwords["operator"]),
        METRICS_KEY: "",
        LOGINS: "".join(
            f"{where}: {user} {password}\n"
            for where, user, password in (
                ("/dagster/ (read-only)", "viewer", passwords["viewer"]),
                ("/operate/ and /dagster/", "operator", passwords["operator"]),
                ("/grafana/", "admin", passwords["grafana"]),
            )
        ),
    }
    return {name: text.encode() for name, text in texts.items()} | {
        "tls.crt": web.certificate,
        "tls.key": web.key,
        "cluster_ca.pem": cluster.authority or b"",
        "cluster_cert.pem": cluster.certificate,
        "cluster_key.pem": cluster.key,
    }


def require_new(*paths: Path) -> None:
    """Raise SettingInvalid where one of them is there."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise _there(path)


def write_secrets(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder with its files, all or none. Raises SettingInvalid where it is there."""
    require_new(folder)
    with storage_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, content in contents.items():
                _write(unfinished / name, content, _FOR_OWNER if name == LOGINS else _FOR_ALL)
            unfinished.chmod(_FOLDER)
            os.rename(unfinished, folder)  # noqa: PTH104 - Path's says nothing of a folder that is there: not empty
        except FileExistsError as error:
            raise _there(folder) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def write_new(file: Path, text: str) -> None:
    """Write a file for its owner alone, whole or not at all. Raises SettingInvalid where it is there."""
    with partial_file(file.parent) as partial:
        _write(partial, text.encode(), _FOR_OWNER)
        try:
            os.link(partial, file)  # unlike a rename, it replaces nothing
        except FileExistsError as error:
            raise _there(file) from error


def _write(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FOR_OWNER), "wb") as out:
        out.write(content)
        os.fchmod(out.fileno(), mode)
        out.flush()
        os.fsync(out.fileno())


def _htpasswd(user: str, password: str) -> str:
    """Give a line as proxies read it: SHA-1 with a salt is enough for a password that nobody can guess."""
    salt = secrets.token_bytes(8)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324 - as said
    return f"{user}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def _there(path: Path) -> SettingInvalid:
    return SettingInvalid(
        str(path),
        expected="nothing there yet: secrets that are in use are not replaced",
        found="it is there",
        remedy="Name another file, or move this one away; docs/operations.md says how single secrets are changed.",
    )
