"""No secret is in a log, whoever sends it and wherever it goes wrong."""

import logging
from urllib.parse import urlsplit

import httpx
import pytest

from api.log import JsonFormatter
from tests.integration.ledger_shop import furnish, row
from tests.serving import PASSWORD, browser, let_in, serving

WRONG_PASSWORD = "wrong-but-somebodys-elsewhere"
NEW_PASSWORD = "tusk-lantern-orbit-velvet"
CLIENT_SECRET = "the-secret-of-the-oidc-client"
WRONG_DATABASE_PASSWORD = "not-the-password-of-the-database"


def test_a_walk_through_everything_that_takes_a_secret_logs_none(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # the client is the test's own
    key = furnish(database_url)
    let_in(database_url)
    parts = urlsplit(database_url)
    assert parts.password
    elsewhere = database_url.replace(parts.password, WRONG_DATABASE_PASSWORD)
    settings = {
        "log_level": "DEBUG",
        "log_requests": True,
        "oidc_issuer": "http://127.0.0.1:9",
        "oidc_client_id": "parstock",
        "oidc_client_secret": CLIENT_SECRET,
    }
    secrets = {key, PASSWORD, WRONG_PASSWORD, NEW_PASSWORD, CLIENT_SECRET, parts.password}
    with serving(database_url, **settings) as address:
        secrets |= walk(address, key)
    with serving(elsewhere, **settings) as address:
        secrets |= {WRONG_DATABASE_PASSWORD}
        assert walk_without_a_database(address, key) == {503}
    logged = "\n".join(map(JsonFormatter().format, caplog.records))
    assert len(logged) > 1000
    assert "database_away" in logged
    for secret in secrets:
        assert secret not in logged


def walk(address: str, key: str) -> set[str]:
    """Use every door, rightly and wrongly; answers the secrets that were made on the way."""
    bearer = {"Authorization": f"Bearer {key}"}
    visitor = browser(address)
    with visitor.client, httpx.Client(base_url=address, timeout=30) as client:
        for password in (WRONG_PASSWORD, PASSWORD):
            visitor.sign_in(password=password)
            client.post("/v1/token", json={"username": "admin", "password": password})
        issued = client.post("/v1/token", json={"username": "admin", "password": PASSWORD})
        token = issued.json()["token"]
        session = visitor.client.cookies["parstock_session"]
        client.post("/v1/inventory-events", json=row(), headers=bearer)
        client.post("/v1/inventory-events", content=key, headers=bearer)
        client.get("/v1/users", headers=bearer)
        client.get("/v1/products", headers={"Authorization": f"Bearer {key}x"})
        client.headers["Authorization"] = f"Bearer {token}"
        wrong = {"old_password": WRONG_PASSWORD, "password": NEW_PASSWORD}
        client.put("/v1/password", json=wrong)
        client.post("/v1/users", json={"username": 1, "password": NEW_PASSWORD})
        made = {"username": "someone", "role": "viewer", "password": NEW_PASSWORD}
        assert client.post("/v1/users", json=made).status_code == 201
        till = client.post("/v1/devices", json={"name": "till-2"}).json()["key"]
        visitor.get("/sign-in/provider")
        form_token = visitor.token()
        visitor.post("/sign-out")
    return {token, session, till, form_token}


def walk_without_a_database(address: str, key: str) -> set[int]:
    with httpx.Client(base_url=address, timeout=30) as client:
        known = {"username": "admin", "password": PASSWORD}
        return {
            client.get("/readyz").status_code,
            client.post("/v1/token", json=known).status_code,
            client.get("/v1/products", headers={"Authorization": f"Bearer {key}"}).status_code,
        }
