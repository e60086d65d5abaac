"""Refusals of an export: TooManyLines (422), ExportsBusy and ExportFailed (503)."""

from api.problems import Unavailable, UnprocessableContent

SHEET_LINES = 1_048_575


class TooManyLines(UnprocessableContent):
    def __init__(self) -> None:
        super().__init__(
            f"A sheet of Excel holds {SHEET_LINES:,} lines, and there are more; take csv or "
            "parquet."
        )


class ExportsBusy(Unavailable):
    def __init__(self) -> None:
        super().__init__("Other exports are being written; try again later.", retry_after_s=10)


class ExportFailed(Unavailable):
    def __init__(self) -> None:
        super().__init__("The export could not be written; the log says why.", retry_after_s=10)
