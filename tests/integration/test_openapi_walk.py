"""Every operation of the OpenAPI document, asked what it should be asked and what it should not:
no answer is a 5xx, and none is one that the document does not promise.

`make chaos` walks longer: PARSTOCK_WALK_EXAMPLES says how many requests each operation gets.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.settings import Settings
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import BEAR, CLAW, row, shared_shop
from tests.serving import let_in, serving, with_token

AnyOperation: TypeAlias = APIOperation[Any, Any, Any, Any]
AnyCase: TypeAlias = Case[Any]
EXAMPLES = int(os.environ.get("PARSTOCK_WALK_EXAMPLES", "8"))
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# It never ends, so it has tests of its own.
_ENDLESS = {"/v1/inventory-events/stream"}
# What is there, for half of the requests: else most would end at a name that is not.
COUNT_SESSION = "1f0e7a52-3a34-4c6e-9a53-0b5d7a3f0c11"
_THERE = {
    "sku": BEAR,
    "location": CLAW,
    "username": "someone",
    "name": "till-1",
    "number": 1,
    "count_session_id": COUNT_SESSION,
}
_CODES = {"sites": "near", "locations": CLAW, "suppliers": "toys", "barcodes": "4006381333931"}


class Walker:
    """Someone who may do everything, also after taking the right from themselves."""

    def __init__(self, address: str, database_url: str) -> None:
        self.address = address
        self._database_url = database_url
        self._session = requests.Session()
        self.renew()

    def renew(self) -> None:
        """A token that holds, whatever was asked before."""
        client = with_token(self.address)
        client.close()
        self._session.headers["Authorization"] = client.headers["Authorization"]

    @property
    def is_let_in(self) -> bool:
        answer = self._session.get(f"{self.address}/v1/users", timeout=30)
        return answer.status_code == 200

    def ask(self, case: AnyCase) -> set[str]:
        """Send it, and hold the answer against the document; answers what is wrong with it."""
        response = case.call(base_url=self.address, session=self._session, timeout=60)
        try:
            case.validate_response(response, checks=_CHECKS)
        except FailureGroup as group:
            return {str(failure) for failure in group.exceptions}
        return set()


@pytest.fixture(scope="module")
def walker(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walker]:
    home: Path = tmp_path_factory.mktemp("home")
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        # The walk is faster than any machine is let to be.
        unhurried = {
            "requests_per_second_and_key": 100_000,
            "requests_at_once_and_key": 100_000,
        }
        with serving(database_url, home=home, log_level="ERROR", **unhurried) as address:
            with with_token(address) as client:
                client.post("/v1/inventory-events", json=row("received", quantity=5))
                client.post("/v1/suppliers", json={"code": "toys", "name": "Toys"})
                client.put(f"/v1/count-sessions/{COUNT_SESSION}", json={"location": CLAW})
            yield Walker(address, database_url)


def operations() -> list[AnyOperation]:
    settings = Settings.model_validate({"DATABASE_URL": "postgresql://nowhere/parstock"})
    schema = schemathesis.openapi.from_dict(create_app(settings).openapi())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [operation for operation in found if operation.path not in _ENDLESS]


def requests_for(operation: AnyOperation) -> st.SearchStrategy[AnyCase]:
    """Well and badly formed ones, half of them about something that is there."""
    well_formed = operation.as_strategy(GenerationMode.POSITIVE)
    made = well_formed
    if operation.body or any(True for _ in operation.iter_parameters()):
        made = st.one_of(well_formed, operation.as_strategy(GenerationMode.NEGATIVE))
    return st.builds(about_what_is_there, made, st.booleans())


def about_what_is_there(case: AnyCase, wanted: bool) -> AnyCase:
    if isinstance(case.query, dict):
        case.query.pop("wait", None)  # nothing new would come
    if wanted and isinstance(case.path_parameters, dict):
        kind = case.operation.path.removeprefix("/v1/").split("/")[0]
        for name in case.path_parameters:
            there = _CODES.get(kind) if name == "code" else _THERE.get(name)
            if there is not None:
                case.path_parameters[name] = there
    return case


def failures_of(walker: Walker, operation: AnyOperation) -> set[str]:
    """What is wrong with one operation's answers; empty when all is as promised."""
    failures: set[str] = set()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize="PARSTOCK_WALK_EXAMPLES" not in os.environ,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(requests_for(operation))
    def walk(case: AnyCase) -> None:
        failures.update(walker.ask(case))

    if not walker.is_let_in:
        walker.renew()
    walk()
    return failures


@pytest.mark.timeout(3600)
def test_every_operation_answers_as_the_document_says(
    walker: Walker, subtests: pytest.Subtests
) -> None:
    walked = operations()
    assert len(walked) > 30
    for operation in walked:
        with subtests.test(operation=operation.label):
            assert failures_of(walker, operation) == set()
