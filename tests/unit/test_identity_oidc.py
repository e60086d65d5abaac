"""What an ID token must be, by OpenID Connect Core 1.0, 3.1.3.7."""

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from api.identity.oidc import verified_claims

ISSUER, CLIENT, NONCE = "https://id.example", "parstock", "once"
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
KEYS = KeySet([KEY])


def token(key: Any = KEY, algorithm: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "248289761001",
        "nonce": NONCE,
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, kept, key, algorithms=[algorithm])


def verify(id_token: str) -> dict[str, Any]:
    return verified_claims(id_token, KEYS, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)


def test_a_token_of_the_provider_for_us_and_for_this_sign_in_is_taken() -> None:
    assert verify(token())["sub"] == "248289761001"
    assert verify(token(aud=[CLIENT]))["sub"] == "248289761001"
    assert verify(token(aud=[CLIENT, "another"], azp=CLIENT))["sub"] == "248289761001"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_any_other_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((JoseError, ValueError)):
        verify(token(**changes))


def test_a_token_that_another_key_signed_is_refused() -> None:
    for kid in ("first", "second"):
        stranger = RSAKey.generate_key(2048, {"kid": kid})
        with pytest.raises((JoseError, ValueError)):
            verify(token(stranger))


def test_a_token_without_a_signature_or_signed_with_a_shared_secret_is_refused() -> None:
    header, claims, _ = token().split(".")
    unsigned = "eyJhbGciOiJub25lIn0." + claims + "."
    shared = OctKey.import_key("a secret that is not the provider's alone", {"kid": "first"})
    for forged in (unsigned, f"{header}.{claims}.", token(shared, "HS256"), "", "nonsense"):
        with pytest.raises((JoseError, ValueError)):
            verify(forged)


def test_keys_on_curves_are_taken_too() -> None:
    key = ECKey.generate_key("P-256", {"kid": "curve"})
    claims = verified_claims(
        token(key, "ES256"), KeySet([key]), issuer=ISSUER, client_id=CLIENT, nonce=NONCE
    )
    assert claims["nonce"] == NONCE
