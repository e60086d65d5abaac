"""Every route, walked by everyone: who may is declared here, for each route that there is."""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.settings import Settings
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import shared_shop
from tests.serving import hidden, serving

# Who there is: a role, the sites that it is held for, the scopes of a device.
NOBODY, VIEWER, STAFF, MANAGER, ADMIN, OF_ONE_SITE, RECORDING, READING = EVERYONE = (
    *("nobody", "viewer", "staff", "manager", "admin"),
    *("manager of one site", "device that records", "device that reads"),
)
PEOPLE = {VIEWER, STAFF, MANAGER, ADMIN, OF_ONE_SITE}

OPEN = {*EVERYONE}
KNOWN = OPEN - {NOBODY}
READS = PEOPLE | {READING}
RECORDS = PEOPLE - {VIEWER} | {RECORDING}
WRITES_FORMS = PEOPLE - {VIEWER}
MANAGES = {MANAGER, ADMIN, OF_ONE_SITE}
MANAGES_EVERY_SITE = {MANAGER, ADMIN}
ADMINISTERS = {ADMIN}

MAY = {
    "open": OPEN,
    "known": KNOWN,
    "people": PEOPLE,
    "read": READS,
    "record": RECORDS,
    "forms": WRITES_FORMS,
    "manage": MANAGES,
    "manage every site": MANAGES_EVERY_SITE,
    "administer": ADMINISTERS,
}
_TABLE = """
GET /                                            read
GET /alerts                                      read
POST /alerts/{alert_id}/acknowledge              forms
POST /alerts/{alert_id}/confirm                  forms
POST /alerts/{alert_id}/resolve                  forms
POST /alerts/{alert_id}/snooze                   forms
GET /book                                        forms
GET /book/data.json                              forms
GET /catalog                                     read
GET /catalog/barcodes                            read
GET /catalog/barcodes/{code}                     read
POST /catalog/barcodes/{code}                    manage every site
POST /catalog/barcodes/{code}/delete             manage every site
GET /catalog/calendar                            read
GET /catalog/calendar/{site}/{code}              read
POST /catalog/calendar/{site}/{code}             manage
POST /catalog/calendar/{site}/{code}/delete      manage
GET /catalog/changes                             manage every site
GET /catalog/new/barcodes                        manage every site
POST /catalog/new/barcodes                       manage every site
GET /catalog/new/calendar                        manage
POST /catalog/new/calendar                       manage
GET /catalog/new/packs                           manage every site
POST /catalog/new/packs                          manage every site
GET /catalog/new/par-levels                      manage
POST /catalog/new/par-levels                     manage
GET /catalog/new/places                          manage
POST /catalog/new/places                         manage
GET /catalog/new/products                        manage every site
POST /catalog/new/products                       manage every site
GET /catalog/new/sites                           manage every site
POST /catalog/new/sites                          manage every site
GET /catalog/new/suppliers                       manage every site
POST /catalog/new/suppliers                      manage every site
GET /catalog/packs                               read
GET /catalog/packs/{sku}/{pack}                  read
POST /catalog/packs/{sku}/{pack}                 manage every site
POST /catalog/packs/{sku}/{pack}/delete          manage every site
GET /catalog/par-levels                          read
GET /catalog/par-levels/{location}/{sku}         read
POST /catalog/par-levels/{location}/{sku}        manage
POST /catalog/par-levels/{location}/{sku}/delete manage
GET /catalog/places                              read
GET /catalog/places/{code}                       read
POST /catalog/places/{code}                      manage
GET /catalog/products                            read
GET /catalog/products/{sku}                      read
POST /catalog/products/{sku}                     manage every site
GET /catalog/products/{sku}/pictures             manage every site
POST /catalog/products/{sku}/pictures            manage every site
POST /catalog/products/{sku}/pictures/remove     manage every site
GET /catalog/sites                               read
GET /catalog/sites/{code}                        read
POST /catalog/sites/{code}                       manage every site
GET /catalog/suppliers                           read
GET /catalog/suppliers/{code}                    read
POST /catalog/suppliers/{code}                   manage every site
GET /docs                                        known
GET /healthz                                     open
GET /metrics                                     open
GET /openapi.json                                known
GET /orders                                      read
GET /orders/suppliers                            read
GET /orders/{number}                             read
POST /orders/{number}/cancel                     manage
POST /orders/{number}/close                      manage
POST /orders/{number}/expect                     manage
POST /orders/{number}/lines/{line}               manage
POST /orders/{number}/mail                       manage
POST /orders/{number}/receive                    forms
POST /orders/{number}/send                       manage
GET /places/{code:path}                          read
GET /plan                                        read
GET /plan.csv                                    read
GET /plan/approve                                manage
GET /plan/backtest                               read
POST /plan/approve                               manage
POST /plan/{suggestion_id}/dismiss               manage
GET /products/{sku:path}                         read
GET /readyz                                      open
GET /record                                      read
GET /record/{kind}                               read
POST /record/{kind}                              forms
GET /recorded/{event_id}                         read
POST /recorded/{event_id}/undo                   forms
GET /sign-in                                     open
POST /sign-in                                    open
GET /sign-in/provider                            open
GET /sign-in/provider/back                       open
POST /sign-out                                   open
GET /slack/link                                  read
POST /slack/link                                 forms
POST /slack/commands                             open
POST /slack/interactivity                        open
GET /stock                                       read
GET /sw.js                                       open
GET /v1/alerts                                   read
POST /v1/alerts/{alert_id}/acknowledge           record
POST /v1/alerts/{alert_id}/confirm               record
POST /v1/alerts/{alert_id}/resolve               record
POST /v1/alerts/{alert_id}/snooze                record
GET /v1/backtests                                read
GET /v1/barcodes                                 read
POST /v1/barcodes                                manage every site
POST /v1/barcodes/batch                          manage every site
DELETE /v1/barcodes/{code}                       manage every site
GET /v1/barcodes/{code}                          read
PATCH /v1/barcodes/{code}                        manage every site
PUT /v1/barcodes/{code}                          manage every site
GET /v1/calendar-events                          read
POST /v1/calendar-events                         manage
POST /v1/calendar-events/batch                   manage
GET /v1/changes                                  manage every site
GET /v1/count-requests                           read
GET /v1/count-sessions                           read
GET /v1/count-sessions/{count_session_id}        read
PUT /v1/count-sessions/{count_session_id}        manage
POST /v1/count-sessions/{count_session_id}/approve manage
POST /v1/count-sessions/{count_session_id}/cancel manage
GET /v1/count-sessions/{count_session_id}/levels read
GET /v1/count-sessions/{count_session_id}/levels.csv read
GET /v1/count-sessions/{count_session_id}/lines  read
DELETE /v1/count-sessions/{count_session_id}/lines/{line_id} record
PUT /v1/count-sessions/{count_session_id}/lines/{line_id} record
POST /v1/count-sessions/{count_session_id}/recount manage
POST /v1/count-sessions/{count_session_id}/submit record
GET /v1/devices                                  administer
POST /v1/devices                                 administer
DELETE /v1/devices/{name}                        administer
GET /v1/devices/{name}                           administer
POST /v1/devices/{name}/key                      administer
GET /v1/exports/{kind}.{file_format}             manage every site
GET /v1/forecast-accuracy                        read
GET /v1/forecast-totals                          read
GET /v1/forecasts                                read
GET /v1/identity-audit                           administer
GET /v1/import-mappings                          manage every site
DELETE /v1/import-mappings/{name:path}           manage every site
GET /v1/import-mappings/{name:path}              manage every site
PUT /v1/import-mappings/{name:path}              manage every site
GET /v1/imports                                  manage every site
POST /v1/imports                                 manage every site
GET /v1/imports/{import_id}                      manage every site
GET /v1/imports/{import_id}/rejected             manage every site
GET /v1/inventory-events                         read
POST /v1/inventory-events                        record
POST /v1/inventory-events/batch                  record
GET /v1/inventory-events/stream                  read
GET /v1/inventory-events/{event_id}              read
GET /v1/locations                                read
POST /v1/locations                               manage
POST /v1/locations/batch                         manage
GET /v1/locations/{code}                         read
PATCH /v1/locations/{code}                       manage
PUT /v1/locations/{code}                         manage
DELETE /v1/locations/{location}/par-levels/{sku} manage
GET /v1/locations/{location}/par-levels/{sku}    read
PATCH /v1/locations/{location}/par-levels/{sku}  manage
PUT /v1/locations/{location}/par-levels/{sku}    manage
GET /v1/lots                                     read
GET /v1/lots/{sku}/{lot}/trace                   read
GET /v1/packs                                    read
POST /v1/packs                                   manage every site
POST /v1/packs/batch                             manage every site
GET /v1/par-levels                               read
POST /v1/par-levels                              manage
POST /v1/par-levels/batch                        manage
PUT /v1/password                                 people
GET /v1/products                                 read
POST /v1/products                                manage every site
POST /v1/products/batch                          manage every site
GET /v1/products/{sku}                           read
PATCH /v1/products/{sku}                         manage every site
PUT /v1/products/{sku}                           manage every site
GET /v1/products/{sku}/images                    read
DELETE /v1/products/{sku}/images/{number}        manage every site
GET /v1/products/{sku}/images/{number}           read
PUT /v1/products/{sku}/images/{number}           manage every site
DELETE /v1/products/{sku}/packs/{pack}           manage every site
GET /v1/products/{sku}/packs/{pack}              read
PATCH /v1/products/{sku}/packs/{pack}            manage every site
PUT /v1/products/{sku}/packs/{pack}              manage every site
GET /v1/products/{sku}/recipe                    read
PUT /v1/products/{sku}/recipe                    manage every site
GET /v1/purchase-orders                          read
GET /v1/purchase-orders/{number}                 read
GET /v1/purchase-orders/{number}.csv             read
GET /v1/purchase-orders/{number}.pdf             read
PATCH /v1/purchase-orders/{number}               manage
POST /v1/purchase-orders/{number}/cancel         manage
POST /v1/purchase-orders/{number}/close          manage
PATCH /v1/purchase-orders/{number}/lines/{line}  manage
POST /v1/purchase-orders/{number}/lines/{line}/close manage
POST /v1/purchase-orders/{number}/mail           manage
PUT /v1/purchase-orders/{number}/receipts/{receipt_id} record
POST /v1/purchase-orders/{number}/send           manage
GET /v1/rejected-events                          manage every site
POST /v1/rejected-events/replay                  manage every site
GET /v1/rejected-events/{rejected_id}            manage every site
POST /v1/rejected-events/{rejected_id}/discard   manage every site
PUT /v1/rejected-events/{rejected_id}/mended     manage every site
POST /v1/rejected-events/{rejected_id}/replay    manage every site
GET /v1/restock-plan                             read
POST /v1/restock-plan/approve                    manage
GET /v1/restock-plan/{suggestion_id}             read
POST /v1/restock-plan/{suggestion_id}/dismiss    manage
GET /v1/scan                                     read
GET /v1/sessions                                 people
DELETE /v1/sessions                              people
DELETE /v1/sessions/{session_id}                 people
GET /v1/sites                                    read
POST /v1/sites                                   manage every site
POST /v1/sites/batch                             manage every site
GET /v1/sites/{code}                             read
PATCH /v1/sites/{code}                           manage every site
PUT /v1/sites/{code}                             manage every site
DELETE /v1/sites/{site}/calendar-events/{code}   manage
GET /v1/sites/{site}/calendar-events/{code}      read
PATCH /v1/sites/{site}/calendar-events/{code}    manage
PUT /v1/sites/{site}/calendar-events/{code}      manage
GET /v1/short-orders                             read
GET /v1/stock-levels                             read
GET /v1/summary                                  read
GET /v1/supplier-scorecards                      read
GET /v1/suppliers                                read
POST /v1/suppliers                               manage every site
POST /v1/suppliers/batch                         manage every site
GET /v1/suppliers/{code}                         read
PATCH /v1/suppliers/{code}                       manage every site
PUT /v1/suppliers/{code}                         manage every site
GET /v1/suppliers/{code}/mail                    manage every site
PUT /v1/suppliers/{code}/mail                    manage every site
POST /v1/token                                   open
GET /v1/waiting-plans                            read
GET /v1/users                                    administer
POST /v1/users                                   administer
GET /v1/users/{username}                         administer
PATCH /v1/users/{username}                       administer
PUT /v1/users/{username}/password                administer
DELETE /v1/users/{username}/personal-data        administer
"""
DECLARED = {
    (line.split()[0], line.split()[1]): " ".join(line.split()[2:])
    for line in _TABLE.strip().splitlines()
}
# Files that are the same for everyone.
_MOUNTS = {"/static", "/static/swagger"}
_VALUES = {
    "kind": "sold",
    "file_format": "csv",
    "number": "1",
    "import_id": "1",
    "rejected_id": "1",
    "event_id": str(uuid4()),
    "alert_id": str(uuid4()),
    "session_id": str(uuid4()),
    "count_session_id": str(uuid4()),
    "line_id": str(uuid4()),
    "suggestion_id": str(uuid4()),
    "receipt_id": str(uuid4()),
    "line": "1",
}


def routes() -> set[tuple[str, str]]:
    """What the application answers to, from its own table."""
    app = create_app(Settings.model_validate({"DATABASE_URL": "postgresql://nowhere/none"}))
    return {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        if context.path is not None and context.path not in _MOUNTS
        for method in context.methods or ()
    }


def filled_in(path: str) -> str:
    """The path with something in each of its places that no one has."""
    parts = []
    for part in path.split("{"):
        name, brace, rest = part.partition("}")
        value = _VALUES.get(name.partition(":")[0], "none")
        parts.append(value + rest if brace else part)
    return "".join(parts)


@dataclass
class Walkers:
    """One of everyone, each with a secret."""

    address: str
    database_url: str
    secrets: dict[str, str] = field(default_factory=dict)

    def make(self) -> None:
        for name in (VIEWER, STAFF, MANAGER, ADMIN):
            self._make_user(name, role=name, every_site=True)
        self._make_user(OF_ONE_SITE, role=MANAGER, every_site=False)
        for name, scope in ((RECORDING, "record"), (READING, "read")):
            self._make_device(name, scope)

    def ask(self, who: str, method: str, path: str) -> tuple[int, str]:
        """The status and where it leads; a stream's as soon as it begins."""
        headers = {"Origin": self.address}
        if who != NOBODY:
            headers["Authorization"] = f"Bearer {self.secrets[who]}"
        body: dict[str, str] | None = (
            {} if method in ("POST", "PUT", "PATCH") and path.startswith("/v1") else None
        )
        form = None
        if who == NOBODY and method == "POST" and not path.startswith("/v1"):
            form = {"csrf_token": hidden(self.client.get("/sign-in").text, "csrf_token")}
        url = filled_in(path)
        with self.client.stream(method, url, headers=headers, json=body, data=form) as answer:
            leads_to = answer.headers.get("location", "")
            status = answer.status_code
        if (method, path) == ("DELETE", "/v1/sessions") and who in PEOPLE:
            self._open_session(who)
        return status, leads_to

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.address, timeout=30)
        self.database = psycopg.connect(self.database_url, autocommit=True)

    def close(self) -> None:
        self.client.close()
        self.database.close()

    def _make_user(self, name: str, *, role: str, every_site: bool) -> None:
        self.database.execute(
            "with actor as (insert into identity.actors (kind, every_site)"
            " values ('user', %s) returning actor_id),"
            " reach as (insert into identity.actor_sites (actor_id, site_id)"
            " select actor_id, site_id from actor, catalog.sites"
            " where not %s and code = 'near')"
            " insert into identity.users (actor_id, username, role)"
            " select actor_id, %s, %s::identity.role from actor",
            (every_site, every_site, name, role),
        )
        self._open_session(name)

    def _open_session(self, name: str) -> None:
        self.secrets[name] = secrets.token_urlsafe(16)
        self.database.execute(
            "insert into identity.sessions (token_hash, actor_id, kind, expires_at)"
            " select %s, actor_id, 'token', now() + interval '1 hour'"
            " from identity.users where username = %s",
            (hashlib.sha256(self.secrets[name].encode()).digest(), name),
        )

    def _make_device(self, name: str, scope: str) -> None:
        self.secrets[name] = secrets.token_urlsafe(16)
        self.database.execute(
            "with actor as (insert into identity.actors (kind)"
            " values ('device') returning actor_id)"
            " insert into identity.device_keys (actor_id, name, key_hash, scopes)"
            " select actor_id, %s, %s, array[%s] from actor",
            (name, hashlib.sha256(self.secrets[name].encode()).digest(), scope),
        )


@pytest.fixture(scope="module")
def walkers(postgres: EmbeddedPostgres, template: str) -> Iterator[Walkers]:
    with shared_shop(postgres, template) as (database_url, _), serving(database_url) as address:
        everyone = Walkers(address, database_url)
        everyone.make()
        yield everyone
        everyone.close()


def test_every_route_is_declared_and_every_declared_route_is_there() -> None:
    there = routes()
    assert sorted(there - set(DECLARED)) == []
    assert sorted(set(DECLARED) - there) == []


@pytest.mark.parametrize("who", EVERYONE)
def test_each_reaches_what_is_declared_and_nothing_else(walkers: Walkers, who: str) -> None:
    wrong = []
    for (method, path), level in sorted(DECLARED.items()):
        status, leads_to = walkers.ask(who, method, path)
        asked_to_sign_in = (
            status in (401, 303) and leads_to.startswith("/sign-in") and path != "/sign-out"
        )
        refused = status == 403 or asked_to_sign_in or (status == 401 and level != "open")
        if refused == (who in MAY[level]) or status >= 500:
            wrong.append((method, path, level, status, leads_to))
        elif refused and (status == 403) == (who == NOBODY):
            wrong.append((method, path, "refused in the wrong words", status, leads_to))
    assert wrong == []
