"""/v1/imports, /v1/import-mappings and /v1/exports over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.deps import Role
from db.embedded import EmbeddedPostgres
from tests.integration.importing import levels, write_csv
from tests.integration.ledger_shop import execute, query
from tests.serving import let_in, serving, with_token

_LIMIT_BYTES = 20_000
_SALES = "sku,qty,date\nMUG,1,2026-01-05 10:00\nMUG,x,2026-01-05 11:00\n"


@pytest.fixture(scope="module")
def served(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    """The address, the database and the home of an API that all tests here share."""
    name = f"imports_{uuid4().hex}"
    postgres.create_database(name, template=template)
    database_url, home = postgres.url(name), tmp_path_factory.mktemp("home")
    let_in(database_url)
    let_in(database_url, "sam", Role.STAFF)
    limits = {"upload_limit_bytes": _LIMIT_BYTES, "retry_s": 0.1}
    with serving(database_url, PARSTOCK_HOME=str(home), imports=limits) as address:
        yield address, database_url, home


@pytest.fixture(scope="module")
def api(served: tuple[str, str, Path]) -> Iterator[httpx.Client]:
    with with_token(served[0]) as client:
        yield client


def _settled(api: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The import when its reader is done with it."""
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = api.get(answer.headers["Location"]).json()
        if found["status"] not in ("queued", "started"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def _send(api: httpx.Client, content: str | bytes, **told: Any) -> httpx.Response:
    headers = {"Content-Type": "text/csv"}
    return api.post("/v1/imports", params=told, content=content, headers=headers)


def test_an_upload_is_read_in_the_background_and_the_same_file_counts_once(
    api: httpx.Client, served: tuple[str, str, Path]
) -> None:
    # given four files that arrive at once: a dry run, the file, the file again, and no file
    answers = [
        _send(api, _SALES, file_name="till.csv", dry_run=True),
        _send(api, _SALES, file_name="till.csv", counted_at="2026-01-05T10:00:00+01:00"),
        _send(api, _SALES, file_name="till.csv"),
        _send(api, b"\x00\xff" * 40, file_name="till.xlsx"),
    ]
    dry, first, again, refused = (_settled(api, answer) for answer in answers)
    assert [found["status"] for found in (dry, first, again)] == ["finished"] * 3
    assert (dry["dry_run"], dry["report"]["recorded"]) == (True, 0)
    assert (first["report"]["recorded"], first["report"]["openings"]) == (2, 1)
    assert (again["report"]["recorded"], again["report"]["already_recorded"]) == (0, 1)
    assert first["outcomes"] == {"sale": 1, "return": 0, "cancellation": 0, "rejected": 1}
    assert first["report"]["errors"] == [
        {"row": 3, "field": "qty", "reason": "the quantity is not a whole number"}
    ]
    assert refused["status"] == "refused"
    assert refused["problem"] == "till.xlsx is not a readable Excel workbook."
    assert len(levels(served[1])) == 1
    # then the rejected lines are a file, and no upload stays
    rejected = api.get(f"/v1/imports/{dry['import_id']}/rejected")
    assert rejected.headers["Content-Disposition"].endswith('"till.csv.rejected.csv"')
    assert rejected.text.splitlines()[1].startswith("3,qty,the quantity is not a whole number,MUG")
    assert api.get(f"/v1/imports/{refused['import_id']}/rejected").status_code == 404
    assert list((served[2] / "imports" / "uploads").iterdir()) == []
    listed = api.get("/v1/imports", params={"limit": 2}).json()
    assert [row["import_id"] for row in listed["items"]] == [
        refused["import_id"], again["import_id"],
    ]  # fmt: skip
    older = api.get("/v1/imports", params={"cursor": listed["next_cursor"]}).json()["items"]
    assert [row["import_id"] for row in older] == [first["import_id"], dry["import_id"]]
    recorded_by = query(served[1], "select distinct recorded_by from ledger.inventory_events")
    assert recorded_by == [(first["imported_by"],)]


@pytest.mark.parametrize(
    ("content", "told", "status"),
    [
        (b"x" * (_LIMIT_BYTES + 1), {"file_name": "a.csv"}, 413),
        (b"", {"file_name": "a.csv"}, 422),
        (b"x", {}, 422),
        (b"x", {"file_name": "../a.csv"}, 422),
        (b"x", {"file_name": "a.csv", "time_zone": "Mars"}, 422),
        (b"x", {"file_name": "a.csv", "colour": "red"}, 422),
    ],
)
def test_what_cannot_be_taken_in_is_refused_at_once(
    api: httpx.Client, served: tuple[str, str, Path], content: bytes, told: Any, status: int
) -> None:
    before = api.get("/v1/imports").json()
    assert _send(api, content, **told).status_code == status
    assert api.get("/v1/imports").json() == before
    folder = served[2] / "imports" / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_files_are_for_managers(served: tuple[str, str, Path]) -> None:
    with with_token(served[0], "sam") as staff:
        assert _send(staff, _SALES, file_name="till.csv").status_code == 403
        for path in ("imports", "imports/1", "imports/1/rejected", "import-mappings"):
            assert staff.get(f"/v1/{path}").status_code == 403
        assert staff.get("/v1/exports/products.csv").status_code == 403


def test_what_was_being_read_when_its_reader_died_is_interrupted(
    database_url: str, tmp_path: Path
) -> None:
    let_in(database_url)
    execute(
        database_url,
        "insert into catalog.imports (file_name, upload, status, imported_by)"
        " values ('till.csv', gen_random_uuid(), 'started', 1)",
    )
    with serving(database_url, PARSTOCK_HOME=str(tmp_path)) as address, with_token(address) as api:
        deadline = time.monotonic() + 30
        while (found := api.get("/v1/imports/1").json())["status"] == "started":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert found["status"] == "interrupted"
    assert "send the file again" in found["problem"]


def test_a_mapping_is_kept_by_name_and_version(api: httpx.Client) -> None:
    path, mapping = "/v1/import-mappings/till 7/b", {"columns": {"sku": "Nr"}, "kind": "products"}
    made = api.put(path, json=mapping)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert api.put(path, json=mapping).status_code == 200
    other = {**mapping, "constants": {"category": "Toys"}}
    assert api.put(path, json=other).status_code == 428
    assert api.put(path, json=other, headers={"If-Match": '"7"'}).status_code == 412
    changed = api.put(path, json=other, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert api.get(path).json()["mapping"]["constants"] == {"category": "Toys"}
    assert [row["name"] for row in api.get("/v1/import-mappings").json()["items"]] == ["till 7/b"]
    used = _settled(api, _send(api, "Nr,name\n1,Bear\n", file_name="a.csv", mapping="till 7/b"))
    assert used["outcomes"]["created"] == 1
    assert api.get("/v1/products/1").json()["category"] == "Toys"
    assert api.put(path, json={"colums": {}}).status_code == 422
    assert [api.delete(path).status_code for _ in range(2)] == [204, 204]
    assert api.get(path).status_code == 404


def test_an_export_is_a_file(api: httpx.Client, tmp_path: Path) -> None:
    content = write_csv(tmp_path / "s.csv", "code,name", "toys,=Toys").read_bytes()
    assert _settled(api, _send(api, content, file_name="suppliers.csv"))["status"] == "finished"
    answer = api.get("/v1/exports/suppliers.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppliers.csv"'
    assert answer.text == (
        "code,name,lead_time_days,minimum_order_value,currency,order_days\r\ntoys,'=Toys,7,,,\r\n"
    )
    assert api.get("/v1/exports/suppliers.xlsx").content[:2] == b"PK"
    assert api.get("/v1/exports/suppliers.pdf").status_code == 422
    assert api.get("/v1/exports/people.csv").status_code == 422
