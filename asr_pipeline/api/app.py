"""The HTTP application: every router and middleware, in the one place that knows them all."""

from fastapi import FastAPI

from asr_pipeline import __version__
from asr_pipeline.api import health, media, metrics, notes, recordings, stats, translation, upload
from asr_pipeline.api.errors import RESPONSES, handle_errors
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.measuring import Measuring
from asr_pipeline.api.request_ids import RequestIds

ROUTERS = (
    upload.router,
    translation.router,
    recordings.router,
    media.router,
    notes.router,
    stats.router,
    health.router,
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
    handle_errors(app)
    app.add_middleware(RequestIds)
    app.add_middleware(Measuring, measures=gateway.measures)  # the last is the outermost: it counts refusals too
    for router in ROUTERS:
        app.include_router(router)
    return app
