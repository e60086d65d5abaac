"""What the name of a file says about its source and its site."""

import re
from pathlib import Path

# A month or a day in a name, and the "(1)" of a browser's second download, tell one export of a
# source from the next, not one source from another.
_EXPORT = re.compile(r"\(\d+\)|(?<![^\W_])(19|20)\d\d([-_.]?\d\d){0,2}(?![^\W_])")
_SUFFIXES = {".csv", ".tsv", ".txt", ".gz", ".zst", ".parquet", ".pq", ".xlsx", ".xlsm"}
# The file of a source's rejected lines is that source's.
_REJECTED = ".rejected"
_SAYS_NO_SITE = {
    "sales", "sale", "sold", "stock", "inventory", "on", "hand", "onhand", "levels", "counts",
    "count", "export", "data", "orders", "transactions", "receipts", "invoices", "items", "report",
    "opening", "catalog", "products", "suppliers", "locations", "sites", "parstock",
}  # fmt: skip
SITE_WITHOUT_A_NAME = "shop"


def source_of(file_name: str) -> str:
    """The file's name without suffixes and dates: `online_retail.parquet` is online-retail."""
    stem = file_name
    while Path(stem).suffix.lower() in {*_SUFFIXES, _REJECTED}:
        stem = Path(stem).stem
    return _slug(_EXPORT.sub(" ", stem)) or _slug(stem) or "import"


def site_of(source: str) -> str | None:
    """The source, unless it is only words like "sales", which every shop's files are called."""
    return None if set(source.split("-")) <= _SAYS_NO_SITE else source


def title_of(code: str) -> str:
    """A readable name for a code: online-retail is Online Retail."""
    return " ".join(word.capitalize() for word in code.split("-"))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
