"""The HTTP application: every router and middleware, in the one place that knows them all."""

from fastapi import FastAPI

from asr_pipeline import __version__
from asr_pipeline.api import (
    corrections,
    events,
    health,
    listen,
    media,
    metrics,
    notes,
    page,
    recordings,
    search,
    stats,
    translation,
    upload,
)
from asr_pipeline.api.errors import RESPONSES, handle_errors
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.guarding import guard
from asr_pipeline.api.listen import LiveSessions
from asr_pipeline.api.measuring import Measuring
from asr_pipeline.api.watching import Watching

ROUTERS = (
    upload.router,
    translation.router,
    recordings.router,
    media.router,
    notes.router,
    stats.router,
    events.router,
    listen.router,
    corrections.router,
    search.router,
    health.router,
    page.router,
    metrics.router,
)


def create_app(gateway: Gateway) -> FastAPI:
    """Make the application over an open gateway, which its maker closes."""
    app = FastAPI(
        title="asr-pipeline",
        version=__version__,
        summary="English recordings in; timed transcripts, Persian translations and subtitles out.",
        responses=RESPONSES,
        docs_url=None,  # those pages fetch their scripts from elsewhere; /openapi.json stands by itself
        redoc_url=None,
    )
    app.state.gateway = gateway
    app.state.watching = Watching(gateway.pipeline.database, gateway.settings.event_streams_max)
    app.state.live_sessions = LiveSessions(gateway.settings.live_sessions_max)
    handle_errors(app)
    guard(app, gateway)
    app.add_middleware(Measuring, measures=gateway.measures)  # the last is the outermost: it counts refusals too
    for router in ROUTERS:
        app.include_router(router)
    return app
