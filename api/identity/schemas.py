"""People, machines and their sessions, as the API takes and answers them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from api.deps import Scope
from api.text import Name, NewCode, SoughtCode, without_nul

LONGEST_CREDENTIAL = 500
Credential = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_CREDENTIAL),
    AfterValidator(without_nul),
]


def _without_nul(value: SecretStr) -> SecretStr:
    without_nul(value.get_secret_value())
    return value


# The longest that is taken is far beyond what anyone types; nothing is ever cut off.
Password = Annotated[
    SecretStr, Field(min_length=1, max_length=LONGEST_CREDENTIAL), AfterValidator(_without_nul)
]
Email = Annotated[
    str,
    StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
]


def _in_a_path(name: str) -> str:
    if "/" in name:
        raise PydanticCustomError("name", "Expected a name without /, since it is in addresses")
    return name


def _to_come(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise PydanticCustomError("past", "Expected a time to come")
    return moment


NewName = Annotated[NewCode, AfterValidator(_in_a_path)]


def _in_order(sites: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(sites)))


Sites = Annotated[
    tuple[SoughtCode, ...],
    Field(min_length=1, max_length=1000, description="the codes of sites; null is every site"),
    AfterValidator(_in_order),
]
UserRole = Literal["viewer", "staff", "manager", "admin"]


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Credentials(_Item):
    """Who signs in for a token."""

    username: Credential
    password: Credential


class IssuedToken(BaseModel):
    """A token for `Authorization: Bearer`; it is shown once."""

    token: str
    expires_at: datetime


class NewUser(_Item):
    """A user to make; without a password it signs in by a provider, by its e-mail address."""

    username: NewName
    role: UserRole
    sites: Sites | None = None
    password: Password | None = None
    email: Email | None = None
    full_name: Name | None = None


class UserChange(_Item):
    """What to change of a user; what is not sent stays."""

    role: UserRole = "viewer"
    sites: Sites | None = None
    email: Email | None = None
    full_name: Name | None = None
    disabled: bool = False


class User(_Item):
    """A user as it is kept."""

    username: str
    role: UserRole
    sites: tuple[str, ...] | None
    email: str | None
    full_name: str | None
    disabled: bool
    created_at: datetime
    version: int


class NewPassword(_Item):
    password: Password


class PasswordChange(_Item):
    """One's own password: the old one shows that it is you."""

    old_password: Password
    password: Password


class NewDevice(_Item):
    """A device to make a key for."""

    name: NewName
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset(Scope)
    sites: Sites | None = None
    expires_at: Annotated[AwareDatetime, AfterValidator(_to_come)] | None = None


class Device(_Item):
    """A device, and what its key is good for."""

    name: str
    scopes: tuple[Scope, ...]
    sites: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class DeviceKey(_Item):
    """A device's new key; it is shown this once."""

    name: str
    key: str


class Session(_Item):
    """Something that is signed in: a browser, or a script with a token."""

    session_id: UUID
    kind: Literal["page", "token"]
    client: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    is_current: bool


class Sessions(_Item):
    items: list[Session]


class AuditLine(_Item):
    """A change of a user, a role or a key; of personal data it says that it changed, not how."""

    audit_id: int
    changed_at: datetime
    changed_by: str | None = Field(description="null: from the machine's own command line")
    kind: Literal["user", "device", "system"]
    name: str | None
    action: str
    changes: dict[str, Any]
