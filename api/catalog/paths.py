"""Codes in addresses: any printable character, a slash, too, when it is sent as %2F."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Path, Query
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from api.catalog.kinds import Key, Kind
from api.text import SoughtCode


class CodeRoute(APIRoute):
    """A route that is compared with the address as it was sent, so that a code is one segment."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raw: bytes = scope.get("raw_path") or b""
        sent = raw.partition(b"?")[0].decode("latin-1") or scope["path"]
        match, found = super().matches({**scope, "path": sent})
        if "path_params" in found:
            codes = {name: unquote(code) for name, code in found["path_params"].items()}
            found = {**found, "path_params": codes}
        return match, found


def key_in_path(kind: Kind[Any]) -> Callable[..., Awaitable[Key]]:
    """A dependency: the codes in the address, as the key of a row."""

    async def key(**codes: str) -> Key:
        return tuple(codes[name] for name in kind.key)

    return _taking(key, {name: (Annotated[kind.key_type, Path()], ...) for name in kind.key})


def filters_in_query(kind: Kind[Any]) -> Callable[..., Awaitable[dict[str, Any]]]:
    """A dependency: what a list is narrowed down to."""
    of_key = kind.key if len(kind.key) > 1 else ()

    async def filters(**given: str | None) -> dict[str, Any]:
        codes = {name: [given[name]] for name in of_key if given[name] is not None}
        return {**{name: given[name] for name in kind.filters}, **codes}

    about = {"search": f"in {kind.key[0]} and name"}
    taken = {
        name: (
            Annotated[SoughtCode | None, Query(description=about.get(name, "only with this"))],
            None,
        )
        for name in (*kind.filters, *of_key)
    }
    return _taking(filters, taken)


def _taking(
    function: Callable[..., Awaitable[Any]], parameters: dict[str, tuple[Any, Any]]
) -> Callable[..., Awaitable[Any]]:
    """Say which parameters a function takes; FastAPI reads its signature."""
    # Python looks for this attribute (PEP 362); a callable is not typed as having it.
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=inspect.Parameter.empty if default is ... else default,
            )
            for name, (annotation, default) in parameters.items()
        ]
    )
    return function
