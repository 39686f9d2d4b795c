"""`GET /metrics`, for Prometheus: what this process has done, and what is stored of everything."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.stored_figures import StoredFigures

router = APIRouter(tags=["health"])


async def _stored(request: Request, gateway: TheGateway) -> CollectorRegistry:
    """Give the app's look at what is stored."""
    state = request.app.state
    if not hasattr(state, "stored_figures"):
        state.stored_figures = CollectorRegistry()
        state.stored_figures.register(
            StoredFigures(gateway.pipeline.database, gateway.instance, gateway.settings.data_dir)
        )
    stored: CollectorRegistry = state.stored_figures
    return stored


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(gateway: TheGateway, stored: Annotated[CollectorRegistry, Depends(_stored)]) -> Response:
    """Give all figures as Prometheus reads them."""
    text = generate_latest(gateway.measures.registry) + generate_latest(stored)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
