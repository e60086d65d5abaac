"""An order that is sent is mailed, once, where a mail server is set."""

import csv
import io
from typing import Any

import httpx
import pypdf
import pytest

from tests.integration.ordering_shop import (
    FIRST,
    ORDERS,
    approve,
    change,
    managing,
    order,
    order_and_send,
    ordering_shop,
)
from tests.integration.planned_shop import BEAR, PlannedShop
from tests.mailbox import Mailbox, mailbox

MAIL = "/v1/suppliers/toys/mail"


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


def through(server: Mailbox) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": "none",
        "smtp_from": "shop@example.com",
    }


def set_address(api: httpx.Client, email: str | None = "orders@toys.example") -> httpx.Response:
    etag = api.get(MAIL).headers["ETag"]
    return api.put(MAIL, json={"email": email}, headers={"If-Match": etag})


def test_a_sent_order_is_mailed_once_with_both_files(shop: PlannedShop) -> None:
    with mailbox() as server, managing(shop, **through(server)) as api:
        assert set_address(api).json()["version"] == 1
        told = order_and_send(api, shop.suggest(BEAR))
        assert (told["mailed_at"] is not None, told["mail_problem"]) == (True, None)
        change(api, "POST", f"{FIRST}/send")
    [message] = server.messages
    assert (message["To"], message["From"]) == ("orders@toys.example", "shop@example.com")
    assert message["Subject"] == f"Purchase order {FIRST}"
    pdf, text = message.iter_attachments()
    assert (pdf.get_filename(), text.get_filename()) == (f"{FIRST}.pdf", f"{FIRST}.csv")
    [page] = pypdf.PdfReader(io.BytesIO(pdf.get_content())).pages
    assert "Plush bear" in page.extract_text()
    [row] = csv.DictReader(io.StringIO(text.get_content().lstrip("\ufeff")))
    assert (row["sku"], row["quantity"]) == (BEAR, "48")


def test_what_was_not_mailed_is_sent_all_the_same_and_says_why(shop: PlannedShop) -> None:
    with mailbox(refuses=True) as server, managing(shop, **through(server)) as api:
        told = order_and_send(api, shop.suggest(BEAR))
        assert (told["status"], told["mail_problem"]) == (
            "sent",
            "no address is kept for Toys Ltd",
        )
        set_address(api)
        again = api.post(f"{ORDERS}/{FIRST}/mail").json()
        assert "did not take it" in again["mail_problem"]
        server.refuses = False
        done = api.post(f"{ORDERS}/{FIRST}/mail").json()
        assert (done["mail_problem"], len(server.messages)) == (None, 1)


def test_without_a_mail_server_nothing_is_said_of_mail(shop: PlannedShop) -> None:
    with managing(shop) as api:
        told = order_and_send(api, shop.suggest(BEAR))
        assert (told["mailed_at"], told["mail_problem"]) == (None, None)
        refused = api.post(f"{ORDERS}/{FIRST}/mail")
        assert refused.json()["type"] == "urn:parstock:problem:mail-not-set"
        assert order(api)["status"] == "sent"


@pytest.mark.parametrize("email", ["toys", "a@b\nBcc: c@d", "a b@c", "a@b, c@d", "@"])
def test_an_address_is_one_address(shop: PlannedShop, email: str) -> None:
    with managing(shop) as api:
        assert set_address(api, email).status_code == 422


def test_an_address_is_changed_by_whoever_read_it(shop: PlannedShop) -> None:
    with managing(shop) as api:
        approve(api, shop.suggest(BEAR))
        assert set_address(api).status_code == 200
        stale = api.put(MAIL, json={"email": None}, headers={"If-Match": '"0"'})
        assert (stale.status_code, api.put(MAIL, json={"email": None}).status_code) == (412, 428)
        assert set_address(api, None).json() == {"supplier": "toys", "email": None, "version": 2}
        assert api.get("/v1/suppliers/none/mail").status_code == 404
