"""What a migration may say: nothing that rewrites a table or holds it while others wait.

docs/decisions/0022 has the rules and their reasons. The first seven were released together, onto
databases that nobody wrote yet.
"""

import re

import pytest

from db.migrate import Migration, migrations

_RELEASED_EMPTY = 7
# These grow with the ledger; all others are small enough to be read or rewritten in a moment.
_LARGE = r"ledger\.(inventory_events|movements|stock_levels|rejected_events)"
_ALTER_LARGE = rf"\balter\s+table\s+(only\s+)?{_LARGE}\b[^;]*"

_FORBIDDEN = {
    "changing a column's type rewrites the table": (
        rf"{_ALTER_LARGE}\balter\s+(column\s+)?\w+\s+(set\s+data\s+)?type\b"
    ),
    "a stored generated column rewrites the table": (
        rf"{_ALTER_LARGE}\bgenerated\s+always\s+as\s*\([^;]*\bstored\b"
    ),
    "a volatile default rewrites the table": (
        rf"{_ALTER_LARGE}\bdefault\s+(gen_random_uuid|clock_timestamp|random|nextval)\s*\("
    ),
    "`set not null` reads the whole table under its strongest lock": (
        rf"{_ALTER_LARGE}\bset\s+not\s+null\b"
    ),
    "a constraint is checked on every row under a lock: add it `not valid`, validate it after": (
        rf"{_ALTER_LARGE}\badd\s+constraint\b(?![^;]*\bnot\s+valid\b)"
    ),
    "an index is built while nobody may write: a file of its own makes it `concurrently`": (
        rf"\bcreate\s+(unique\s+)?index\s+(?!concurrently\b)[^;]*?\bon\s+(only\s+)?{_LARGE}\b"
    ),
    "every row of a large table is written": rf"\b(update|delete\s+from)\s+{_LARGE}\b",
    "these lock out readers too": r"\b(vacuum\s+full|cluster|reindex|truncate|lock\s+table)\b",
    "what was released stays readable": (
        r"\b(drop\s+table|drop\s+column|rename\s+(column|to)|drop\s+schema)\b"
    ),
}
NEW = [migration for migration in migrations() if migration.number > _RELEASED_EMPTY]


def broken_rules(script: str) -> list[str]:
    """The rules that a script breaks, each in a sentence; what functions do is theirs."""
    text = re.sub(r"--[^\n]*", "", script)
    text = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", text, flags=re.DOTALL)
    text = re.sub(r"\bcreate\s+(or\s+replace\s+)?(constraint\s+)?trigger\b[^;]*;", "", text)
    return [rule for rule, pattern in _FORBIDDEN.items() if re.search(pattern, text, re.IGNORECASE)]


@pytest.mark.parametrize("migration", NEW, ids=lambda migration: migration.name)
def test_no_migration_rewrites_or_holds_a_table(migration: Migration) -> None:
    assert broken_rules(migration.script) == []


@pytest.mark.parametrize("migration", NEW, ids=lambda migration: migration.name)
def test_indexes_are_built_beside_writers_in_files_of_their_own(migration: Migration) -> None:
    if not migration.is_concurrent:
        assert "concurrently" not in migration.script
        return
    # One that was cut short leaves a broken index, so each is dropped before it is built.
    pairs = list(zip(migration.statements[::2], migration.statements[1::2], strict=True))
    for drop, create in pairs:
        dropped = re.fullmatch(r"drop index concurrently if exists ([\w.]+)", drop)
        created = re.match(r"create (?:unique )?index concurrently (\w+)\s+on (\w+)\.", create)
        assert dropped is not None
        assert created is not None
        assert dropped[1] == f"{created[2]}.{created[1]}"


def test_numbers_are_used_once() -> None:
    numbers = [migration.number for migration in migrations()]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "script",
    [
        "alter table ledger.movements alter column leg type integer;",
        "create index late on ledger.inventory_events (occurred_at);",
        "alter table ledger.movements add column at timestamptz default clock_timestamp();",
        "alter table ledger.movements add constraint positive check (leg >= 0);",
        "alter table ledger.stock_levels alter column counted_position set not null;",
        "update ledger.movements set reserved_change = 0;",
        "truncate catalog.changes;",
        "drop table catalog.imports;",
    ],
)
def test_what_blocks_is_seen(script: str) -> None:
    assert len(broken_rules(script)) == 1


@pytest.mark.parametrize(
    "script",
    [
        "alter table ledger.movements add column note text default 'none';",
        "alter table ledger.movements add constraint positive check (leg >= 0) not valid;",
        "alter table catalog.products alter column sku type varchar(40);",
        "create index concurrently late on ledger.inventory_events (occurred_at);",
        "-- never truncate\ncreate function f() returns int language sql as $$ select 1 $$;",
        "create trigger kept before update or delete or truncate on x execute function f();",
    ],
)
def test_what_does_not_block_is_let_through(script: str) -> None:
    assert broken_rules(script) == []
