"""Load named queries from a `queries.sql` beside the module that runs them.

A query is written once, with psycopg's `%(name)s` parameters, and runs through psycopg as it
stands or through asyncpg with the same names (asyncpg itself only knows `$1`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_NAME = re.compile(r"^-- name: (\w+)[ \t]*\n", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Query:
    """One named statement: `text` for psycopg, `positional` with `names` for asyncpg."""

    name: str
    text: str
    positional: str = field(init=False)
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(dict.fromkeys(_PARAMETER.findall(self.text)))
        positional = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", self.text)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "positional", positional.replace("%%", "%"))

    def __str__(self) -> str:
        return self.text

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values in the order of `$1, $2, ...`; KeyError names what is missing."""
        return tuple(values[name] for name in self.names)


class Queries:
    """The named queries of one file, as attributes; an unknown name is an AttributeError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        names, bodies = parts[1::2], parts[2::2]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{path} names a query twice: {', '.join(sorted(twice))}")
        self._queries = {
            name: Query(name, body.strip().removesuffix(";"))
            for name, body in zip(names, bodies, strict=True)
        }

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"{self._path} has no query named {name}") from None


def load_queries(module_file: str) -> Queries:
    """The queries of `queries.sql` beside the module whose `__file__` is given."""
    return Queries(Path(module_file).with_name("queries.sql"))
