"""How middleware refuses: in the form of every other error, to HTTP and WebSocket requests alike."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from asr_pipeline.api.errors import pipeline_error
from asr_pipeline.domain.errors import PipelineError

POLICY_VIOLATION = 1008


async def refuse(scope: Scope, receive: Receive, send: Send, error: PipelineError) -> None:
    """Answer with an error. A WebSocket whose server can't answer so is closed before it was open."""
    response = pipeline_error(Request({"method": "GET", **scope, "type": "http"}), error)
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await response(scope, receive, send)
