"""What callers show: API keys, known by their hashes, and bearer tokens, verified with a public key."""

import asyncio
import datetime as dt
import hmac
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from asr_pipeline.domain.access import Principal, Scope, key_hash, key_id_of, largest_scope
from asr_pipeline.domain.errors import PipelineError, SettingInvalid
from asr_pipeline.settings import ENVIRONMENT_PREFIX, Settings
from asr_pipeline.storage.api_keys import ApiKey, SqlApiKeys

logger = logging.getLogger(__name__)

FRESH_S = 2.0  # how long a revoked key may still open the gateway
USE_NOTED_EVERY = dt.timedelta(hours=1)
TOKEN_MAX_CHARS, SUBJECT_MAX_CHARS = 8192, 200
CLOCKS_DIFFER_S = 30
RSA_MIN_BITS = 2048


def shown(headers: Headers) -> str | None:
    """Give the key or token that a request shows. `X-API-Key` is for who sits behind another login."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else headers.get("X-API-Key")


class KeyRing:
    """All keys, read anew every two seconds: no request costs a query, and strangers' guesses cost none either."""

    def __init__(self, keys: SqlApiKeys) -> None:
        self._store = keys
        self._keys: Mapping[str, ApiKey] = {}
        self._failure: PipelineError | None = None
        self._read_at_s = float("-inf")
        self._reading = asyncio.Lock()
        self._uses: dict[str, dt.datetime] = {}

    async def keys(self) -> Mapping[str, ApiKey]:
        """Give the keys by id. Raises StoreUnavailable: who can't be known is not let in."""
        if self._is_old():
            async with self._reading:
                if self._is_old():
                    await self._read()
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # which would grow with every request
        return self._keys

    async def principal(self, key: str) -> Principal | None:
        """Give whose key it is; None for one that opens nothing."""
        found = (await self.keys()).get(key_id_of(key) or "")
        now = dt.datetime.now(dt.UTC)
        if found is None or not hmac.compare_digest(key_hash(key), found.key_sha256) or not found.is_valid(now):
            return None
        await self._note_use(found, now)
        return Principal(f"key {found.key_id} {found.name}", found.scope)

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at_s > FRESH_S

    async def _read(self) -> None:
        try:
            self._keys = {key.key_id: key for key in await run_in_threadpool(self._store.all)}
            self._failure = None
        except PipelineError as error:
            self._failure = error
        self._read_at_s = time.monotonic()

    async def _note_use(self, key: ApiKey, now: dt.datetime) -> None:
        last = self._uses.get(key.key_id) or key.last_used_at
        if last is not None and now - last < USE_NOTED_EVERY:
            return
        self._uses[key.key_id] = now
        try:
            await run_in_threadpool(self._store.note_use, key.key_id, now)
        except PipelineError as error:
            logger.warning("The use of key %s was not noted: %s", key.key_id, error)


class Tokens:
    """Bearer tokens (JWT) that a login service signs. Their algorithm is the key's: what a token says is not asked."""

    def __init__(self, key: RSAPublicKey | Ed25519PublicKey, issuer: str, audience: str) -> None:
        self._key, self._issuer, self._audience = key, issuer, audience
        self._algorithm = "RS256" if isinstance(key, RSAPublicKey) else "EdDSA"

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Make it of the settings; None where they name no key. Raises SettingInvalid."""
        if settings.jwt_public_key is None:
            return None
        return cls(_read_key(settings.jwt_public_key), settings.jwt_issuer or "", settings.jwt_audience or "")

    def principal(self, token: str) -> Principal | None:
        """Give whom a token is about; None for one that opens nothing."""
        if len(token) > TOKEN_MAX_CHARS:
            return None
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=CLOCKS_DIFFER_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):  # strangers write what they like
            return None
        subject, scope = claims["sub"], claims.get("scope")
        granted = largest_scope(scope) if isinstance(scope, str) else None
        if granted is None or not subject.isprintable() or not 0 < len(subject) <= SUBJECT_MAX_CHARS:
            return None
        return Principal(f"token {subject}", granted)


class Door:
    """Who is known, and whether anybody need be."""

    def __init__(self, ring: KeyRing, tokens: Tokens | None) -> None:
        self._ring, self._tokens = ring, tokens
        self.has_no_keys = False  # as it was found last

    async def needs_nothing(self) -> bool:
        """Tell whether there is nothing that callers could show. A key that was revoked counts: it shuts for good."""
        self.has_no_keys = self._tokens is None and not await self._ring.keys()
        return self.has_no_keys

    async def principal(self, text: str) -> Principal | None:
        """Give whom a key or token stands for; None for what opens nothing."""
        if key_id_of(text) is not None:
            return await self._ring.principal(text)
        return None if self._tokens is None else self._tokens.principal(text)


LOCAL = Principal("local", Scope.ADMIN)  # whoever sits at this machine, as long as there are no keys


def _read_key(path: Path) -> RSAPublicKey | Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise _unfit(path, str(error)) from error
    if isinstance(key, RSAPublicKey) and key.key_size >= RSA_MIN_BITS:
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise _unfit(path, type(key).__name__)


def _unfit(path: Path, found: str) -> SettingInvalid:
    return SettingInvalid(
        f"{ENVIRONMENT_PREFIX}JWT_PUBLIC_KEY",
        expected=f"a PEM file of an Ed25519 public key, or of an RSA one of at least {RSA_MIN_BITS} bits",
        found=f"{path}: {found}",
        remedy="Get the public key from the service that issues the tokens.",
    )
