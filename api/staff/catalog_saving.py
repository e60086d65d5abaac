"""From a filled-in form to the catalog: what the public API does, its refusals in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.catalog import service
from api.catalog.errors import DifferentContent
from api.catalog.kinds import Key
from api.database import DatabaseConnection, say_who_acts
from api.deps import Actor
from api.problems import NotFound, PreconditionFailed, Problem
from api.staff.catalog_fields import Master, address_of
from api.staff.catalog_forms import MasterForm, of_row

_AS_A_PAGE = (401, 403, 404, 413, 503)


@dataclass(frozen=True, slots=True)
class Saved:
    """It stands as the form said."""

    key: Key
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSaved:
    """It does not: what to show around the same form. `changes` is how many came between."""

    form: MasterForm
    status: int = 422
    errors: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    taken: str = ""
    changes: int = 0


async def make(
    connection: DatabaseConnection, form: MasterForm, *, actor: Actor
) -> Saved | NotSaved:
    """Keep a new row; the same form sent twice makes one."""
    master, kind = form.master, form.master.kind
    values, errors = form.values()
    if errors:
        return NotSaved(form=form, errors=errors)
    try:
        row = service.patched(kind, None, values)
        async with connection.transaction():
            await say_who_acts(connection, actor.actor_id)
            kept, _ = await service.create(connection, kind, row, sites=actor.sites)
    except DifferentContent:
        return NotSaved(
            form=form,
            status=409,
            errors={kind.key[-1]: f"There is a {kind.title} with this code already."},
            taken=address_of(master, kind.key_of(row)),
        )
    except NotFound:
        # It is there, at a site that is not this actor's.
        return NotSaved(form=form, status=409, errors={kind.key[-1]: "This code is taken."})
    except Problem as problem:
        return _in_words(form, problem)
    return Saved(kind.key_of(kept), kept.version)


async def save(
    connection: DatabaseConnection, form: MasterForm, key: Key, *, actor: Actor
) -> Saved | NotSaved:
    """Change what was touched, if the row is still at the version that the form shows."""
    values, errors = form.values()
    if errors:
        return NotSaved(form=form, errors=errors)
    kind = form.master.kind
    try:
        async with connection.transaction():
            await say_who_acts(connection, actor.actor_id)
            kept = await service.change(
                connection,
                kind,
                key,
                values,
                versions=frozenset({form.version or 0}),
                sites=actor.sites,
            )
    except PreconditionFailed:
        return await _conflict(connection, form, key, actor)
    except NotFound:
        if kind.delete is None:
            raise
        return _gone(form, key)
    except Problem as problem:
        return _in_words(form, problem)
    return Saved(key, kept.version)


async def remove(
    connection: DatabaseConnection, master: Master, key: Key, version: int, *, actor: Actor
) -> None:
    """Delete the version that was shown; what is gone already is no refusal."""
    async with connection.transaction():
        await say_who_acts(connection, actor.actor_id)
        await service.remove(
            connection, master.kind, key, versions=frozenset({version}), sites=actor.sites
        )


async def _conflict(
    connection: DatabaseConnection, form: MasterForm, key: Key, actor: Actor
) -> Saved | NotSaved:
    row = await service.get(connection, form.master.kind, key, sites=actor.sites)
    now = of_row(form.master, row)
    again = form.against(now)
    if not again.touched:
        return Saved(key, row.version)
    changes = max(1, row.version - (form.version or 0))
    return NotSaved(form=again, status=412, changes=changes)


def _gone(form: MasterForm, key: Key) -> NotSaved:
    codes = dict(zip(form.master.kind.key, key, strict=True))
    again = MasterForm(master=form.master, typed={**form.typed, **codes})
    refusal = "It was deleted while you were typing. Save to make it again."
    return NotSaved(form=again, status=409, refusal=refusal)


def _in_words(form: MasterForm, problem: Problem) -> NotSaved:
    if problem.status in _AS_A_PAGE:
        raise problem
    errors: dict[str, str] = {}
    for error in problem.errors:
        name = error.get("pointer", "").removeprefix("#/").split("/")[0]
        detail = error["detail"].rstrip(".") + "."
        errors.setdefault(name, detail)
    asked = {asked.name for asked in form.fields}
    refusal = "" if errors and set(errors) <= asked else problem.detail
    return NotSaved(form=form, status=problem.status, errors=errors, refusal=refusal)
