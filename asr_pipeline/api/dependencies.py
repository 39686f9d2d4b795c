"""What routes ask for by the types of their arguments."""

import re
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from asr_pipeline.api.errors import NotFound
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.security import principal_of
from asr_pipeline.ports import RecordingRow
from asr_pipeline.storage.text import storable

_ID = re.compile(r"[a-z0-9-]{1,80}")  # what is no id is not looked for: a database refuses some texts


async def gateway(connection: HTTPConnection) -> Gateway:  # async: a plain one would cost a thread's turn a request
    """Give the gateway that the app was made with, to HTTP and WebSocket routes alike."""
    found: Gateway = connection.app.state.gateway
    return found


TheGateway = Annotated[Gateway, Depends(gateway)]


def recording(gateway: TheGateway, recording_id: str) -> RecordingRow:
    """Give the recording that a path names. Raises NotFound."""
    row = next(iter(gateway.pipeline.store.rows([recording_id])), None) if _ID.fullmatch(recording_id) else None
    if row is None:
        raise NotFound(
            f"recording {storable(recording_id)[:80]}",
            expected="the id of a recording, as /upload/ and /recordings/ give it",
            found="none of that id",
            remedy="GET /recordings/ lists them.",
        )
    return row


TheRecording = Annotated[RecordingRow, Depends(recording)]


async def caller(connection: HTTPConnection) -> str:
    """Name who asks, so that the keys of one caller are not another's."""
    principal = principal_of(connection.scope)
    return "" if principal is None else principal.name


TheCaller = Annotated[str, Depends(caller)]
