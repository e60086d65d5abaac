"""People and machines as an admin keeps them, and as they keep themselves."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from db.connect import API_ROLE, connect
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import execute, query, row, shared_shop
from tests.serving import PASSWORD, let_in, serving

GOOD, BETTER = "tusk-lantern-orbit-velvet", "marble-otter-quarry-sonnet"


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[tuple[str, str]]:
    """The address of a served shop with an admin, and of its database."""
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url) as address:
            yield address, database_url


@pytest.fixture(scope="module")
def admin(shop: tuple[str, str]) -> Iterator[httpx.Client]:
    with signed_in(shop[0], "admin", PASSWORD) as client:
        yield client


def token(address: str, username: str, password: str) -> httpx.Response:
    return httpx.post(
        f"{address}/v1/token", json={"username": username, "password": password}, timeout=30
    )


def signed_in(address: str, username: str, password: str = GOOD) -> httpx.Client:
    return carrying(address, token(address, username, password).json()["token"])


def carrying(address: str, secret: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=address, headers=headers, timeout=30)


def invite(admin: httpx.Client, username: str, **fields: Any) -> httpx.Response:
    return admin.post(
        "/v1/users", json={"username": username, "role": "staff", "password": GOOD, **fields}
    )


def change(admin: httpx.Client, username: str, **fields: Any) -> httpx.Response:
    tag = admin.get(f"/v1/users/{username}").headers["etag"]
    return admin.patch(f"/v1/users/{username}", json=fields, headers={"If-Match": tag})


def test_a_user_is_made_once_however_often_it_is_asked_for(admin: httpx.Client) -> None:
    first, again = invite(admin, "once"), invite(admin, "once")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.headers["location"] == "/v1/users/once"
    assert "password" not in first.text
    for other in ({"password": BETTER}, {"role": "manager"}, {"sites": ["near"]}):
        assert invite(admin, "once", **other).status_code == 409
    assert invite(admin, "ONCE").status_code == 409


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"password": "too short"}, "#/password"),
        ({"password": "weakling weakling"}, "#/password"),
        ({"sites": ["nowhere"]}, "#/sites"),
        ({"sites": []}, "#/sites"),
        ({"sites": ["near"], "role": "admin"}, "#/sites"),
        ({"role": "device"}, "#/role"),
        ({"email": "no address"}, "#/email"),
    ],
)
def test_a_user_that_cannot_be_is_refused_by_field(
    admin: httpx.Client, fields: dict[str, Any], pointer: str
) -> None:
    answer = invite(admin, "weakling", **fields)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert admin.get("/v1/users/weakling").status_code == 404


def test_a_change_names_the_version_that_was_read(admin: httpx.Client) -> None:
    invite(admin, "versioned")
    path = "/v1/users/versioned"
    assert admin.patch(path, json={"role": "viewer"}).status_code == 428
    stale = admin.patch(path, json={"role": "viewer"}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    changed = change(admin, "versioned", role="manager", sites=["far", "near"])
    assert changed.json()["sites"] == ["far", "near"]
    assert changed.headers["etag"] == '"2"'


def test_whoever_is_disabled_is_out_at_once_and_may_come_back(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    invite(admin, "leaving")
    with signed_in(shop[0], "leaving") as leaving:
        assert leaving.get("/v1/products").status_code == 200
        assert change(admin, "leaving", disabled=True).json()["disabled"] is True
        assert leaving.get("/v1/products").status_code == 401
        assert token(shop[0], "leaving", GOOD).status_code == 401
        assert change(admin, "leaving", disabled=False).status_code == 200
        assert leaving.get("/v1/products").status_code == 401
    assert token(shop[0], "leaving", GOOD).status_code == 200


def test_a_role_and_its_sites_change_at_once(shop: tuple[str, str], admin: httpx.Client) -> None:
    invite(admin, "moving", role="viewer")
    with signed_in(shop[0], "moving") as moving:
        assert moving.get("/v1/locations/FAR-01").status_code == 200
        change(admin, "moving", sites=["near"])
        assert moving.get("/v1/locations/FAR-01").status_code == 404
        assert moving.post("/v1/inventory-events", json=row()).status_code == 403
        change(admin, "moving", role="staff")
        assert moving.post("/v1/inventory-events", json=row()).status_code == 201


def test_the_last_admin_stays_one(admin: httpx.Client) -> None:
    for fields in ({"role": "manager"}, {"disabled": True}):
        assert change(admin, "admin", **fields).status_code == 409
    assert admin.delete("/v1/users/admin/personal-data").status_code == 409
    invite(admin, "second-admin", role="admin")
    assert change(admin, "second-admin", role="manager").status_code == 200


def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    invite(admin, "changing")
    with signed_in(shop[0], "changing") as here, signed_in(shop[0], "changing") as there:
        wrong = {"old_password": BETTER, "password": BETTER}
        assert here.put("/v1/password", json=wrong).status_code == 401
        weak = {"old_password": GOOD, "password": "changing changing"}
        assert here.put("/v1/password", json=weak).status_code == 422
        right = {"old_password": GOOD, "password": BETTER}
        assert here.put("/v1/password", json=right).status_code == 204
        assert here.get("/v1/products").status_code == 200
        assert there.get("/v1/products").status_code == 401
    assert token(shop[0], "changing", GOOD).status_code == 401
    assert token(shop[0], "changing", BETTER).status_code == 200


def test_an_admin_gives_a_new_password(shop: tuple[str, str], admin: httpx.Client) -> None:
    invite(admin, "forgetful")
    with signed_in(shop[0], "forgetful") as forgetful:
        path = "/v1/users/forgetful/password"
        assert admin.put(path, json={"password": "forgetful12345"}).status_code == 422
        assert admin.put(path, json={"password": BETTER}).status_code == 204
        assert forgetful.get("/v1/products").status_code == 401
    assert token(shop[0], "forgetful", BETTER).status_code == 200


def test_sessions_are_listed_and_ended_one_by_one_or_all(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    invite(admin, "everywhere")
    clients = [signed_in(shop[0], "everywhere") for _ in range(3)]
    here, there, elsewhere = clients
    listed = here.get("/v1/sessions").json()["items"]
    assert [session["is_current"] for session in listed].count(True) == 1
    assert len(listed) == 3
    assert all(session["client"].startswith("python-httpx") for session in listed)
    [its] = [it for it in there.get("/v1/sessions").json()["items"] if it["is_current"]]
    for _ in range(2):
        assert here.delete(f"/v1/sessions/{its['session_id']}").status_code == 204
    assert there.get("/v1/sessions").status_code == 401
    assert len(admin.get("/v1/sessions?user=everywhere").json()["items"]) == 2
    assert here.get("/v1/sessions?user=admin").status_code == 403
    assert admin.delete("/v1/sessions?user=everywhere").status_code == 204
    assert {client.get("/v1/sessions").status_code for client in (here, elsewhere)} == {401}
    for client in clients:
        client.close()


def test_the_session_of_another_cannot_be_ended(shop: tuple[str, str], admin: httpx.Client) -> None:
    invite(admin, "nosy")
    [its, *_] = admin.get("/v1/sessions").json()["items"]
    with signed_in(shop[0], "nosy") as nosy:
        nosy.delete(f"/v1/sessions/{its['session_id']}")
    assert admin.get("/v1/products").status_code == 200


def test_personal_data_are_erased_and_events_stay(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    address, database_url = shop
    invite(admin, "jane.doe", full_name="Jane Doe", email="jane.doe@example.com")
    change(admin, "jane.doe", email="jane@example.com")
    with signed_in(address, "jane.doe") as jane:
        recorded = jane.post("/v1/inventory-events", json=row()).json()["event_id"]
        # and: a message as an earlier version wrote it
        told = (
            """insert into alerts.outbox (kind, payload) values ('digest', '{"by": "jane.doe"}')"""
        )
        execute(database_url, told)
        for _ in range(2):
            assert admin.delete("/v1/users/jane.doe/personal-data").status_code == 204
        assert jane.get("/v1/products").status_code == 401
    assert admin.get(f"/v1/inventory-events/{recorded}").status_code == 200
    assert admin.get("/v1/users/jane.doe").status_code == 404
    assert token(address, "jane.doe", GOOD).status_code == 401
    assert "jane" not in admin.get("/v1/identity-audit?limit=1000").text.lower()
    kept = query(
        database_url,
        "select to_jsonb(users)::text from identity.users"
        " union all select to_jsonb(audit)::text from identity.audit"
        " union all select to_jsonb(sessions)::text from identity.sessions"
        " union all select to_jsonb(outbox)::text from alerts.outbox"
        " union all select to_jsonb(inventory_events)::text from ledger.inventory_events",
    )
    assert not any("jane" in text.lower() for (text,) in kept)
    assert invite(admin, "jane.doe").status_code == 201


def test_a_device_key_reaches_its_scopes_and_its_sites_and_ends(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    address, database_url = shop
    made = admin.post(
        "/v1/devices",
        json={"name": "scanner", "scopes": ["record"], "sites": ["near"]},
    )
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert admin.post("/v1/devices", json={"name": "scanner"}).status_code == 409
    with carrying(address, made.json()["key"]) as scanner:
        assert scanner.post("/v1/inventory-events", json=row()).status_code == 201
        assert scanner.get("/v1/stock-levels").status_code == 403
        shown = admin.get("/v1/devices/scanner").json()
        assert (shown["scopes"], shown["sites"]) == (["record"], ["near"])
        assert shown["last_used_at"] is not None
        assert made.json()["key"] not in admin.get("/v1/devices").text
        renewed = admin.post("/v1/devices/scanner/key").json()["key"]
        assert scanner.post("/v1/inventory-events", json=row()).status_code == 401
    with carrying(address, renewed) as scanner:
        assert scanner.post("/v1/inventory-events", json=row()).status_code == 201
        for _ in range(2):
            assert admin.delete("/v1/devices/scanner").status_code == 204
        assert scanner.post("/v1/inventory-events", json=row()).status_code == 401
    short = {"name": "temporary", "expires_at": "2999-01-01T00:00:00Z"}
    key = admin.post("/v1/devices", json=short).json()["key"]
    execute(
        database_url,
        "update identity.device_keys set expires_at = now() - interval '1 second'"
        " where name = 'temporary'",
    )
    with carrying(address, key) as temporary:
        answer = temporary.get("/v1/products")
        assert answer.status_code == 401
        assert answer.json()["type"].endswith("expired-token")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["all"]}, "#/scopes/0"),
        ({"sites": ["nowhere"]}, "#/sites"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "#/expires_at"),
        ({"name": "a/b"}, "#/name"),
    ],
)
def test_a_device_that_cannot_be_is_refused_by_field(
    admin: httpx.Client, fields: dict[str, Any], pointer: str
) -> None:
    answer = admin.post("/v1/devices", json={"name": "impossible", **fields})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_who_changed_what_of_whom_is_on_record_for_good(
    shop: tuple[str, str], admin: httpx.Client
) -> None:
    invite(admin, "watched")
    change(admin, "watched", role="manager", sites=["near"], full_name="W. Atched")
    page = admin.get("/v1/identity-audit?limit=2").json()
    changed, created = page["items"]
    assert (changed["action"], changed["name"]) == ("user_changed", "watched")
    assert changed["changed_by"] == "admin"
    assert changed["changes"] == {
        "role": ["staff", "manager"],
        "sites": [None, ["near"]],
        "full_name": None,
    }
    assert created["action"] == "user_created"
    older = admin.get(f"/v1/identity-audit?cursor={page['next_cursor']}").json()["items"]
    assert older[0]["audit_id"] < created["audit_id"]
    with connect(shop[1], role=API_ROLE) as connection:
        for statement in (b"delete from identity.audit", b"update identity.audit set action = ''"):
            with pytest.raises(Exception, match="permission denied"):
                connection.execute(statement)
            connection.rollback()


def test_wrong_passwords_are_slowed_down_whoever_they_are_for(
    postgres: EmbeddedPostgres, template: str
) -> None:
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        limits = {"sign_in": {"tries_per_hour_of_account_at_address": 2}}
        with serving(database_url, **limits) as address:
            answers = {
                name: [token(address, name, "not it") for _ in range(3)]
                for name in ("admin", "nobody")
            }
            assert token(address, "admin", PASSWORD).status_code == 429
    for tries in answers.values():
        assert [answer.status_code for answer in tries] == [401, 401, 429]
        assert int(tries[-1].headers["Retry-After"]) <= 1800
    assert answers["admin"][-1].json() == answers["nobody"][-1].json()


def test_one_key_may_send_so_much_and_no_more(postgres: EmbeddedPostgres, template: str) -> None:
    slow = {"requests_per_second_and_key": 0.001, "requests_at_once_and_key": 3}
    with (
        shared_shop(postgres, template) as (database_url, key),
        serving(database_url, **slow) as address,
        carrying(address, key) as till,
    ):
        statuses = [till.get("/v1/products").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = till.post("/v1/inventory-events", json=row())
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 1
        assert refused.headers["Content-Type"] == "application/problem+json"
