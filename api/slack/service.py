"""What a press, a form or a command in Slack does: the same as a page's button, by the same user.

Every decision is made under the lock of what it is about, so the second of two presses, an old
message or a retry of Slack finds the first one's decision and says whose it was.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from api.alerts import service as alerts
from api.database import DatabaseConnection, DatabasePool
from api.deps import Actor, Role
from api.identity import slack_people
from api.identity.slack_people import SlackPerson
from api.ledger.service import list_stock_levels
from api.log import EventLog
from api.problems import Forbidden, Problem
from api.purchasing import approving, orders
from api.purchasing.order_schemas import Approval
from api.slack import words
from api.slack.calls import Calls, SlackError
from api.slack.words import Answer
from db.sql import load_queries

log = EventLog(__name__)
_queries = load_queries(__file__)
_SNOOZE = timedelta(days=1)
_LEVELS_READ = 200


@dataclass(frozen=True, slots=True)
class Named:
    """What a button was about when it was drawn: one alert, and the plan's line beside it."""

    epoch: str
    alert_id: UUID
    suggestion_id: UUID | None = None
    version: int = 0

    @classmethod
    def of(cls, value: str) -> "Named":
        """Raises ValueError for a value that is not ours."""
        match json.loads(value):
            case {
                "epoch": str(epoch),
                "alert": str(alert),
                "suggestion": str(line),
                "version": int(version),
            }:
                return cls(epoch, UUID(alert), UUID(line), version)
            case {"epoch": str(epoch), "alert": str(alert)}:
                return cls(epoch, UUID(alert))
            case other:
                raise ValueError(f"not a button of ours: {other!r}")


class _Gone(Problem):
    title = "This message is from before a restore"


class Interactions:
    """Answers people of Slack; `calls` reaches Slack, `public_url` is where the pages are."""

    def __init__(self, pool: DatabasePool, calls: Calls, *, public_url: str) -> None:
        self._pool = pool
        self._calls = calls
        self._public_url = public_url.rstrip("/")

    async def interact(self, payload: Mapping[str, Any]) -> None:
        """Do what was pressed or sent, and change the message, or tell them why not."""
        try:
            match payload:
                case {"type": "block_actions", "actions": [action, *_], "response_url": str(url)}:
                    await self._press(payload, action, url)
                case {"type": "view_submission", "view": {"callback_id": "order_quantity"} as view}:
                    await self._submit(payload, view)
                case _:
                    log.info("slack_payload_ignored", type=str(payload.get("type")))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("slack_payload_not_understood", reason=repr(error))

    async def command(self, form: Mapping[str, str]) -> Answer:
        """`/stock SKU`: what each place has, for whoever asks only."""
        who = SlackPerson(form["team_id"], form["user_id"], form.get("user_name", ""))
        sku = form.get("text", "").strip()
        async with self._pool.acquire() as connection:
            actor = await slack_people.actor_of(connection, who)
            if actor is None:
                return await self._invitation(connection, who)
            if not sku:
                return words.only_to_them("Which product? Say its SKU: `/stock BEAR-1`.")
            levels = await list_stock_levels(
                connection, sites=actor.sites, sku=sku, limit=_LEVELS_READ
            )
            if not levels:
                levels = await list_stock_levels(
                    connection, sites=actor.sites, search=sku, limit=_LEVELS_READ
                )
        if not levels:
            return words.only_to_them(f"Nothing is known of {words.escaped(sku)!r} where you work.")
        skus = list(dict.fromkeys(level.sku for level in levels))
        told = [words.levels_of(sku, [lv for lv in levels if lv.sku == sku]) for sku in skus[:5]]
        if len(skus) > len(told):
            told.append(f"… and {len(skus) - len(told)} more products of that name.")
        return words.only_to_them("\n\n".join(told))

    async def _press(self, payload: Mapping[str, Any], action: Mapping[str, Any], url: str) -> None:
        deed = str(action["action_id"])
        if deed == "open":
            return
        named = Named.of(str(action["value"]))
        view: Answer | None = None
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                who = _person(payload)
                actor = await slack_people.actor_of(connection, who)
                if actor is None:
                    answer = await self._invitation(connection, who)
                elif deed == "edit":
                    view = await _quantity_form(connection, named, payload, actor)
                else:
                    answer = await self._do(connection, deed, named, payload, actor)
            if view is not None:
                await self._calls.open_view(str(payload["trigger_id"]), view)
                return
        except Problem as problem:
            answer = words.only_to_them(f"{problem.title}. {problem.detail}")
        except SlackError as error:
            log.warning("slack_form_not_opened", reason=str(error))
            answer = words.only_to_them("Slack did not open the form; press again.")
        await self._calls.respond(url, answer)

    async def _do(
        self,
        connection: DatabaseConnection,
        deed: str,
        named: Named,
        payload: Mapping[str, Any],
        actor: Actor,
    ) -> Answer:
        await _require_epoch(connection, named)
        _require_role(actor, Role.MANAGER if deed == "approve" else Role.STAFF)
        message: Mapping[str, Any] = payload.get("message") or {}
        match deed:
            case "approve":
                decision = await _approve(connection, named, None, actor)
            case "acknowledge":
                shown = await alerts.acknowledge(connection, named.alert_id, actor=actor)
                decision = f"Acknowledged by {await _by(connection, shown.alert_id, actor)}"
            case "snooze":
                until = datetime.now(UTC) + _SNOOZE
                await alerts.snooze(connection, named.alert_id, until=until, actor=actor)
                name = await _name(connection, actor.actor_id)
                decision = f"Snoozed by {name} until {words.moment(until)}"
            case _:
                raise ValueError(f"no such button: {deed}")
        return words.decided(message, decision)

    async def _submit(self, payload: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        kept = json.loads(view["private_metadata"])
        named = Named.of(json.dumps(kept["named"]))
        units = int(view["state"]["values"]["quantity"]["units"]["value"])
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                actor = await slack_people.actor_of(connection, _person(payload))
                if actor is None:
                    return
                await _require_epoch(connection, named)
                _require_role(actor, Role.MANAGER)
                decision = await _approve(connection, named, units, actor)
            answer = words.decided(kept["message"], decision)
        except Problem as problem:
            answer = words.only_to_them(f"{problem.title}. {problem.detail}")
        await self._calls.respond(str(kept["response_url"]), answer)

    async def _invitation(self, connection: DatabaseConnection, who: SlackPerson) -> Answer:
        secret = await slack_people.invite(connection, who)
        return words.invitation(f"{self._public_url}/slack/link?secret={secret}")


def _person(payload: Mapping[str, Any]) -> SlackPerson:
    user, team = payload["user"], payload["team"]
    return SlackPerson(
        str(team["id"]), str(user["id"]), str(user.get("username") or user.get("name") or "")
    )


def _require_role(actor: Actor, minimum: Role) -> None:
    if not actor.may(minimum):
        raise Forbidden(f"This needs the role {minimum}; yours is {actor.role}.")


async def _require_epoch(connection: DatabaseConnection, named: Named) -> None:
    [row] = await _fetch(connection, "read_epoch")
    if str(row["epoch"]) != named.epoch:
        raise _Gone("Look at the page: numbers and lines may mean something else now.")


async def _approve(
    connection: DatabaseConnection, named: Named, units: int | None, actor: Actor
) -> str:
    """Approve the line, in another quantity where one is given; what is to be said of it."""
    if named.suggestion_id is None:
        raise ValueError("a button to approve without a line")
    line = Approval(suggestion_id=named.suggestion_id, version=named.version)
    [result] = await approving.approve(connection, [line], actor=actor)
    if result.problem is not None:
        raise _Refused(result.problem)
    number = str(result.purchase_order)
    if result.status == "approved":
        if units is not None:
            await orders.set_quantity(
                connection,
                number,
                int(result.line or 0),
                units,
                versions=None,  # the draft is locked by the approval
                actor=actor,
            )
        await alerts.tell(connection, named.alert_id, actor=actor)
    [row] = await _fetch(connection, "who_approved", suggestion_id=named.suggestion_id)
    return (
        f"{row['quantity']} approved by {words.escaped(row['name'])} on {number},"
        f" {words.moment(row['approved_at'])}"
    )


class _Refused(Problem):
    """The problem of one line, as it was told."""

    title = "This was not approved"

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(f"{told.get('title', '')}. {told.get('detail', '')}")


async def _quantity_form(
    connection: DatabaseConnection, named: Named, payload: Mapping[str, Any], actor: Actor
) -> Answer:
    await _require_epoch(connection, named)
    _require_role(actor, Role.MANAGER)
    rows = await _fetch(
        connection, "read_line", suggestion_id=named.suggestion_id, sites=actor.sites
    )
    if not rows or rows[0]["version"] != named.version:
        raise _Refused({"title": "The plan has moved on", "detail": "Open the page for the line."})
    message = payload.get("message") or {}
    kept = {
        "named": {
            "epoch": named.epoch,
            "alert": str(named.alert_id),
            "suggestion": str(named.suggestion_id),
            "version": named.version,
        },
        "response_url": payload["response_url"],
        "message": _within_private_metadata(message),
    }
    return words.quantity_form(
        sku=rows[0]["sku"],
        quantity=rows[0]["quantity"],
        pack_size=rows[0]["pack_size"],
        kept=json.dumps(kept),
    )


def _within_private_metadata(message: Mapping[str, Any]) -> dict[str, Any]:
    """Slack keeps 3,000 characters beside a form: what does not fit is told again by the sender."""
    blocks = [block for block in message.get("blocks", ()) if block.get("type") != "actions"]
    kept = {"text": message.get("text", "")[:300], "blocks": blocks}
    return kept if len(json.dumps(kept)) < 2000 else {**kept, "blocks": []}


async def _by(connection: DatabaseConnection, alert_id: UUID, actor: Actor) -> str:
    """Who was first to say so."""
    rows = await _fetch(connection, "who_acknowledged", alert_id=alert_id)
    first = rows[0]["acknowledged_by"] if rows else None
    return await _name(connection, first or actor.actor_id)


async def _name(connection: DatabaseConnection, actor_id: int) -> str:
    rows = await _fetch(connection, "name_of_actor", actor_id=actor_id)
    return words.escaped(rows[0]["name"]) if rows else "someone"


async def _fetch(
    connection: DatabaseConnection, name: str, **values: object
) -> list[asyncpg.Record]:
    query = getattr(_queries, name)
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows
