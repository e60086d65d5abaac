"""Master data on pages: lists, forms that never overwrite unseen, and who changed what."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.catalog import changes, service
from api.catalog.kinds import Key
from api.catalog.paths import key_in_path
from api.catalog.product_routes import Editor
from api.catalog.routes import editor_of
from api.deps import Reader, ReadingConnection
from api.pagination import Paging, encode_cursor, page_of
from api.problems import Problem
from api.staff import catalog_forms, catalog_history, catalog_saving
from api.staff.catalog_fields import MASTERS, PLACES, PRODUCTS, Master, address_of
from api.staff.catalog_saving import NotSaved, Saved
from api.staff.catalog_shown import CodePageRoute, form_page
from api.staff.catalog_views import list_address, listed, may_edit, rows_of
from api.staff.pages import CurrentShell, address, page, see_other

router = APIRouter(prefix="/catalog", route_class=CodePageRoute, include_in_schema=False)

_A_PAGE = 50
Cursor = Annotated[str | None, Query(max_length=2000)]
SavedVersion = Annotated[int | None, Query(ge=0, lt=2**63)]


@router.get("")
async def open_catalog(actor: Reader) -> RedirectResponse:
    return see_other("/catalog/products")


@router.get("/changes")
async def show_changes(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    actor: Editor,
    cursor: Cursor = None,
) -> HTMLResponse:
    """Every change of master data, the newest first."""
    (before_id,) = Paging(_A_PAGE, cursor).after(int) or (None,)
    found = await changes.list_changes(connection, before_id=before_id, limit=_A_PAGE + 1)
    shown, next_cursor = page_of(found, _A_PAGE, lambda change: (change.change_id,))
    return page(
        request,
        "catalog_changes.html",
        shell=shell,
        here="catalog",
        master=None,
        masters=MASTERS,
        history=await catalog_history.in_words(connection, shown),
        next_address=address("/catalog/changes", cursor=next_cursor) if next_cursor else None,
    )


def _add_list(master: Master) -> None:
    kind = master.kind

    @router.get(f"/{master.path}")
    async def show_list(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        cursor: Cursor = None,
    ) -> HTMLResponse:
        asked = _asked(request, (*kind.filters, *(kind.key if len(kind.key) > 1 else ())))
        rows = await rows_of(
            connection,
            master,
            asked,
            sites=shell.sites,
            after=Paging(_A_PAGE, cursor).after(*(str for _ in kind.key)),
            limit=_A_PAGE + 1,
        )
        shown = rows[:_A_PAGE]
        more = encode_cursor(*kind.key_of(shown[-1])) if len(rows) > _A_PAGE else None
        return page(
            request,
            "catalog_list.html",
            shell=shell,
            here="catalog",
            master=master,
            masters=MASTERS,
            asked=asked,
            rows=[listed(master, row) for row in shown],
            next_address=list_address(master, asked, more),
            may_edit=may_edit(shell, master),
        )


# In the annotations below `editor_of(kind)` is worked out as the routes are made, which FastAPI
# reads and mypy cannot: hence each `type: ignore[valid-type]`, as in api/catalog/routes.py.
def _add_making(master: Master) -> None:
    @router.get(f"/new/{master.path}")
    async def show_new(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        actor: editor_of(master.kind),  # type: ignore[valid-type]
    ) -> HTMLResponse:
        given = _asked(request, [field.name for field in master.fields])
        form = catalog_forms.empty(master, given)
        return await form_page(request, shell, connection, NotSaved(form=form, status=200))

    @router.post(f"/new/{master.path}")
    async def make(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        actor: editor_of(master.kind),  # type: ignore[valid-type]
    ) -> Response:
        """Make it; a refusal is the same form, its fields kept."""
        form = catalog_forms.sent(master, await request.form(), is_new=True)
        outcome = await catalog_saving.make(connection, form, actor=actor)
        if isinstance(outcome, Saved):
            return _to(master, outcome)
        return await form_page(request, shell, connection, outcome)


def _add_changing(master: Master) -> None:
    item = "/".join((f"/{master.path}", *(f"{{{name}}}" for name in master.kind.key)))
    CurrentKey = Annotated[Key, Depends(key_in_path(master.kind))]  # noqa: N806 - a type

    @router.get(item)
    async def show(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        key: CurrentKey,
        saved: SavedVersion = None,
    ) -> HTMLResponse:
        row = await service.get(connection, master.kind, key, sites=shell.sites)
        as_it_is = NotSaved(form=catalog_forms.of_row(master, row), status=200)
        return await form_page(request, shell, connection, as_it_is, row=row, saved=saved)

    @router.post(item)
    async def save(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        key: CurrentKey,
        actor: editor_of(master.kind),  # type: ignore[valid-type]
    ) -> Response:
        """Save it, unless someone else was faster: then both stand side by side."""
        form = catalog_forms.sent(master, await request.form(), is_new=False)
        outcome = await catalog_saving.save(connection, form, key, actor=actor)
        if isinstance(outcome, Saved):
            return _to(master, outcome)
        row = None
        if not outcome.form.is_new:
            row = await service.get(connection, master.kind, key, sites=shell.sites)
        return await form_page(request, shell, connection, outcome, row=row)


def _add_deleting(master: Master) -> None:
    item = "/".join((f"/{master.path}", *(f"{{{name}}}" for name in master.kind.key)))
    CurrentKey = Annotated[Key, Depends(key_in_path(master.kind))]  # noqa: N806 - a type

    @router.post(f"{item}/delete")
    async def remove(
        request: Request,
        shell: CurrentShell,
        connection: ReadingConnection,
        key: CurrentKey,
        actor: editor_of(master.kind),  # type: ignore[valid-type]
    ) -> Response:
        """Delete the version that was shown."""
        form = catalog_forms.sent(master, await request.form(), is_new=False)
        row = (await service.find(connection, master.kind, [key], sites=shell.sites)).get(key)
        if row is None:
            return see_other(f"/catalog/{master.path}")
        try:
            await catalog_saving.remove(connection, master, key, form.version or 0, actor=actor)
        except Problem as problem:
            if problem.status not in (409, 412):
                raise
            now = await service.get(connection, master.kind, key, sites=shell.sites)
            kept = NotSaved(
                form=catalog_forms.of_row(master, now),
                status=problem.status,
                refusal=f"It was not deleted. {problem.detail}",
            )
            return await form_page(request, shell, connection, kept, row=now)
        return see_other(_where_it_was(row))


def _where_it_was(row: Any) -> str:
    """The page of what it belonged to."""
    if hasattr(row, "location"):
        return address_of(PLACES, (row.location,))
    return address_of(PRODUCTS, (row.sku,))


def _to(master: Master, saved: Saved) -> RedirectResponse:
    return see_other(address(address_of(master, saved.key), saved=saved.version))


def _asked(request: Request, names: Iterable[str]) -> Mapping[str, str]:
    """What the address says of these, without what no code can hold."""
    told = {name: request.query_params.get(name, "") for name in names}
    return {
        name: value.replace("\x00", " ").strip()[:100]
        for name, value in told.items()
        if value.strip()
    }


for _master in MASTERS:
    _add_list(_master)
    _add_making(_master)
    _add_changing(_master)
    if _master.kind.delete is not None:
        _add_deleting(_master)
