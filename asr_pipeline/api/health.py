"""Whether the gateway lives, and whether it is ready: models, database, Dagster and disk, each with its state."""

import shutil
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.storage.layout import LOW_DISK_BYTES

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@router.get("/ready")
def ready(gateway: TheGateway, response: Response) -> dict[str, Any]:
    """Look at everything that a request may need; 503 where something lacks."""
    looks: dict[str, Callable[[Gateway], str]] = {
        "models": _models,
        "database": _database,
        "dagster": _dagster,
        "disk": _disk,
    }
    parts = {name: _looked_at(look, gateway) for name, look in looks.items()}
    is_ready = all(part["ready"] for part in parts.values())
    if not is_ready:
        response.status_code = 503
    return {"status": "ready" if is_ready else "not ready", "parts": parts}


def _looked_at(look: Callable[[Gateway], str], gateway: Gateway) -> dict[str, Any]:
    try:
        return {"ready": True, "found": look(gateway)}
    except PipelineError as error:
        return {"ready": False, "found": error.found, "remedy": error.remedy}


def _models(gateway: Gateway) -> str:
    version = gateway.pipeline.tools.transcriber.version
    return f"{version.engine} {version.model}"


def _database(gateway: Gateway) -> str:
    gateway.pipeline.store.count_by_state()
    return "it answers"


def _dagster(gateway: Gateway) -> str:
    gateway.instance.get_runs_count()
    return "it answers"


def _disk(gateway: Gateway) -> str:
    free_bytes = shutil.disk_usage(gateway.settings.data_dir).free
    found = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes < LOW_DISK_BYTES:
        raise PipelineError("disk", expected="room to write", found=found, remedy="Free some.")
    return found
