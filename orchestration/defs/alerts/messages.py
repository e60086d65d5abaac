"""What a Slack message looks like: Block Kit with a text fallback. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_TEXT_LIMIT = 2900
_HEADER_LIMIT = 150
_KIND_WORDS = {
    "critical_low": "Critically low",
    "low": "Low",
    "over_promised": "Over-promised",
    "discrepancy": "Please count",
    "shortage_source": "Often short",
    "expiring_lot": "Expiring",
    "demand_anomaly": "Unusual demand",
}
_KIND_SIGNS = {
    "critical_low": ":red_circle:",
    "low": ":large_yellow_circle:",
    "over_promised": ":heavy_exclamation_mark:",
    "discrepancy": ":mag:",
    "shortage_source": ":electric_plug:",
    "expiring_lot": ":hourglass_flowing_sand:",
    "demand_anomaly": ":chart_with_upwards_trend:",
}
# How a digest counts each kind; those of stock are told also where there is none.
_COUNTED_AS = {
    "critical_low": "critically low",
    "low": "low",
    "over_promised": "over-promised",
    "discrepancy": "to count",
    "shortage_source": "often short",
    "expiring_lot": "expiring",
    "demand_anomaly": "asked for unusually",
}

Block = dict[str, Any]


@dataclass(frozen=True)
class SlackMessage:
    """One message: `text` is what a notification shows, `metadata` is what it is found again by."""

    text: str
    blocks: Sequence[Block]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decisions:
    """What a message lets people press; `named` and `offer` are what a button is about.

    `offer` is the line of the plan that would be ordered, `quantity` of it, None where there is
    none. A quantity alone says nothing: the line may have moved on since the message was drawn.
    """

    named: Mapping[str, object]
    offer: Mapping[str, object] | None
    quantity: int | None
    page: str


@dataclass(frozen=True)
class Ordered:
    """The approval that answered an alert."""

    quantity: int
    number: str
    at: datetime
    by: str | None


@dataclass(frozen=True)
class ToldAlert:
    """An alert as it stands, with the names that people know."""

    alert_id: str
    kind: str
    status: str
    message: str
    recommendation: str
    product: str
    position: int
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    snoozed_until: datetime | None
    told_by: str | None
    decisions: Decisions | None = None
    ordered: Ordered | None = None


def alert_message(alert: ToldAlert) -> SlackMessage:
    """The one message of an alert, in the state that it is in now."""
    words = _KIND_WORDS[alert.kind]
    state, sign = _state(alert)
    if alert.status == "resolved":
        lines = [f"~{_escape(alert.message)}~"]
    else:
        lines = [_escape(alert.message), f":arrow_right: {_escape(alert.recommendation)}"]
    facts = [f"opened {_time(alert.opened_at)}", f"event {alert.position}", alert.alert_id[:8]]
    if state is not None:
        facts.insert(0, f"*{_escape(state)}*")
    if alert.ordered is not None:
        facts.insert(0, f"*{_escape(_said_of(alert.ordered))}*")
    buttons = _buttons(alert) if alert.decisions is not None else []
    fallback = f"{alert.message} {alert.recommendation}"
    return SlackMessage(
        text=_cut(fallback if state is None else f"{state}. {fallback}", _TEXT_LIMIT),
        blocks=[
            _header(f"{sign} {words}: {alert.product}"),
            _section("\n".join(lines)),
            _context(" · ".join(facts)),
            *buttons,
        ],
        metadata=_metadata("parstock_alert", alert_id=alert.alert_id),
    )


def digest_message(
    *, outbox_id: int, counts: Mapping[str, int], worst: Sequence[tuple[str, str]]
) -> SlackMessage:
    """What was found at a first look, in one message; each is on the alerts page."""
    told = [
        f"{counts.get(kind, 0)} {words}"
        for kind, words in _COUNTED_AS.items()
        if kind in counts or kind in ("critical_low", "low")
    ]
    count = f"{', '.join(told[:-1])} and {told[-1]}"
    lines = [f"• {_escape(said)} {_escape(advice)}" for said, advice in worst]
    more = sum(counts.values()) - len(worst)
    if more > 0:
        lines.append(f"… and {more} more on the alerts page.")
    blocks = [
        _header(f":clipboard: Where stock stands: {count}"),
        _section("Parstock begins to watch. What needs attention already, the worst first:"),
    ]
    blocks += [_section(part) for part in _chunks(lines)]
    return SlackMessage(
        text=f"Parstock begins to watch: {count}. See the alerts page.",
        blocks=blocks,
        metadata=_metadata("parstock_digest", outbox_id=str(outbox_id)),
    )


def run_failed_message(*, outbox_id: int, payload: Mapping[str, Any]) -> SlackMessage:
    """A run of Dagster failed: which, why, and what it means for staff."""
    job = str(payload.get("job", "a job"))
    error = str(payload.get("error", "")).strip()
    run_id = str(payload.get("run_id", ""))
    return SlackMessage(
        text=_cut(f"Run of {job} failed: {error}", _TEXT_LIMIT),
        blocks=[
            _header(f":warning: Run of {job} failed"),
            _section(f"```{_escape(_cut(error or 'no error was told', 1500))}```"),
            _section("Stock and alerts go on; forecast and restock plan stay as they were."),
            _context(f"run {run_id} in the Dagster UI"),
        ],
        metadata=_metadata("parstock_run_failed", outbox_id=str(outbox_id)),
    )


def _state(alert: ToldAlert) -> tuple[str | None, str]:
    by = f" by {alert.told_by}" if alert.told_by else ""
    if alert.status == "resolved" and alert.resolved_at is not None:
        return f"Resolved{by} {_time(alert.resolved_at)}", ":white_check_mark:"
    if alert.status == "acknowledged" and alert.acknowledged_at is not None:
        return f"Acknowledged{by} {_time(alert.acknowledged_at)}", ":eyes:"
    if alert.status == "snoozed":
        until = "" if alert.snoozed_until is None else f" until {_time(alert.snoozed_until)}"
        return f"Snoozed{by}{until}", ":zzz:"
    return None, _KIND_SIGNS[alert.kind]


def _said_of(ordered: Ordered) -> str:
    by = f" by {ordered.by}" if ordered.by else ""
    return f"{ordered.quantity} approved{by} on {ordered.number} {_time(ordered.at)}"


def _buttons(alert: ToldAlert) -> list[Block]:
    """What there is left to decide."""
    decisions = alert.decisions
    if decisions is None or alert.status == "resolved":
        return []
    elements = []
    if decisions.offer is not None and alert.ordered is None:
        elements.append(_button("approve", f"Approve {decisions.quantity}", decisions.offer))
        elements[0]["style"] = "primary"
        elements.append(_button("edit", "Edit quantity", decisions.offer))
    if alert.status == "open":
        elements.append(_button("acknowledge", "Seen", decisions.named))
    if alert.status != "snoozed":
        elements.append(_button("snooze", "Not until tomorrow", decisions.named))
    elements.append({**_button("open", "Open", {}), "url": decisions.page})
    return [{"type": "actions", "elements": elements}]


def _button(action: str, text: str, value: Mapping[str, object]) -> Block:
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": text},
        "value": json.dumps(value),
    }


def _header(text: str) -> Block:
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": _cut(text, _HEADER_LIMIT), "emoji": True},
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, _TEXT_LIMIT)}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(text, _TEXT_LIMIT)}]}


def _metadata(event_type: str, **payload: str) -> dict[str, Any]:
    return {"event_type": event_type, "event_payload": payload}


def _chunks(lines: Sequence[str]) -> list[str]:
    """The lines in as few texts as fit Slack's limit for one section."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + len(line) + 1 <= _TEXT_LIMIT:
            texts[-1] += "\n" + line
        else:
            texts.append(line)
    return texts


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _time(moment: datetime) -> str:
    """A time that Slack shows in the reader's own zone; UTC where it cannot."""
    said = moment.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{said}>"
