"""A form of master data as a page, with all that stands around it."""

from collections import defaultdict
from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse

from api.catalog import images
from api.catalog.paths import CodeRoute
from api.database import DatabaseConnection
from api.staff import catalog_history, catalog_views
from api.staff.catalog_fields import PRODUCTS, Master, address_of
from api.staff.catalog_saving import NotSaved
from api.staff.pages import PageRoute, Shell, page


class CodePageRoute(PageRoute, CodeRoute):
    """A page in whose address each code is one segment."""


async def form_page(
    request: Request,
    shell: Shell,
    connection: DatabaseConnection,
    told: NotSaved,
    *,
    row: Any = None,
    saved: int | None = None,
) -> HTMLResponse:
    """The form with what is wrong with it, what came between, what belongs to it and its past."""
    form, master = told.form, told.form.master
    choices = await catalog_views.choices_of(connection, form, row, sites=shell.sites)
    editable = catalog_views.may_edit(shell, master)
    seen = editable and row is not None
    return page(
        request,
        "catalog_form.html",
        shell=shell,
        here="catalog",
        status=told.status,
        master=master,
        form=form,
        row=row,
        title=_title(master, row),
        action=f"/catalog/new/{master.path}"
        if form.is_new
        else address_of(master, master.kind.key_of(row)),
        fixed=_fixed(master, row),
        choices=choices,
        suggested=catalog_views.suggested(form) if editable else [],
        in_words=catalog_views.in_words(form, choices),
        errors=defaultdict(str, told.errors),
        wrong=[asked for asked in form.fields if asked.name in told.errors],
        refusal=told.refusal,
        taken=told.taken,
        between=await catalog_history.last_changes(connection, master, row, count=told.changes)
        if told.changes
        else [],
        saved=row is not None and saved == row.version,
        may_edit=editable,
        parts=await catalog_views.parts_of(connection, shell, master, row),
        pictures=await images.list_images(connection, row.sku)
        if master is PRODUCTS and row is not None
        else [],
        history=await catalog_history.history_of(connection, master, row) if seen else [],
    )


def _title(master: Master, row: Any) -> str:
    if row is None:
        return f"New {master.title.lower()}"
    return getattr(row, "name", None) or " · ".join(master.kind.key_of(row))


def _fixed(master: Master, row: Any) -> list[tuple[str, str]]:
    """What was said for good when the row was made."""
    if row is None:
        return []
    return [
        (asked.label, str(getattr(row, asked.name)))
        for asked in master.fields
        if asked.name in master.fixed
    ]
