"""`asr-pipeline serve`: the HTTP gateway over the data folder."""

import datetime as dt
import signal
import sys
from typing import Annotated

import typer

from asr_pipeline.cli.console import output
from asr_pipeline.cli.ports import require_free
from asr_pipeline.settings import Settings, load_settings

LARGEST_MESSAGE_BYTES = 2**20  # of a WebSocket: more is not even read
LAST_REQUESTS_S = 20  # what a request under way is given to end once the gateway is to stop


def serve(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve uploads, translations and subtitles over HTTP, until Ctrl-C.

    Example: `asr-pipeline serve --port 8001`
    """
    import uvicorn  # noqa: PLC0415 - `--help` should not wait for engines

    from asr_pipeline.api.app import create_app  # noqa: PLC0415
    from asr_pipeline.api.binding import require_safe_binding  # noqa: PLC0415
    from asr_pipeline.api.gateway import open_gateway  # noqa: PLC0415
    from asr_pipeline.api.server import GatewayServer  # noqa: PLC0415
    from asr_pipeline.wiring.logs import set_up_logs  # noqa: PLC0415

    settings = load_settings()
    require_safe_binding(host, has_keys=_has_keys(settings))
    require_free("serve", host, port)
    set_up_logs(settings.log_format)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leaves by the ways out below, which close everything
    with open_gateway(settings) as gateway:
        config = uvicorn.Config(
            create_app(gateway),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
            timeout_graceful_shutdown=LAST_REQUESTS_S,
            ws_max_size=LARGEST_MESSAGE_BYTES,
        )
        output.print(f"Gateway: [bold]http://{host}:{port}[/]   (Ctrl-C stops it)", highlight=False)
        GatewayServer(config).run()


def _has_keys(settings: Settings) -> bool:
    """Tell whether callers can show who they are."""
    from asr_pipeline.storage.api_keys import SqlApiKeys  # noqa: PLC0415 - as above
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    if settings.jwt_public_key is not None:
        return True
    with open_storage(settings) as storage:
        return any(key.is_valid(dt.datetime.now(dt.UTC)) for key in SqlApiKeys(storage.database).all())
