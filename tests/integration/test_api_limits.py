"""What holds for every request: its size, its media type, its time, and how it is refused."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import event_ids, furnish, row, shared_shop
from tests.serving import serving

LIMIT = 5_000_000


@pytest.fixture(scope="module")
def shared_api(postgres: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    """For tests that leave nothing behind."""
    with (
        shared_shop(postgres, template) as (database_url, key),
        serving(database_url) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        yield client


@pytest.fixture
def api(database_url: str) -> Iterator[httpx.Client]:
    key = furnish(database_url)
    headers = {"Authorization": f"Bearer {key}"}
    with (
        serving(database_url) as address,
        httpx.Client(base_url=address, headers=headers, timeout=30) as client,
    ):
        yield client


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= {*problem}
    assert problem["status"] == status
    return problem


@pytest.mark.parametrize(
    "path", ["/v1/inventory-events", "/v1/inventory-events/batch", "/v1/products", "/v1/token"]
)
def test_a_body_over_5_mb_is_a_413(shared_api: httpx.Client, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'"' + b"x" * LIMIT
    is_problem(shared_api.post(path, content=body, headers=headers), 413)
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    is_problem(shared_api.post(path, content=chunks, headers=headers), 413)


def test_a_body_of_5_mb_is_read(api: httpx.Client) -> None:
    body = json.dumps({"events": [row()]}).encode()
    answer = api.post(
        "/v1/inventory-events/batch",
        content=body + b" " * (LIMIT - len(body)),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "x"])
def test_a_body_that_is_not_json_by_its_type_is_a_415(
    shared_api: httpx.Client, media_type: str
) -> None:
    for path in ("/v1/inventory-events", "/v1/products"):
        answer = shared_api.post(path, content=b"{}", headers={"Content-Type": media_type})
        is_problem(answer, 415)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/x+json"])
def test_json_by_any_of_its_names_is_read(api: httpx.Client, media_type: str) -> None:
    answer = api.post(
        "/v1/inventory-events", content=json.dumps(row()), headers={"Content-Type": media_type}
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xff", b"nonsense", b"NaN"])
@pytest.mark.parametrize("path", ["/v1/inventory-events", "/v1/inventory-events/batch"])
def test_a_body_that_is_not_json_is_a_422(shared_api: httpx.Client, path: str, body: bytes) -> None:
    answer = shared_api.post(path, content=body, headers={"Content-Type": "application/json"})
    assert is_problem(answer, 422)["errors"]


def test_an_address_that_is_none_is_a_404_problem(shared_api: httpx.Client) -> None:
    is_problem(shared_api.get("/v1/nothing"), 404)


def test_a_method_that_is_not_possible_is_a_405_problem(shared_api: httpx.Client) -> None:
    answer = shared_api.delete("/v1/products")
    is_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


@contextmanager
def half_a_request(base_url: str, sent: int, key: str = "none") -> Iterator[socket.socket]:
    """A client that says how much it will send, and sends the first `sent` bytes of it."""
    address = urlsplit(base_url)
    body = json.dumps(row()).encode()
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as client:
        client.sendall(
            b"POST /v1/inventory-events HTTP/1.1\r\nHost: x\r\n"
            + f"Authorization: Bearer {key}\r\n".encode()
            + b"Content-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body[:sent]
        )
        yield client


def test_a_body_that_does_not_arrive_is_given_up(database_url: str) -> None:
    key = furnish(database_url)
    with (
        serving(database_url, request_timeout_s=0.5) as address,
        half_a_request(address, sent=10, key=key) as client,
    ):
        client.settimeout(60)
        assert client.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_leaves_harms_nobody(api: httpx.Client, database_url: str) -> None:
    for sent in (10, 10_000):
        with half_a_request(str(api.base_url), sent, api.headers["Authorization"][7:]):
            pass
    assert api.post("/v1/inventory-events", json=row()).status_code == 201
    assert len(event_ids(database_url)) in (1, 2)


def test_metrics_are_told_to_this_machine_only(api: httpx.Client) -> None:
    is_problem(api.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}), 404)
    assert "parstock_database_up 1.0\n" in api.get("/metrics").text


def test_metrics_count_by_route_and_tell_how_far_readers_are_behind(api: httpx.Client) -> None:
    first = row()
    for sent in (first, first, row(), row(sku="UNKNOWN")):
        api.post("/v1/inventory-events", json=sent)
    for nowhere in ("/v1/nowhere/1", "/v1/nowhere/2", f"/v1/inventory-events/{uuid4()}"):
        api.get(nowhere)
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(api.get("/metrics").text)
        for sample in family.samples
    }
    by_route = "parstock_http_requests_total"
    assert told[by_route, "/v1/inventory-events", "201", "POST"] == 2
    assert told[by_route, "/v1/inventory-events", "200", "POST"] == 1
    assert told[by_route, "/v1/inventory-events", "422", "POST"] == 1
    assert told[by_route, "/v1/inventory-events/{event_id}", "404", "GET"] == 1
    assert told[by_route, "(none)", "404", "GET"] == 2
    assert told["parstock_http_request_seconds_count", "/v1/inventory-events", "POST"] == 4
    assert told["parstock_problems_total", "unknown-sku"] == 1
    assert told[("parstock_ledger_events_recorded_total",)] == 2
    assert told[("parstock_ledger_group_events_sum",)] == 2
    assert told[("parstock_ledger_position",)] == 2
    assert told["parstock_positions_behind", "plan"] == 2
    assert told["parstock_positions_behind", "alerts"] == 2
    assert told[("parstock_disk_full",)] == 0


def test_a_request_is_known_by_the_name_that_its_client_gave_it(api: httpx.Client) -> None:
    named = api.get("/v1/stock-levels", headers={"X-Request-Id": "till-7/42"})
    assert named.headers["X-Request-Id"] == "till-7/42"
    unnamed = [api.get("/v1/nowhere").headers["X-Request-Id"] for _ in range(2)]
    assert len(set(unnamed)) == 2


def test_every_answer_that_is_a_problem_is_documented(shared_api: httpx.Client) -> None:
    document = shared_api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            answers = operation["responses"]
            assert {"401", "422", "503"} <= {*answers}, (method, path)
            for status, answer in answers.items():
                if status >= "400":
                    assert "application/problem+json" in answer["content"], (method, path, status)
            # What is posted to one thing may need no more words than its address.
            if method == "patch" or (method == "post" and "{" not in path):
                assert "requestBody" in operation, (method, path)


def test_every_reference_of_the_document_leads_somewhere(shared_api: httpx.Client) -> None:
    document = shared_api.get("/openapi.json").json()

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            mapping = part.get("discriminator", {}).get("mapping", {})
            yield from mapping.values()
            for value in part.values():
                yield from references(value)
        if isinstance(part, list):
            for value in part:
                yield from references(value)

    found = {*references(document)}
    assert "#/components/schemas/InventoryEvent" in found
    for reference in found:
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_a_database_without_its_schema_is_alive_and_not_ready(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("parstock_bare")
    with serving(postgres.url("parstock_bare")) as address:
        is_problem(httpx.get(f"{address}/readyz", timeout=30), 503)
        assert httpx.get(f"{address}/healthz", timeout=30).status_code == 200


def test_without_a_database_the_answer_is_503(database_url: str) -> None:
    nowhere = "postgresql://nobody:x@127.0.0.1:1/none"
    with serving(nowhere) as address:
        for answer in (
            httpx.get(f"{address}/readyz", timeout=20),
            httpx.get(f"{address}/v1/products", headers={"Authorization": "Bearer x"}, timeout=20),
            httpx.post(f"{address}/v1/token", json={"username": "a", "password": "b"}, timeout=20),
        ):
            is_problem(answer, 503)
            assert answer.headers["Retry-After"]
        assert httpx.get(f"{address}/healthz", timeout=30).status_code == 200
