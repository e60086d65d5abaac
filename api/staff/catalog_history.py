"""The log of changes as people read it: who changed what from what to what, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.catalog import changes
from api.catalog.schemas import Change
from api.database import DatabaseConnection
from api.staff import catalog_fields as fields
from api.staff import service as staff
from api.staff.catalog_fields import Field, Master, address_of, named
from api.staff.formats import money

_NOTHING = "\N{EN DASH}"
_TITLES = {"image": "Picture", "recipe": "Recipe"}
_SHOWN = 20
# What a person never typed.
_UNTOLD = frozenset({"sha256", "media_type", "width_px", "height_px", "size_bytes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldChange:
    """One line of the log in words: each field with what it said before and after."""

    what: str
    address: str | None
    who: str
    at: datetime
    is_new: bool
    fields: Sequence[tuple[str, str, str]]


async def history_of(connection: DatabaseConnection, master: Master, row: Any) -> list[ToldChange]:
    """What was changed of a row, and of a product's pictures and recipe."""
    code = "/".join(master.kind.key_of(row))
    named = [(master.kind.name, code)]
    if master is fields.PRODUCTS:
        named += [("recipe", code), *(("image", f"{code}/{number}") for number in range(1, 100))]
    found = await changes.list_changes_of(connection, named, limit=_SHOWN)
    return await in_words(connection, found, of=code, currency=getattr(row, "currency", None))


async def last_changes(
    connection: DatabaseConnection, master: Master, row: Any, *, count: int
) -> list[ToldChange]:
    """The newest changes of a row: each made a version."""
    code = "/".join(master.kind.key_of(row))
    limit = min(count, _SHOWN)
    found = await changes.list_changes_of(connection, [(master.kind.name, code)], limit=limit)
    return await in_words(connection, found, of=code, currency=getattr(row, "currency", None))


async def in_words(
    connection: DatabaseConnection,
    found: Sequence[Change],
    *,
    of: str | None = None,
    currency: str | None = None,
) -> list[ToldChange]:
    """Lines of the log with names and labels; `of` is the code of the page that they stand on."""
    names = await staff.name_actors(connection, (change.actor_id for change in found))
    return [
        ToldChange(
            what=_what(change, of),
            address=_address(change) if of is None else None,
            who=names.get(change.actor_id) or "someone who was erased",
            at=change.changed_at,
            is_new=change.before is None,
            fields=_fields(change, currency),
        )
        for change in found
    ]


def _what(change: Change, of: str | None) -> str:
    verb = "made" if change.before is None else "deleted" if change.after is None else "changed"
    master = fields.BY_ENTITY.get(change.entity)
    title = master.title if master is not None else _TITLES.get(change.entity, change.entity)
    return f"{title} {verb}" if change.code == of else f"{title} {change.code} {verb}"


def _address(change: Change) -> str | None:
    master = fields.BY_ENTITY.get(change.entity)
    if master is None or len(master.kind.key) > 1:
        return None
    return address_of(master, (change.code,))


def _fields(change: Change, currency: str | None) -> list[tuple[str, str, str]]:
    before, after = change.before or {}, change.after or {}
    master = fields.BY_ENTITY.get(change.entity)
    told = []
    for name in sorted({**before, **after}, key=lambda name: _rank(master, name)):
        if name in _UNTOLD:
            continue
        field = master.field(name) if master is not None else None
        label = field.label if field is not None else name.replace("_", " ").capitalize()
        was = _told(field, before.get(name), _currency(before, after, currency))
        becomes = _told(field, after.get(name), _currency(after, before, currency))
        if was != becomes:
            told.append((label, was, becomes))
    return told


def _rank(master: Master | None, name: str) -> tuple[int, str]:
    """In the order of the form."""
    names = [field.name for field in master.fields] if master is not None else []
    return (names.index(name) if name in names else len(names), name)


def _currency(
    first: Mapping[str, Any], second: Mapping[str, Any], otherwise: str | None
) -> str | None:
    return first.get("currency") or second.get("currency") or otherwise


def _told(field: Field | None, value: Any, currency: str | None) -> str:
    match value:
        case None | {}:
            return _NOTHING
        case bool():
            return "Yes" if value else "No"
        case dict() if field is not None and field.kind == "prices" and currency:
            return ", ".join(
                f"{least}: {money(value[least], currency)}" for least in sorted(value, key=int)
            )
        case dict():
            return ", ".join(f"{name}: {told}" for name, told in sorted(value.items()))
        case int() if field is not None and field.kind == "money" and currency:
            return money(value, currency)
        case int():
            return f"{value:,}"
        case _:
            return named(str(value), field.choices if field is not None else ())
