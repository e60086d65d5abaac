"""Refusals of identity.

WrongCredentials (401)   the same words whether the name or the password is wrong
ExpiredToken (401), UnknownToken (401)
NotInvited (403)         a provider knows the person, and nobody here has invited them
UnknownUser (404), UnknownDevice (404), UnknownInvitation (404)
NameTaken (409)          a user or device of that name is there, and is another
LastAdmin (409)          nobody would be left to let anybody in
NoPassword (409)         the user signs in by a provider alone
StaleUser (412)          the user has changed since it was read
WeakPassword (422), UnknownSites (422), NotOfSomeSites (422)
TooManySignIns (503)     password checks are costly, so only so many wait
ProviderFailed (502)     the OpenID provider did not answer as it must
"""

from collections.abc import Iterable

from api.problems import (
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Problem,
    Unauthenticated,
    Unavailable,
    UnprocessableContent,
    field_error,
)


class WrongCredentials(Unauthenticated):
    slug = "wrong-credentials"
    title = "That did not sign you in"

    def __init__(self) -> None:
        super().__init__("The username or the password is wrong.")


class ExpiredToken(Unauthenticated):
    slug = "expired-token"
    title = "Sign in again"

    def __init__(self) -> None:
        super().__init__("The key or token has expired.", error="invalid_token")


class UnknownToken(Unauthenticated):
    slug = "unknown-token"

    def __init__(self) -> None:
        super().__init__("The key or token is not known, or was revoked.", error="invalid_token")


class NotInvited(Forbidden):
    slug = "not-invited"
    title = "You are not invited yet"

    def __init__(self) -> None:
        super().__init__(
            "You are who you say, but nobody here has invited you. Ask an admin to add the e-mail "
            "address that you sign in with."
        )


class UnknownInvitation(NotFound):
    slug = "unknown-invitation"
    title = "This invitation is used up or too old"

    def __init__(self) -> None:
        super().__init__("Press the button in Slack again: it sends you a new one.")


class UnknownUser(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"There is no user with the name {username}.")


class UnknownDevice(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no device with the name {name}.")


class NameTaken(Conflict):
    slug = "name-taken"
    title = "The name is taken"

    def __init__(self, name: str, *, kind: str = "device key") -> None:
        super().__init__(f"There is a {kind} with the name {name} already.")


class LastAdmin(Conflict):
    slug = "last-admin"
    title = "Nobody would be left to let anybody in"

    def __init__(self) -> None:
        super().__init__("This is the last admin; make another one first.")


class NoPassword(Conflict):
    slug = "no-password"
    title = "There is no password to change"

    def __init__(self) -> None:
        super().__init__("You sign in by a provider; it keeps your password.")


class StaleUser(PreconditionFailed):
    def __init__(self, username: str, version: int) -> None:
        super().__init__(f"The user {username} is at version {version} by now; read it again.")


class _WrongField(UnprocessableContent):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail, errors=[field_error(f"#/{field}", detail)])


class WeakPassword(_WrongField):
    slug = "weak-password"
    title = "Take another password"

    def __init__(self, detail: str) -> None:
        super().__init__("password", detail)


class UnknownSites(_WrongField):
    def __init__(self, codes: Iterable[str]) -> None:
        super().__init__("sites", f"There is no site {', '.join(codes)}.")


class NotOfSomeSites(_WrongField):
    def __init__(self) -> None:
        super().__init__("sites", "An admin is admin of every site.")


class TooManySignIns(Unavailable):
    slug = "too-many-sign-ins"

    def __init__(self) -> None:
        super().__init__("Too many are signing in at this moment.", retry_after_s=2)


class ProviderFailed(Problem):
    slug = "provider-failed"
    title = "The sign-in provider did not answer as it must"
    status = 502
