"""A form of master data: what it said when it was opened, what was typed, and what stands now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from api.staff.catalog_fields import Field, Master, NotRead, read, shown

_LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """That a field was changed by someone else: `is_kept` says that what was typed still stands."""

    now: str
    before: str
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterForm:
    """The fields as text: `was` is what they said at the version that the form was opened at."""

    master: Master
    typed: Mapping[str, str]
    was: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    meanwhile: Mapping[str, Meanwhile] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        return self.version is None

    @property
    def fields(self) -> Sequence[Field]:
        return self.master.asked(is_new=self.is_new)

    @property
    def opened_at(self) -> str:
        """What the hidden field of the form carries."""
        return json.dumps(self.was)

    @property
    def touched(self) -> set[str]:
        """The fields that were changed by hand; all of them in a new row."""
        return {
            asked.name
            for asked in self.fields
            if self.is_new or self.typed[asked.name] != self.was.get(asked.name, "")
        }

    def values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was typed as the values of a row, and what is wrong with it, by field."""
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        sent = self.touched
        currency = self._currency
        if "currency" in sent:
            # An amount means something else in another currency, so it is told anew.
            sent |= {asked.name for asked in self.fields if asked.kind in ("money", "prices")}
        for asked in self.fields:
            if asked.name not in sent:
                continue
            try:
                value = read(asked, self.typed[asked.name], currency)
            except NotRead as error:
                errors[asked.name] = str(error)
                continue
            values[asked.name] = self._as_sent(asked, value)
        if self.is_new:
            values = {name: value for name, value in values.items() if value is not None}
        return values, errors

    def against(self, now: "MasterForm") -> "MasterForm":
        """The same typing on top of what stands now: what was not touched follows it."""
        typed: dict[str, str] = {}
        meanwhile: dict[str, Meanwhile] = {}
        for asked in self.fields:
            mine, was, stands = (
                held.get(asked.name, "") for held in (self.typed, self.was, now.typed)
            )
            is_kept = asked.name in self.touched
            typed[asked.name] = mine if is_kept else stands
            if stands != was and not (is_kept and mine == stands):
                meanwhile[asked.name] = Meanwhile(stands, was, is_kept=is_kept)
        return MasterForm(
            master=self.master,
            typed=typed,
            was=now.typed,
            version=now.version,
            meanwhile=meanwhile,
        )

    def _as_sent(self, asked: Field, value: Any) -> Any:
        """In a merge patch an entry goes only where it is said to be null."""
        if asked.kind not in ("lines", "prices") or self.is_new:
            return value
        try:
            before = read(asked, self.was.get(asked.name, ""), self.was.get("currency") or None)
        except NotRead:
            before = {}
        return {**dict.fromkeys(before), **value}

    @property
    def _currency(self) -> str | None:
        return self.typed.get("currency", "").strip().upper() or None


def of_row(master: Master, row: BaseModel) -> MasterForm:
    """The form of a row as it is kept."""
    currency = getattr(row, "currency", None)
    typed = {
        asked.name: shown(asked, getattr(row, asked.name), currency) for asked in master.fields
    }
    version: int = getattr(row, "version")  # noqa: B009 - every kept row has one
    return MasterForm(master=master, typed=typed, was=typed, version=version)


def empty(master: Master, given: Mapping[str, str]) -> MasterForm:
    """The form of a new row: the defaults of its kind, and what the address said."""
    typed = {}
    for asked in master.fields:
        default = master.kind.row.model_fields[asked.name].get_default(call_default_factory=True)
        is_said = not master.kind.row.model_fields[asked.name].is_required()
        typed[asked.name] = given.get(asked.name) or (
            shown(asked, default, None) if is_said else ""
        )
    return MasterForm(master=master, typed=typed)


def sent(master: Master, form: Mapping[str, Any], *, is_new: bool) -> MasterForm:
    """The form as a browser sent it; what it says to take from the row as it stands, is taken."""
    was = {} if is_new else _read_was(form.get("was"))
    typed = {}
    for asked in master.asked(is_new=is_new):
        text = form.get(asked.name, was.get(asked.name, ""))
        text = text.replace("\r\n", "\n")[:_LONGEST] if isinstance(text, str) else ""
        typed[asked.name] = was.get(asked.name, "") if f"take_{asked.name}" in form else text
    if "currency" in typed:
        typed["currency"] = typed["currency"].strip().upper()
    number = form.get("version")
    version = int(number) if isinstance(number, str) and number.isdecimal() else 0
    return MasterForm(
        master=master, typed=typed, was=was, version=None if is_new else min(version, 2**62)
    )


def _read_was(text: Any) -> dict[str, str]:
    try:
        held = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        held = {}
    if not isinstance(held, dict):
        return {}
    return {
        name: value.encode("utf-8", "replace").decode()
        for name, value in held.items()
        if isinstance(value, str)
    }
