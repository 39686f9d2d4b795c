"""`asr-pipeline keys`: who may use the HTTP gateway."""

import datetime as dt
import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import errors, output, write_json
from asr_pipeline.domain.access import Scope
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable

if TYPE_CHECKING:
    from asr_pipeline.wiring.storage import Storage

NAME_MAX_CHARS = 100
app = typer.Typer(help="Keys of the HTTP gateway.", no_args_is_help=True, rich_markup_mode="markdown")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    *,
    scope: Annotated[Scope, typer.Option(help="What it opens; write includes read, admin all.")],
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="It expires after so many; never if left out.")] = (
        None
    ),
) -> None:
    """Make a key, and print it: it is shown this once, and can't be found out later.

    Example: `asr-pipeline keys create "the newsroom" --scope write --days 90`
    """
    from asr_pipeline.storage.api_keys import SqlApiKeys  # noqa: PLC0415 - `--help` should not wait for SQL
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    if not name.isprintable() or not 1 <= len(name.strip()) <= NAME_MAX_CHARS:
        raise SettingInvalid(
            "NAME",
            expected=f"1 to {NAME_MAX_CHARS} printable characters",
            found=repr(name[:NAME_MAX_CHARS]),
            remedy="Name who will use the key.",
        )
    expires_at = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with open_storage(load_settings()) as storage:
        made = SqlApiKeys(storage.database).create(name.strip(), scope, expires_at)
        _note(storage, "keys create", f"{made.key_id} {scope} {name.strip()}")
    typer.echo(made.key)
    errors.print(f"Key {made.key_id}, scope {scope}. It is shown this once: keep it safe.", highlight=False)


@app.command("list")
def list_keys(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List keys by id, with their names, scopes and last use; never the keys themselves.

    Example: `asr-pipeline keys list --json`
    """
    from asr_pipeline.storage.api_keys import SqlApiKeys  # noqa: PLC0415 - as above
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage:
        keys = SqlApiKeys(storage.database).all()
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "key_id": key.key_id,
            "name": storable(key.name),
            "scope": key.scope.value,
            "state": "valid" if key.is_valid(now) else "revoked" if key.revoked_at else "expired",
            "created_at": key.created_at.isoformat(timespec="seconds"),
            "expires_at": None if key.expires_at is None else key.expires_at.isoformat(timespec="seconds"),
            "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(timespec="seconds"),
        }
        for key in keys
    ]
    if as_json:
        write_json(rows)
        return
    table = Table("id", "name", "scope", "state", "created", "expires", "last used")
    for row in rows:
        table.add_row(*(escape(value or "") for value in row.values()))
    output.print(table)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` names it.")]) -> None:
    """Revoke a key for good; a gateway that runs refuses it within seconds.

    Example: `asr-pipeline keys revoke 1a2b3c4d`
    """
    from asr_pipeline.storage.api_keys import SqlApiKeys  # noqa: PLC0415 - as above
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage:
        if not SqlApiKeys(storage.database).revoke(storable(key_id)):
            raise SettingInvalid(
                storable(key_id),
                expected="the id of a key that is not revoked",
                found="none of that id",
                remedy="`asr-pipeline keys list` lists them.",
            )
        _note(storage, "keys revoke", key_id)
    output.print(f"Key {key_id} is revoked.", markup=False, highlight=False)


def _note(storage: "Storage", action: str, target: str) -> None:
    from asr_pipeline.storage.audit import AuditEntry, SqlAuditLog  # noqa: PLC0415 - as above

    entry = AuditEntry(
        happened_at=dt.datetime.now(dt.UTC),
        principal=f"command line: {_user()}",
        action=action,
        target=target,
        address=None,
        request_id=None,
        result="done",
    )
    SqlAuditLog(storage.database, storage.settings.audit_keep_days).note(entry)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return "unnamed"
