"""Refusals of the catalog.

UnknownCode (404)          there is no such row
UnknownReference (422)     a field names a row that there is not
DoesNotFit (422)           a field names a row that cannot be meant
NotABarcode (422)          a scan cannot be understood
NotAnImage (422)           what was sent is no image, or too large a one
DifferentContent (409)     the code is there, with other content
InUse (409)                something else names it
StaleVersion (412), VersionRequired (428)
"""

from api.problems import (
    Conflict,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    UnprocessableContent,
    field_error,
)


class UnknownCode(NotFound):
    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"There is no {kind} {code}.")


class UnknownReference(UnprocessableContent):
    slug = "unknown-reference"
    title = "It names what is not there"

    def __init__(self, field: str, code: str, *, known: list[str] | None = None) -> None:
        detail = f"There is no {field} {code}"
        if known is not None:
            detail += f"; expected one of {', '.join(known)}"
        super().__init__(detail + ".", errors=[field_error(f"#/{field}", detail)])


class DoesNotFit(UnprocessableContent):
    slug = "does-not-fit"
    title = "It names what cannot be meant"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail + ".", errors=[field_error(f"#/{field}", detail)])


class NotABarcode(UnprocessableContent):
    slug = "not-a-barcode"
    title = "The code cannot be understood"

    def __init__(self, reason: str) -> None:
        super().__init__(reason + ".", errors=[field_error("code", reason)])


class NotAnImage(UnprocessableContent):
    slug = "not-an-image"
    title = "This is no image that can be kept"

    def __init__(self, detail: str) -> None:
        super().__init__(detail + ".", errors=[field_error("#", detail)])


class DifferentContent(Conflict):
    slug = "different-content"
    title = "The code is taken by other content"

    def __init__(self, kind: str, code: str, fields: list[str]) -> None:
        super().__init__(
            f"The {kind} {code} is there and differs in {', '.join(fields)}; PATCH changes it.",
            errors=[field_error(f"#/{field}", "differs from what is kept") for field in fields],
        )


class InUse(Conflict):
    slug = "in-use"
    title = "Something else names it"

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"The {kind} {code} is still named by a barcode.")


class StaleVersion(PreconditionFailed):
    def __init__(self, kind: str, code: str, version: int) -> None:
        super().__init__(
            f"The {kind} {code} is at version {version} now; read it again and repeat the change."
        )


class VersionRequired(PreconditionRequired):
    def __init__(self) -> None:
        super().__init__('Send If-Match with the ETag that you read, as in If-Match: "3".')
