"""What Slack is answered: texts, and a message with its buttons replaced by the decision. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from api.ledger.schemas import StockLevel

Answer = dict[str, Any]
_PLACES_SHOWN = 20


def only_to_them(text: str) -> Answer:
    """Words that nobody else in the channel sees."""
    return {"response_type": "ephemeral", "replace_original": False, "text": text}


def invitation(address: str) -> Answer:
    return only_to_them(
        f"Parstock does not know yet who you are. <{address}|Say so once>, signed in there, and"
        " press again."
    )


def decided(message: Mapping[str, Any], decision: str) -> Answer:
    """The message as it stands, with what was decided in the place of its buttons."""
    blocks = [block for block in message.get("blocks", ()) if block.get("type") != "actions"]
    element = {"type": "mrkdwn", "text": f":white_check_mark: *{decision}*"}
    return {
        "replace_original": True,
        "text": f"{decision}. {message.get('text', '')}"[:2900],
        "blocks": [*blocks, {"type": "context", "elements": [element]}],
    }


def moment(at: datetime) -> str:
    """A time in the reader's own zone; UTC where Slack cannot tell it."""
    said = at.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{said}>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def levels_of(sku: str, levels: Sequence[StockLevel]) -> str:
    """What each place has of a product."""
    on_hand = sum(level.on_hand for level in levels)
    available = sum(level.available for level in levels)
    lines = [f"*{escaped(sku)}*: {on_hand} on hand, {available} available"]
    for level in levels[:_PLACES_SHOWN]:
        promised = f", {level.reserved} reserved" if level.reserved else ""
        lines.append(f"• {escaped(level.location)}: {level.on_hand}{promised}")
    if len(levels) > _PLACES_SHOWN:
        lines.append(f"… and {len(levels) - _PLACES_SHOWN} more places.")
    return "\n".join(lines)


def quantity_form(*, sku: str, quantity: int, pack_size: int, kept: str) -> Answer:
    """A modal that asks how many to order."""
    packs = "" if pack_size == 1 else f" in packs of {pack_size}"
    return {
        "type": "modal",
        "callback_id": "order_quantity",
        "private_metadata": kept,
        "title": {"type": "plain_text", "text": "Approve another number"[:24]},
        "submit": {"type": "plain_text", "text": "Approve"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            {
                "type": "input",
                "block_id": "quantity",
                "label": {"type": "plain_text", "text": f"Units of {sku}{packs}"[:2000]},
                "element": {
                    "type": "number_input",
                    "action_id": "units",
                    "is_decimal_allowed": False,
                    "initial_value": str(quantity),
                    "min_value": "1",
                },
            }
        ],
    }
