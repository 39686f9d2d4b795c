"""The middleware that every request passes, in its order."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from asr_pipeline.api.auditing import Audit
from asr_pipeline.api.credentials import LOCAL, Door, KeyRing, Tokens
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.headers import SecurityHeaders
from asr_pipeline.api.limits import Bodies, Concurrency, RateLimit
from asr_pipeline.api.request_ids import HEADER, RequestIds
from asr_pipeline.api.request_log import RequestLog
from asr_pipeline.api.security import Access, principal_of, subnet_of
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline.storage.audit import SqlAuditLog

KEY_RATE, ADDRESS_RATE = "1200/minute", "2400/minute"
_ASKED_WITH = ["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", HEADER]
_TOLD = [HEADER, "ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "Location"]


def guard(app: FastAPI, gateway: Gateway) -> None:
    """Put the middleware around an app. What is added first is the innermost. Raises SettingInvalid."""
    settings, database = gateway.settings, gateway.pipeline.database
    door = Door(KeyRing(SqlApiKeys(database)), Tokens.of(settings))

    def key(scope: Scope) -> str | None:
        principal = principal_of(scope)
        is_free = principal is None or (principal is LOCAL and settings.rate_limit_key is None)
        return None if is_free or principal is None else principal.name

    def address(scope: Scope) -> str | None:
        client = scope.get("client")
        is_free = client is None or (door.has_no_keys and settings.rate_limit_address is None)
        return None if is_free or client is None else subnet_of(client[0])

    app.add_middleware(Bodies, most_bytes=settings.request_max_bytes, min_bytes_per_s=settings.body_min_bytes_per_s)
    app.add_middleware(RateLimit, policy="key", rate=settings.rate_limit_key or KEY_RATE, who=key)
    app.add_middleware(Access, door=door, origins=settings.cors_origins)
    app.add_middleware(Audit, log=SqlAuditLog(database, settings.audit_keep_days))
    app.add_middleware(RateLimit, policy="address", rate=settings.rate_limit_address or ADDRESS_RATE, who=address)
    app.add_middleware(Concurrency, most=settings.concurrent_requests_max)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_ASKED_WITH,
            expose_headers=_TOLD,
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)
    app.add_middleware(RequestIds)
