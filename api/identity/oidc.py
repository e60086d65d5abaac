"""Sign-in by an OpenID provider: authorization code with PKCE, state and nonce.

The provider says who someone is; whether that someone may come in is decided here, by invitation.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from api.identity.errors import ProviderFailed
from api.log import EventLog
from api.problems import Problem
from api.tracing import outgoing_headers

log = EventLog(__name__)
# Signed with a key that only the provider has: never "none", never a secret that is shared.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
_KEY_TYPES = ("RSA", "EC")
_KNOWN_FOR_S = 3600.0
_SKEW_S = 60


class NotBegunHere(Problem):
    slug = "sign-in-not-begun-here"
    title = "Begin again"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, or it took too long. Try again."
        )


class Attempt(BaseModel):
    """A sign-in that was begun; the browser keeps it in a cookie until it comes back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    nonce: str
    verifier: str
    going_to: str

    @property
    def challenge(self) -> str:
        """The hash of the verifier, by which the provider knows it later (PKCE, S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @classmethod
    def begin(cls, going_to: str) -> "Attempt":
        state, nonce, verifier = (secrets.token_urlsafe(size) for size in (24, 24, 48))
        return cls(state=state, nonce=nonce, verifier=verifier, going_to=going_to)


@dataclass(frozen=True, slots=True)
class Person:
    """Who the provider says it is; an e-mail address only where the provider has verified it."""

    issuer: str
    subject: str
    email: str | None


class _Metadata(BaseModel):
    """What we need of the provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


class Provider:
    """One provider, found by its issuer's address; what it tells of itself is kept an hour."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: str | None, *, timeout_s: float
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout_s = timeout_s
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None
        self._known_until = 0.0

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes to sign in."""
        metadata = await self._discovered()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return metadata.authorization_endpoint + joint + urlencode(query)

    async def person(
        self, attempt: Attempt, redirect_uri: str, *, code: str, state: str, issuer: str | None
    ) -> Person:
        """Who it is that came back with a code, or a Problem."""
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise NotBegunHere()
        if issuer is not None and issuer != self._issuer:
            raise ProviderFailed("The answer came from another provider.")
        token = await self._redeemed(code, attempt, redirect_uri)
        claims = await self._claims(str(token.get("id_token", "")), attempt.nonce)
        verified = claims.get("email_verified") is True
        email = claims.get("email") if verified else None
        return Person(self._issuer, claims["sub"], email if isinstance(email, str) else None)

    async def _redeemed(self, code: str, attempt: Attempt, redirect_uri: str) -> dict[str, Any]:
        """What the provider gives for a code."""
        metadata = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        authorization = httpx.Auth()
        if self._client_secret is not None:
            if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
                # Each is encoded as in a form first (RFC 6749, 2.3.1).
                authorization = httpx.BasicAuth(
                    quote(self._client_id, safe=""), quote(self._client_secret, safe="")
                )
            else:
                form["client_secret"] = self._client_secret
        try:
            async with httpx.AsyncClient(
                timeout=self._timeout_s, headers=outgoing_headers()
            ) as client:
                answer = await client.post(metadata.token_endpoint, data=form, auth=authorization)
                answer.raise_for_status()
                token = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _failed("code_not_taken", error) from error
        return token if isinstance(token, dict) else {}

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        had_keys = self._keys is not None
        try:
            return verified_claims(
                id_token,
                await self._signing_keys(),
                issuer=self._issuer,
                client_id=self._client_id,
                nonce=nonce,
            )
        except (JoseError, ValueError) as error:
            if not had_keys:
                raise _failed("token_refused", error) from error
        # It may be signed with a key that the provider has changed to since.
        self._keys = None
        return await self._claims(id_token, nonce)

    async def _discovered(self) -> _Metadata:
        now = time.monotonic()
        if self._metadata is None or now >= self._known_until:
            self._keys = None
            document = await self._get(
                self._issuer.rstrip("/") + "/.well-known/openid-configuration"
            )
            try:
                metadata = _Metadata.model_validate(document)
            except ValidationError as error:
                raise _failed("discovery_not_understood", error) from error
            if metadata.issuer != self._issuer:
                raise ProviderFailed("The provider says that it is another issuer.")
            self._metadata, self._known_until = metadata, now + _KNOWN_FOR_S
        return self._metadata

    async def _signing_keys(self) -> KeySet:
        if self._keys is None:
            document = await self._get((await self._discovered()).jwks_uri)
            try:
                self._keys = KeySet.import_key_set(
                    {
                        "keys": [
                            key
                            for key in document["keys"]
                            if key["kty"] in _KEY_TYPES and key.get("use", "sig") == "sig"
                        ]
                    }
                )
            except (JoseError, KeyError, TypeError, ValueError) as error:
                raise _failed("keys_not_understood", error) from error
        return self._keys

    async def _get(self, address: str) -> Any:
        try:
            async with httpx.AsyncClient(
                timeout=self._timeout_s, headers=outgoing_headers()
            ) as client:
                answer = await client.get(address)
                answer.raise_for_status()
                return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _failed("provider_away", error) from error


def verified_claims(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of an ID token, or a JoseError (OpenID Connect Core 1.0, 3.1.3.7)."""
    token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
    jwt.JWTClaimsRegistry(
        leeway=_SKEW_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    ).validate(token.claims)
    claims: dict[str, Any] = dict(token.claims)
    if claims.get("azp", client_id) != client_id:
        raise ValueError("The token was made for another client.")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise ValueError("The token is for several, and does not say who asked.")
    return claims


def _failed(event: str, error: Exception) -> ProviderFailed:
    # Its kind alone: the words of an error may hold what was sent.
    log.warning("sign_in_by_provider_failed", step=event, reason=type(error).__name__)
    return ProviderFailed("Try again in a moment; an admin finds the reason in the log.")
