"""Whether the gateway lives, and whether it is ready: models, database, Dagster and disk, each with its state."""

import logging
import shutil
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Response
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.defs.daemon import daemon_is_alive
from asr_pipeline.domain.errors import StorageFull
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import LOW_DISK_BYTES

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/health", tags=["health"])


class LiveOut(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartOut(BaseModel):
    """One thing that requests need, and what was found."""

    ready: bool
    found: str


class ReadyOut(BaseModel):
    """Whether everything is there that requests need."""

    status: Literal["ready", "not ready"]
    parts: dict[str, PartOut]


@router.get("/live")
async def live() -> LiveOut:
    """Answer as long as the process does."""
    return LiveOut()


@router.get("/ready", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": ReadyOut}})
def ready(gateway: TheGateway, response: Response) -> ReadyOut:
    """Look at everything that a request may need; 503 where something lacks."""
    parts = {name: _looked_at(name, look, gateway) for name, look in _LOOKS.items()}
    if all(part.ready for part in parts.values()):
        return ReadyOut(status="ready", parts=parts)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return ReadyOut(status="not ready", parts=parts)


def _looked_at(name: str, look: Callable[[Gateway], str], gateway: Gateway) -> PartOut:
    try:
        return PartOut(ready=True, found=look(gateway))
    except Exception as error:  # whatever it is: it is what was asked for
        logger.warning("Not ready: %s", name, exc_info=True)
        return PartOut(ready=False, found=type(error).__name__)


def _models(gateway: Gateway) -> str:
    tools, languages = gateway.pipeline.tools, gateway.pipeline.rules.target_languages
    gateway.pipeline.preload()
    versions = [tools.transcriber.version, *(tools.translator.version(SOURCE_LANGUAGE, one) for one in languages)]
    return ", ".join(f"{one.engine} {one.model}" for one in versions)


def _database(gateway: Gateway) -> str:
    with reading(gateway.pipeline.database) as connection:
        connection.execute(sa.select(1))
    return gateway.pipeline.database.dialect.name


def _dagster(gateway: Gateway) -> str:
    return "its daemon is at work" if daemon_is_alive(gateway.instance) else "no daemon: all is run in this process"


def _disk(gateway: Gateway) -> str:
    free_bytes = shutil.disk_usage(gateway.settings.data_dir).free
    found = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes < LOW_DISK_BYTES:
        raise StorageFull(str(gateway.settings.data_dir), expected="room to write", found=found, remedy="Free some.")
    return found


_LOOKS: Mapping[str, Callable[[Gateway], str]] = {
    "models": _models,
    "database": _database,
    "dagster": _dagster,
    "disk": _disk,
}
