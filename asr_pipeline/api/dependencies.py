"""What routes ask for by the types of their arguments."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from asr_pipeline.api.gateway import Gateway


def gateway(connection: HTTPConnection) -> Gateway:
    """Give the gateway that the app was made with, to HTTP and WebSocket routes alike."""
    found: Gateway = connection.app.state.gateway
    return found


TheGateway = Annotated[Gateway, Depends(gateway)]
