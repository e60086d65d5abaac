"""What is pressed in Slack: over HTTP with Slack's signature, and over a websocket."""

import asyncio
import hashlib
import hmac
import json
import queue
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from api.deps import Role
from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.alerts.sender import Sender
from orchestration.resources import Slack
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import PASSWORD, let_in, serving
from tests.slack_server import CHANNEL_NAME, TOKEN, SlackServer, slack_server

SECRET = "a-signing-secret"
TEAM, MIA, BOB = "T0SHOP", "U0MIA", "U0BOB"


class Desk:
    """A shop whose alert stands in Slack, with a manager and a member of staff who press."""

    def __init__(self, shop: PlannedShop, server: SlackServer, address: str) -> None:
        self.shop = shop
        self.server = server
        self.address = address
        self.line = shop.suggest(BEAR)
        self.alert = shop.alert(BEAR)
        shop.execute(
            "insert into alerts.outbox (kind, alert_id) values ('alert', %s)", (self.alert,)
        )
        self.tell()

    def tell(self) -> None:
        """Send what is in the outbox, as the sensor does."""
        database = connect(self.shop.database_url, role=ORCHESTRATION_ROLE, autocommit=True)
        with closing(database) as connection:
            client = Slack(token=TOKEN, base_url=self.server.base_url).get_client()
            sender = Sender(connection, client, CHANNEL_NAME, pages=self.address)
            while (pause_s := sender.send_due()) is not None:
                time.sleep(pause_s)

    @property
    def message(self) -> dict[str, Any]:
        [message] = self.server.messages.values()
        return {"text": message.text, "blocks": message.blocks, "ts": message.ts}

    def buttons(self) -> dict[str, dict[str, Any]]:
        found = [block for block in self.message["blocks"] if block["type"] == "actions"]
        return {button["action_id"]: button for block in found for button in block["elements"]}

    def pressed(
        self, action: str, person: str = MIA, *, value: str | None = None
    ) -> dict[str, Any]:
        """The payload of a press of a button as it stands."""
        button = self.buttons()[action]
        return {
            "type": "block_actions",
            "user": {"id": person, "username": person.lower()},
            "team": {"id": TEAM},
            "trigger_id": "trigger-1",
            "message": self.message,
            "response_url": self.server.base_url.replace("/api/", "/answers/1"),
            "actions": [{"action_id": action, "value": value or button.get("value", "")}],
        }

    def post(self, path: str, form: dict[str, str], *, ago_s: float = 0.0) -> httpx.Response:
        body = urlencode(form).encode()
        moment = str(int(time.time() - ago_s))
        signature = hmac.new(SECRET.encode(), f"v0:{moment}:".encode() + body, hashlib.sha256)
        return httpx.post(
            self.address + path,
            content=body,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Slack-Request-Timestamp": moment,
                "X-Slack-Signature": f"v0={signature.hexdigest()}",
            },
            timeout=30,
        )

    def send(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a payload as Slack does; what was answered at its address."""
        before = len(self.server.answers)
        answer = self.post("/slack/interactivity", {"payload": json.dumps(payload)})
        assert (answer.status_code, answer.content) == (200, b"")
        self.server.wait_for(lambda server: len(server.answers) > before)
        return self.server.answers[-1]

    def link(self, person: str, username: str) -> None:
        """Say who a person of Slack is, as they would in a browser."""
        invitation = self.send(self.pressed("acknowledge", person))
        assert invitation["response_type"] == "ephemeral"
        [found] = re.findall(r"<([^|>]+)\|", invitation["text"])
        with httpx.Client(base_url=self.address, timeout=30, follow_redirects=True) as browser:
            form = browser.get("/sign-in").text
            browser.post(
                "/sign-in",
                data={"username": username, "password": PASSWORD, "csrf_token": token_in(form)},
                headers={"Origin": self.address},
            )
            found = found.replace("http://127.0.0.1:8000", self.address)
            shown = browser.get(found)
            assert person.lower() in shown.text, shown.text
            [secret] = re.findall(r'name="secret" value="([^"]+)"', shown.text)
            done = browser.post(
                "/slack/link",
                data={"secret": secret, "csrf_token": token_in(shown.text)},
                headers={"Origin": self.address},
            )
            assert "is you now" in done.text, done.text
            # An invitation is used once.
            assert browser.get(found).status_code == 404


def token_in(form: str) -> str:
    # The frame's own form to sign out has the same one.
    [token] = set(re.findall(r'name="csrf_token" value="([^"]+)"', form))
    return str(token)


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    shop = planned_shop(database_url)
    shop.move(BEAR, "BACK-01", -50)
    shop.move(BEAR, "CLAW-01", -10)
    let_in(database_url)
    let_in(database_url, "mia", Role.MANAGER)
    let_in(database_url, "bob", Role.STAFF)
    return shop


@pytest.fixture
def desk(shop: PlannedShop) -> Iterator[Desk]:
    with slack_server() as server, serving_slack(shop, server) as address:
        yield Desk(shop, server, address)


@contextmanager
def serving_slack(shop: PlannedShop, server: SlackServer, **settings: str) -> Iterator[str]:
    """The API, told of Slack; links lead to wherever it is."""
    said = {"SLACK_SIGNING_SECRET": SECRET, "SLACK_API_URL": server.base_url}
    with serving(shop.database_url, SLACK_BOT_TOKEN=TOKEN, **said, **settings) as address:
        yield address


def approvals(shop: PlannedShop) -> list[tuple[Any, ...]]:
    return shop.rows("select quantity, approved_by from purchasing.order_lines")


def test_a_message_offers_what_there_is_to_decide(desk: Desk) -> None:
    buttons = desk.buttons()
    assert list(buttons) == ["approve", "edit", "acknowledge", "snooze", "open"]
    assert buttons["approve"]["text"]["text"] == "Approve 48"
    value = json.loads(buttons["approve"]["value"])
    assert (value["suggestion"], value["version"]) == (str(desk.line), 1)
    assert UUID(value["epoch"])
    assert buttons["open"]["url"].endswith(f"#alert-{desk.alert}")


def test_one_tap_orders_and_the_message_says_so(desk: Desk) -> None:
    desk.link(MIA, "mia")
    answer = desk.send(desk.pressed("approve"))
    assert answer["replace_original"] is True
    assert "48 approved by mia on PO-000001" in answer["text"]
    assert "actions" not in [block["type"] for block in answer["blocks"]]
    assert len(approvals(desk.shop)) == 1
    desk.tell()
    assert "approve" not in desk.buttons()
    assert "48 approved by mia on PO-000001" in json.dumps(desk.message["blocks"])


def test_a_second_press_counts_once_and_says_who_was_first(desk: Desk) -> None:
    desk.link(MIA, "mia")
    desk.link(BOB, "admin")
    presses = [desk.pressed("approve", MIA), desk.pressed("approve", BOB)] * 4
    first = desk.send(desk.pressed("approve", MIA))
    with ThreadPoolExecutor(8) as crowd:
        for answer in crowd.map(
            lambda payload: desk.post("/slack/interactivity", {"payload": json.dumps(payload)}),
            presses,
        ):
            assert answer.status_code == 200
    desk.server.wait_for(lambda server: len(server.answers) >= 11)
    assert {answer["text"] for answer in desk.server.answers[3:]} == {first["text"]}
    assert len(approvals(desk.shop)) == 1


def test_another_number_is_asked_for_in_a_form(desk: Desk) -> None:
    desk.link(MIA, "mia")
    payload = desk.pressed("edit")
    desk.post("/slack/interactivity", {"payload": json.dumps(payload)})
    desk.server.wait_for(lambda server: bool(server.views))
    [view] = desk.server.views
    assert view["blocks"][0]["element"]["initial_value"] == "48"
    answer = desk.send(
        {
            "type": "view_submission",
            "user": payload["user"],
            "team": payload["team"],
            "view": {**view, "state": {"values": {"quantity": {"units": {"value": "24"}}}}},
        }
    )
    assert "24 approved by mia" in answer["text"]
    assert [row[0] for row in approvals(desk.shop)] == [24]


def test_part_of_a_pack_is_refused_and_nothing_is_ordered(desk: Desk) -> None:
    desk.shop.execute("update catalog.products set pack_size = 12")
    desk.link(MIA, "mia")
    payload = desk.pressed("edit")
    desk.post("/slack/interactivity", {"payload": json.dumps(payload)})
    desk.server.wait_for(lambda server: bool(server.views))
    form = {"values": {"quantity": {"units": {"value": "25"}}}}
    answer = desk.send(
        {
            "type": "view_submission",
            "user": payload["user"],
            "team": payload["team"],
            "view": {**desk.server.views[0], "state": form},
        }
    )
    assert answer["response_type"] == "ephemeral"
    assert approvals(desk.shop) == []


def test_staff_see_and_snooze_and_do_not_approve(desk: Desk) -> None:
    desk.link(BOB, "bob")
    refused = desk.send(desk.pressed("approve", BOB))
    assert refused["response_type"] == "ephemeral"
    assert "role manager" in refused["text"]
    assert approvals(desk.shop) == []
    assert "Acknowledged by bob" in desk.send(desk.pressed("acknowledge", BOB))["text"]
    assert "Snoozed by bob until" in desk.send(desk.pressed("snooze", BOB))["text"]
    [(status,)] = desk.shop.rows("select status from alerts.alerts")
    assert status == "snoozed"


def test_an_old_message_changes_nothing(desk: Desk) -> None:
    desk.link(MIA, "mia")
    old = desk.pressed("approve")
    desk.shop.execute("update planning.suggestions set version = 2, quantity = 60")
    assert desk.send(old)["response_type"] == "ephemeral"
    restored = json.loads(desk.buttons()["approve"]["value"]) | {"epoch": str(uuid4())}
    answer = desk.send(desk.pressed("approve", value=json.dumps(restored)))
    assert "from before a restore" in answer["text"]
    assert approvals(desk.shop) == []


def test_a_user_who_is_disabled_decides_nothing(desk: Desk) -> None:
    desk.link(MIA, "mia")
    desk.shop.execute("update identity.users set disabled_at = now() where username = 'mia'")
    assert "who you are" in desk.send(desk.pressed("approve"))["text"]
    assert approvals(desk.shop) == []


def test_only_slack_is_taken_at_its_word(desk: Desk) -> None:
    form = {"payload": json.dumps(desk.pressed("approve"))}
    assert desk.post("/slack/interactivity", form, ago_s=400).status_code == 401
    unsigned = httpx.post(f"{desk.address}/slack/interactivity", data=form, timeout=30)
    assert unsigned.status_code == 401
    body = urlencode(form).encode()
    signature = hmac.new(b"another", f"v0:{int(time.time())}:".encode() + body, hashlib.sha256)
    forged = httpx.post(
        f"{desk.address}/slack/interactivity",
        content=body,
        headers={
            "X-Slack-Request-Timestamp": str(int(time.time())),
            "X-Slack-Signature": f"v0={signature.hexdigest()}",
        },
        timeout=30,
    )
    assert forged.status_code == 401


def test_a_command_tells_what_each_place_has(desk: Desk) -> None:
    asked = {"team_id": TEAM, "user_id": BOB, "user_name": "bob", "command": "/stock"}
    unknown = desk.post("/slack/commands", asked | {"text": DUCK}).json()
    assert "who you are" in unknown["text"]
    desk.link(BOB, "bob")
    told = desk.post("/slack/commands", asked | {"text": DUCK}).json()
    assert told["response_type"] == "ephemeral"
    assert f"*{DUCK}*: 80 on hand, 80 available" in told["text"]
    assert "• BACK-01: 50" in told["text"]
    nothing = desk.post("/slack/commands", asked | {"text": "nothing-like-it"}).json()
    assert "Nothing is known" in nothing["text"]
    assert "Which product?" in desk.post("/slack/commands", asked | {"text": " "}).json()["text"]


class Line:
    """Slack's end of Socket Mode: envelopes go out, acknowledgements come in."""

    def __init__(self) -> None:
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.url = ""
        self.lines = 0
        self._here: ServerConnection | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        async with serve(self._talk, "127.0.0.1", 0) as server:
            self.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            self._ready.set()
            await self._over.wait()

    async def _talk(self, connection: ServerConnection) -> None:
        self._here = connection
        self.lines += 1
        await connection.send(json.dumps({"type": "hello"}))
        async for text in connection:
            self.said.put(json.loads(text))

    def tell(self, envelope: dict[str, Any]) -> None:
        deadline = time.monotonic() + 20
        while self._here is None:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.02)
        asyncio.run_coroutine_threadsafe(self._here.send(json.dumps(envelope)), self._loop).result(
            10
        )

    def __enter__(self) -> "Line":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)


def test_a_shop_without_an_address_listens_over_a_websocket(shop: PlannedShop) -> None:
    with slack_server() as server, Line() as line:
        server.line_url = line.url
        with serving_slack(shop, server, SLACK_APP_TOKEN=TOKEN) as address:
            desk = Desk(shop, server, address)
            desk.link(MIA, "mia")
            payload = desk.pressed("approve")
            line.tell({"type": "interactive", "envelope_id": "1", "payload": payload})
            assert line.said.get(timeout=10) == {"envelope_id": "1"}
            server.wait_for(lambda server: len(server.answers) == 2)
            assert "48 approved by mia" in server.answers[-1]["text"]

            form = {"team_id": TEAM, "user_id": MIA, "user_name": "mia", "text": DUCK}
            # Slack ends a line now and then, and another is opened.
            line.tell({"type": "disconnect", "reason": "refresh_requested"})
            deadline = time.monotonic() + 20
            while line.lines < 2:
                assert time.monotonic() < deadline, "the line was not opened again"
                time.sleep(0.02)
            line.tell({"type": "slash_commands", "envelope_id": "2", "payload": form})
            said = line.said.get(timeout=10)
            assert said["envelope_id"] == "2"
            assert f"*{DUCK}*: 80 on hand" in said["payload"]["text"]
