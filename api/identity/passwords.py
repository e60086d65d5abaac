"""Passwords as NIST SP 800-63B-4 has them (docs/decisions/0017), kept by argon2id.

Length is asked for and nothing else; what everybody thinks of first is refused; every character
counts, none is cut off.
"""

import asyncio
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.identity.errors import TooManySignIns, WeakPassword

# OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_COMMON = Path(__file__).with_name("common_passwords.txt")
_PRODUCT = ("parstock", "par stock", "inventory")
# A year, say: so many characters of its own do not make a common password an uncommon one.
_ORNAMENT = 4
_LONGEST_WORD = 40
_AS_LETTERS = str.maketrans("0134578@$!", "oleastbasi")
_LINES = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
Checked = TypeVar("Checked")


class PasswordChecks:
    """Argon2 takes tens of milliseconds and megabytes: in threads, few at once, few waiting."""

    def __init__(self, *, at_once: int = 2, waiting: int = 32) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._places = at_once + waiting

    async def run(self, check: Callable[..., Checked], *arguments: Any) -> Checked:
        if self._places == 0:
            raise TooManySignIns()
        self._places -= 1
        try:
            async with self._turn:
                return await asyncio.to_thread(check, *arguments)
        finally:
            self._places += 1


def hash_password(password: str) -> str:
    """The salted hash of a password; the same keys pressed elsewhere give the same password."""
    return _hasher.hash(_normalized(password))


def is_right(kept: str, password: str) -> bool:
    """Whether this is the password of the hash; takes as long whatever it is."""
    try:
        return _hasher.verify(kept, _normalized(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return _hasher.check_needs_rehash(kept)


def require_good(password: str, *, minimum: int, about: Iterable[str | None] = ()) -> None:
    """Refuse a new password that is too short, or that is guessed first.

    `about` are words about its user: a name, an address.
    """
    password = _normalized(password)
    if len(password) < minimum:
        raise WeakPassword(
            f"A password needs {minimum} characters or more, spaces too: a few words, say."
        )
    if unusual_characters(password, about) <= _ORNAMENT:
        raise WeakPassword("This is among the first that anyone would guess; take another.")


def unusual_characters(password: str, about: Iterable[str | None] = ()) -> int:
    """How many characters are left when common words and plain rows of keys are taken away."""
    words = _common_words() | {part for given in (*_PRODUCT, *about) for part in _parts(given)}
    plain = "".join(character for character in password.casefold() if not character.isspace())
    return min(_left(text, words) for text in (plain, plain.translate(_AS_LETTERS)))


def _left(text: str, words: set[str] | frozenset[str]) -> int:
    """The fewest characters outside of words and rows, over every way to cut the text."""
    fewest = [0] * (len(text) + 1)
    for end in range(1, len(text) + 1):
        fewest[end] = fewest[end - 1] + 1
        for begin in range(max(0, end - _LONGEST_WORD), end - 2):
            if fewest[begin] < fewest[end] and (
                text[begin:end] in words or _is_a_row(text[begin:end])
            ):
                fewest[end] = fewest[begin]
    return min(fewest[-1], _in_a_repeated_unit(text))


def _is_a_row(text: str) -> bool:
    """aaa, 123, 321, qwe: one key again, or keys side by side."""
    if len(set(text)) == 1:
        return True
    return any(text in line or text[::-1] in line for line in _LINES)


def _in_a_repeated_unit(text: str) -> int:
    """The length of the shortest unit that the text repeats, or of the text."""
    repeated = re.fullmatch(r"(.+?)\1+.{0,3}", text, re.DOTALL)
    return len(repeated[1]) if repeated else len(text)


def _parts(given: str | None) -> set[str]:
    folded = _normalized(given or "").casefold()
    parts = {folded, *re.split(r"[\W_]+", folded)}
    return {part for part in parts if len(part) >= 3}


@cache
def _common_words() -> frozenset[str]:
    lines = _COMMON.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _normalized(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
