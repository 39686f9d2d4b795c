"""Uvicorn's server, which tells those who would listen for ever when the gateway is to stop."""

import socket

import uvicorn
from fastapi import FastAPI

from asr_pipeline.api.watching import Watching


class GatewayServer(uvicorn.Server):
    """Ends the streams of events before it waits for the requests under way; WebSockets it closes by itself."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        app = self.config.app
        assert isinstance(app, FastAPI)  # noqa: S101 - as `create_app` made it
        watching: Watching = app.state.watching
        watching.close()
        await super().shutdown(sockets)
