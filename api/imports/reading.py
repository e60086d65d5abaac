"""Read a CSV, Excel or Parquet file into one DuckDB table, whatever its columns are called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from api.imports.columns import Column
from api.imports.errors import FileUnreadable
from api.imports.forms import ESCAPED_TEXT, REJECTED_COLUMNS, exported_kind, is_our_form
from api.imports.schemas import Kind
from api.imports.workbook import MAGIC as WORKBOOK_MAGIC
from api.imports.workbook import load_workbook

_PARQUET_MAGIC = b"PAR1"
_PARQUET_SUFFIXES = (".parquet", ".pq")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
_OTHER_FORMATS = (".xls", ".ods", ".json", ".xml", ".pdf", ".zip")
_SAMPLE_LINES = 1_000
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UINTEGER", "UBIGINT")
_READ_CSV = """
from read_csv(
    $1, encoding = $2, compression = $3, header = true, all_varchar = true,
    null_padding = true, store_rejects = true, parallel = false
)
"""
# A file whose first line is a header of ours is read as we write it, and nothing is guessed.
_READ_OUR_CSV = """
from read_csv(
    $1, encoding = $2, compression = $3, header = true, all_varchar = true,
    delim = ',', quote = '"', escape = '"', comment = '', skip = 0,
    null_padding = true, store_rejects = true, parallel = false
)
"""
_LONGEST_HEADER_BYTES = 4096
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_ESCAPED = "'" + ESCAPED_TEXT.replace("'", "''") + "'"
DATE_FORMATS = (
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
)


@dataclass(frozen=True)
class Table:
    """The file as table `raw`: `row` (the header is row 1), then c0, c1, ... as they stand.

    `exported`: the kind of an export of ours, whose codes are meant to the letter.
    """

    connection: duckdb.DuckDBPyConnection
    columns: tuple[Column, ...]
    surplus: tuple[str, ...]
    lines: int
    encoding: str
    file_columns: tuple[Column, ...]
    exported: Kind | None = None
    sheet: str | None = None

    @property
    def is_exact(self) -> bool:
        return self.exported is not None


@contextmanager
def workspace() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of this import's own; what does not fit into its memory goes to a folder."""
    with (
        TemporaryDirectory(prefix="parstock-import-") as folder,
        duckdb.connect(
            config={
                "memory_limit": "512MB",
                "threads": 2,
                "temp_directory": folder,
                "autoinstall_known_extensions": False,
            }
        ) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def read_file(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    called: str | None = None,
    sheet: str | None = None,
) -> Table:
    """Fill `raw` from the file; raises FileUnreadable with what is wrong in one sentence."""
    name = called or path.name
    start = _first_bytes(path, name)
    chosen: str | None = None
    suffix = Path(name).suffix.lower()
    if suffix in _PARQUET_SUFFIXES or start.startswith(_PARQUET_MAGIC):
        if not start.startswith(_PARQUET_MAGIC):
            raise FileUnreadable(f"{name} is not a Parquet file, whatever its name says.")
        names, encoding = _load_parquet(connection, path, name), "Parquet"
        surplus = 0
    elif suffix in _WORKBOOK_SUFFIXES or start.startswith(WORKBOOK_MAGIC):
        names, surplus, chosen = load_workbook(connection, path, name, sheet)
        encoding = "Excel"
    else:
        names, encoding = _load_csv(connection, path, name, start)
        surplus = _surplus(names)
    _count_broken_lines_in(connection)
    lines = _count(connection)
    if lines == 0:
        raise FileUnreadable(f"{name} has no lines below its header.")
    types = [str(type_) for type_ in connection.table("raw").types]
    kept = tuple(
        Column(n, column, types[n], _looks_like(connection, n, types[n]))
        for n, column in enumerate(names[: len(names) - surplus])
    )
    return Table(
        connection=connection,
        # What a rejected line says of itself is not the line.
        columns=tuple(column for column in kept if column.name not in REJECTED_COLUMNS),
        surplus=tuple(f"c{n}" for n in range(len(kept), len(names))),
        lines=lines,
        encoding=encoding,
        file_columns=kept,
        exported=exported_kind(column.name for column in kept),
        sheet=chosen,
    )


def add_constants(table: Table, constants: Mapping[str, str]) -> tuple[Table, dict[str, str]]:
    """A column more for each field that is the same in every line; the names of those columns."""
    added, named = [], {}
    first = len(table.file_columns) + len(table.surplus)
    for n, (field, value) in enumerate(constants.items(), start=first):
        text = value.replace("'", "''")
        table.connection.execute(f"alter table raw add column c{n} varchar default '{text}'")
        named[field] = f"= {value} ({field})"
        added.append(Column(n, named[field], "VARCHAR", "text"))
    return replace(table, columns=(*table.columns, *added)), named


def broken_lines(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    """Lines that DuckDB could not cut into fields: their number in the file and their text."""
    if not _has_rejects(connection):
        return []
    found = connection.execute(
        "select line, any_value(csv_line) from reject_errors group by line order by line"
    ).fetchall()
    return [(int(line), str(text or "")) for line, text in found]


def fitting_date_formats(connection: duckdb.DuckDBPyConnection, column: Column) -> list[str]:
    """The forms in which nearly every value of a text column is a date; best first."""
    text = f"nullif(trim(cast(c{column.number} as varchar)), '')"
    share = [
        f"count(try_strptime({text}, '{format_}')) / greatest(count({text}), 1)"
        for format_ in DATE_FORMATS
    ]
    sample = connection.table("raw").limit(_SAMPLE_LINES).aggregate(", ".join(share)).fetchone()
    likely = [f for f, found in zip(DATE_FORMATS, sample or (), strict=True) if found >= 0.5]
    if not likely:
        return []
    whole = [
        f"count(try_strptime({text}, '{format_}')) / greatest(count({text}), 1)"
        for format_ in likely
    ]
    shares = connection.table("raw").aggregate(", ".join(whole)).fetchone() or ()
    best = max(shares)
    return [f for f, found in zip(likely, shares, strict=True) if found == best]


def _first_bytes(path: Path, called: str) -> bytes:
    suffix = Path(called).suffix
    if suffix.lower() in _OTHER_FORMATS:
        raise FileUnreadable(
            f"{called} is a {suffix} file; save it as CSV, Excel (.xlsx) or Parquet and import "
            "that."
        )
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST_HEADER_BYTES)
    except FileNotFoundError:
        raise FileUnreadable(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise FileUnreadable(f"{path} is a folder, not a file.") from None
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be opened: {error.strerror}.") from error
    if not start.strip():
        raise FileUnreadable(f"{called} is empty.")
    return start


def _load(relation: duckdb.DuckDBPyRelation, *, escaped: bool = False) -> list[str]:
    names = relation.columns
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in names]
    if escaped:
        # What an export of ours put before text that a spreadsheet would run.
        quoted = [f"regexp_replace({name}, {_ESCAPED}, '\\1')" for name in quoted]
    listed = [f"{name} as c{n}" for n, name in enumerate(quoted)]
    relation.project(", ".join([*listed, "row_number() over () + 1 as row"])).create("raw")
    return names


def _load_parquet(connection: duckdb.DuckDBPyConnection, path: Path, called: str) -> list[str]:
    try:
        return _load(connection.read_parquet(str(path)))
    except duckdb.Error as error:
        raise FileUnreadable(
            f"{called} is not a readable Parquet file: {_first_sentence(error)}"
        ) from error


def _load_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, called: str, start: bytes
) -> tuple[list[str], str]:
    """UTF-8, else Latin-1, which spreadsheets of the West write."""
    first: duckdb.Error | None = None
    statement = _READ_OUR_CSV if _begins_with_our_header(start) else _READ_CSV
    packed = [name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)]
    compression = packed[0] if packed else "none"
    for encoding in ("utf-8", "latin-1"):
        try:
            relation = connection.sql(statement, params=[str(path), encoding, compression])
            names = _load(relation, escaped=is_our_form(relation.columns))
            if encoding == "latin-1" or not _is_other_encoding(connection):
                return names, encoding
            connection.execute("drop table raw; drop table reject_errors; drop table reject_scans")
        except duckdb.Error as error:
            first = first or error
            connection.execute("drop table if exists raw")
    raise FileUnreadable(f"{called} cannot be read as CSV: {_first_sentence(first)}") from first


def _begins_with_our_header(start: bytes) -> bool:
    line = start.removeprefix(b"\xef\xbb\xbf").splitlines()[0].decode("utf-8", "replace")
    return is_our_form(line.split(","))


def _is_other_encoding(connection: duckdb.DuckDBPyConnection) -> bool:
    found = (
        _has_rejects(connection)
        and connection.execute(
            "select count(*) from reject_errors where error_type = 'INVALID ENCODING'"
        ).fetchone()
    )
    return bool(found and found[0])


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "select count(*) from duckdb_tables() where table_name = 'reject_errors'"
    ).fetchone()
    return bool(found and found[0])


def _count_broken_lines_in(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the lines behind a broken one the row number that they have in the file."""
    starts = [line - n for n, (line, _) in enumerate(broken_lines(connection))]
    if starts:
        connection.execute(
            "update raw set row = row + len(list_filter($1::bigint[], lambda start: start <= row))",
            [starts],
        )


def _surplus(names: list[str]) -> int:
    """Columns at the end that the header does not name (DuckDB calls the n-th `column<n>`)."""
    count = 0
    for n in reversed(range(len(names))):
        if n == 0 or names[n] not in (f"column{n}", f"column{n:02d}"):
            break
        count += 1
    return count


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("select count(*) from raw").fetchone()
    return int(found[0]) if found else 0


def _looks_like(connection: duckdb.DuckDBPyConnection, number: int, type_: str) -> str:
    if type_ in _INTEGERS:
        return "integer"
    if type_.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return "number"
    if type_.startswith(("TIMESTAMP", "DATE")):
        return "date"
    if type_ != "VARCHAR":
        return "other"
    text = f"nullif(trim(c{number}), '')"
    dates = " or ".join(
        [f"try_cast({text} as timestamptz) is not null"]
        + [f"try_strptime({text}, '{format_}') is not null" for format_ in DATE_FORMATS[:-1]]
    )
    sample = connection.table("raw").limit(_SAMPLE_LINES).aggregate(
        f"count({text}), count(*) filter (where try_cast({text} as bigint) is not null), "
        f"count(*) filter (where try_cast({text} as double) is not null), "
        f"count(*) filter (where {dates})"
    ).fetchone() or (0, 0, 0, 0)
    filled, integers, numbers, moments = sample
    if filled == 0:
        return "nothing"
    for count, name in ((integers, "integer"), (numbers, "number"), (moments, "date")):
        if count >= 0.5 * filled:
            return name
    return "text"


def _first_sentence(error: Exception | None) -> str:
    """DuckDB's own words up to the first line break, without its class of error."""
    first = str(error).splitlines()[0]
    if "sniffing file" in first:
        return "its lines cannot be cut into fields."
    return first.split("Error: ", 1)[-1].rstrip(".") + "."
