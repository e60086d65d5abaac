"""Text and codes as every feature takes them in."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError


def without_nul(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("nul_in_text", "Expected text without NUL characters")
    return value


def _as_a_code(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise PydanticCustomError(
            "code", "Expected a code of printable characters that no space begins or ends"
        )
    return value


# A code as it is looked up: whatever no one could have made is simply unknown.
SoughtCode = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(without_nul)
]
# A code as it is made: codes are for good, so a stray space would be, too.
NewCode = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_as_a_code)
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, strip_whitespace=True),
    AfterValidator(without_nul),
]
ShortText = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(without_nul)
]
