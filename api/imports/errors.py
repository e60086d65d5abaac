"""Why a file is not imported: one sentence each, said before anything is written.

ImportRefused
├── FileUnreadable     missing, empty, no such format
├── ColumnMissing      a column that the kind of file needs cannot be found
├── OptionUnusable     an option whose value names nothing
├── NothingReadable    every line of the file is rejected
└── HistoryMoved       the same source was imported before under another shift or time zone

And problems of the API: UnknownImport, UnknownMapping, NothingRejected (404), StaleMapping (412),
EmptyUpload (422), ImportsBusy (503).
"""

from api.problems import NotFound, PreconditionFailed, Unavailable, UnprocessableContent


class ImportRefused(Exception):  # noqa: N818 - a refusal by name, as in the rest of the API
    """A file or an option that cannot be imported; the message is the sentence for the user."""


class FileUnreadable(ImportRefused):
    """There is no such file, it is empty, or it is not what its name says."""


class ColumnMissing(ImportRefused):
    """No column holds what this kind of file needs."""


class OptionUnusable(ImportRefused):
    """An option names a column, zone, currency, place or form that there is not."""


class NothingReadable(ImportRefused):
    """The columns are there and no line of them can be read."""


class HistoryMoved(ImportRefused):
    """What this source recorded before stands at other moments than this import would give it."""


class UnknownImport(NotFound):
    def __init__(self, import_id: int) -> None:
        super().__init__(f"There is no import {import_id}.")


class NothingRejected(NotFound):
    def __init__(self, import_id: int) -> None:
        super().__init__(f"There is no file of rejected lines of the import {import_id}.")


class UnknownMapping(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no mapping {name}.")


class StaleMapping(PreconditionFailed):
    def __init__(self, name: str, version: int) -> None:
        super().__init__(
            f"The mapping {name} is at version {version} now; read it again and repeat the change."
        )


class ImportsBusy(Unavailable):
    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting} files wait to be imported already; try again later.", retry_after_s=30
        )


class EmptyUpload(UnprocessableContent):
    def __init__(self) -> None:
        super().__init__("The body is empty; send the file itself as the body.")
