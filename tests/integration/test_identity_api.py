"""Who may come in, and what they may do."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.database import make_pool
from api.deps import SESSION_COOKIE, Role
from api.identity.errors import NameTaken, TooManySignIns, WrongCredentials
from api.identity.passwords import PasswordChecks
from api.identity.service import create_device_key, ensure_admin, system_actor
from api.identity.sessions import sign_in, sign_out
from tests.integration.ledger_shop import execute, furnish, query, row
from tests.serving import PASSWORD, let_in, serving, with_token


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    let_in(database_url)
    with serving(database_url, PARSTOCK_ACTORS_FOR_S=0, actors_for_s=0) as served:
        yield served


def token(address: str, username: str, password: str) -> httpx.Response:
    return httpx.post(
        f"{address}/v1/token", json={"username": username, "password": password}, timeout=30
    )


def get(address: str, secret: str, path: str = "/v1/products") -> httpx.Response:
    return httpx.get(f"{address}{path}", headers={"Authorization": f"Bearer {secret}"}, timeout=30)


def call(database_url: str, function: Any, *arguments: Any, **named: Any) -> Any:
    async def run() -> Any:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            return await function(connection, *arguments, **named)

    return asyncio.run(run())


def test_the_right_password_gets_a_token_that_opens_the_api(address: str) -> None:
    answer = token(address, "admin", PASSWORD)
    assert answer.status_code == 200
    assert {*answer.json()} == {"token", "expires_at"}
    assert get(address, answer.json()["token"]).status_code == 200


def test_a_wrong_password_and_a_wrong_name_are_told_alike(address: str) -> None:
    wrong_password = token(address, "admin", "not-it")
    wrong_name = token(address, "nobody", "not-it")
    assert wrong_password.status_code == wrong_name.status_code == 401
    assert wrong_password.json() == wrong_name.json()
    assert wrong_password.headers["Content-Type"] == "application/problem+json"
    assert wrong_password.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_name_takes_as_long_as_a_wrong_password(database_url: str) -> None:
    let_in(database_url)

    def seconds(username: str) -> float:
        began = time.perf_counter()
        with pytest.raises(WrongCredentials):
            call(database_url, sign_in, username, "not-it", "token")
        return time.perf_counter() - began

    # Turn by turn, so that what else this machine does slows down both.
    tries = [(seconds("admin"), seconds("nobody")) for _ in range(5)]
    known, unknown = (min(column) for column in zip(*tries, strict=True))
    assert unknown > known / 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/username"),
        ({"username": "a", "password": ""}, "#/password"),
        ({"username": "a\x00", "password": "b"}, "#/username"),
        ({"username": "a", "password": "b", "otp": 1}, "#/otp"),
        ({"username": 1, "password": "b"}, "#/username"),
        ([], "#"),
    ],
)
def test_credentials_that_cannot_be_are_named(address: str, body: Any, pointer: str) -> None:
    answer = httpx.post(f"{address}/v1/token", json=body, timeout=30)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert PASSWORD not in answer.text


def test_an_expired_token_is_told_so(address: str, database_url: str) -> None:
    issued = token(address, "admin", PASSWORD).json()["token"]
    execute(database_url, "update identity.sessions set expires_at = now() - interval '1 second'")
    answer = get(address, issued)
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("expired-token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Cookie": f"{SESSION_COOKIE}=nonsense"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/products"),
        ("POST", "/v1/products"),
        ("POST", "/v1/inventory-events"),
        ("POST", "/v1/inventory-events/batch"),
        ("GET", "/v1/inventory-events"),
        ("GET", "/v1/stock-levels"),
        ("GET", "/v1/alerts"),
        ("GET", "/v1/restock-plan"),
        ("GET", "/v1/forecasts"),
        ("GET", "/v1/summary"),
        ("GET", "/openapi.json"),
    ],
)
def test_nothing_is_told_without_a_key(
    everyones_address: str, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = httpx.request(
        method,
        everyones_address + path,
        headers=headers,
        json={} if method == "POST" else None,
        timeout=30,
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.fixture(scope="module")
def everyones_address(postgres: Any, template: str) -> Iterator[str]:
    postgres.create_database("parstock_locked", template=template)
    with serving(postgres.url("parstock_locked")) as served:
        yield served


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/sign-in"])
def test_what_is_open_needs_no_key(everyones_address: str, path: str) -> None:
    assert httpx.get(everyones_address + path, timeout=30).status_code == 200


def test_a_device_key_is_shown_once_and_kept_as_a_hash(database_url: str, address: str) -> None:
    key = call(database_url, create_device_key, "till-1")
    assert get(address, key).status_code == 200
    [(kept,)] = query(database_url, "select key_hash from identity.device_keys")
    assert key.encode() not in kept
    with pytest.raises(NameTaken):
        call(database_url, create_device_key, "till-1")
    execute(database_url, "update identity.device_keys set revoked_at = now()")
    assert get(address, key).status_code == 401


@pytest.mark.parametrize(
    ("role", "reads", "records", "edits"),
    [
        (Role.VIEWER, 200, 403, 403),
        (Role.STAFF, 200, 201, 403),
        (Role.MANAGER, 200, 201, 201),
        (Role.ADMIN, 200, 201, 201),
    ],
)
def test_each_role_of_the_ladder_may_do_what_those_before_it_may(
    database_url: str, role: Role, reads: int, records: int, edits: int
) -> None:
    furnish(database_url)
    username = "admin" if role is Role.ADMIN else "someone"
    let_in(database_url, username, role)
    with serving(database_url) as served, with_token(served, username) as client:
        assert client.get("/v1/stock-levels").status_code == reads
        assert client.post("/v1/inventory-events", json=row()).status_code == records
        batch = client.post("/v1/inventory-events/batch", json={"events": []})
        assert batch.status_code == (200 if records == 201 else 403)
        made = client.post("/v1/suppliers", json={"code": "s", "name": "S"})
        assert made.status_code == edits


def test_a_disabled_user_is_out_at_once(address: str, database_url: str) -> None:
    issued = token(address, "admin", PASSWORD).json()["token"]
    execute(database_url, "update identity.users set disabled_at = now()")
    assert get(address, issued).status_code == 401
    assert token(address, "admin", PASSWORD).status_code == 401


def test_the_first_user_is_the_admin_and_the_password_that_is_given_works(
    database_url: str,
) -> None:
    made = call(database_url, ensure_admin, None)
    assert made is not None
    assert call(database_url, sign_in, "admin", made, "token").token
    assert call(database_url, ensure_admin, None) is None
    assert call(database_url, ensure_admin, "another-password") is None
    assert call(database_url, sign_in, "ADMIN", "another-password", "page").token
    assert query(database_url, "select username, role::text from identity.users") == [
        ("admin", "admin")
    ]
    with pytest.raises(WrongCredentials):
        call(database_url, sign_in, "admin", made, "token")
    assert query(database_url, "select count(*) from identity.users") == [(1,)]


def test_parts_that_start_at_the_same_moment_make_one_admin(database_url: str) -> None:
    async def both() -> None:
        pool = make_pool(database_url, size=4, connect_timeout_s=10, statement_timeout_s=10)

        async def one() -> str | None:
            async with pool.acquire() as connection:
                return await ensure_admin(connection, None)

        async with pool:
            made = await asyncio.gather(*(one() for _ in range(4)))
        assert sum(password is not None for password in made) == 1

    asyncio.run(both())


def test_a_signed_out_session_is_over(address: str, database_url: str) -> None:
    session = call(database_url, sign_in, "admin", PASSWORD, "page")
    cookie = {"Cookie": f"{SESSION_COOKIE}={session.token}"}
    assert httpx.get(f"{address}/v1/products", headers=cookie, timeout=30).status_code == 200
    call(database_url, sign_out, session.token)
    assert httpx.get(f"{address}/v1/products", headers=cookie, timeout=30).status_code == 401


def test_a_system_actor_is_made_once(database_url: str) -> None:
    async def many() -> None:
        pool = make_pool(database_url, size=4, connect_timeout_s=10, statement_timeout_s=10)

        async def one() -> int:
            async with pool.acquire() as connection:
                return await system_actor(connection, "simulation")

        async with pool:
            assert len({*await asyncio.gather(*(one() for _ in range(8)))}) == 1

    asyncio.run(many())


def test_password_checks_are_bounded() -> None:
    async def many() -> None:
        checks, over = PasswordChecks(at_once=1, waiting=2), threading.Event()
        slow = [asyncio.create_task(checks.run(over.wait, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooManySignIns):
            await checks.run(over.wait, 0)
        over.set()
        await asyncio.gather(*slow)
        await checks.run(over.wait, 0)

    asyncio.run(many())
