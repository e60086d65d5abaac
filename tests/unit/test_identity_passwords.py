"""Which passwords are taken, as NIST SP 800-63B-4 has it."""

import unicodedata

import pytest

from api.identity.errors import WeakPassword
from api.identity.passwords import hash_password, is_right, require_good

ABOUT = ("maria.keller", "Maria Keller", "maria@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "tusk-lantern-orbit-velvet",
        "a few plain words do",
        "  spaces  count too  ",
        "8342907156283904",
        "żółta kaczka i wąż",
        "すもももももももものうち、ほんと",
        "x9!" * 3 + "tulpenzwiebel",
        "long" + "ünusual-" * 15 + "end",
    ],
)
def test_length_alone_is_asked_for(password: str) -> None:
    require_good(password, minimum=15, about=ABOUT)


@pytest.mark.parametrize("password", ["fourteen chars", "short", "🦆" * 14])
def test_what_is_too_short_is_refused_by_its_code_points(password: str) -> None:
    assert len(password) < 15
    with pytest.raises(WeakPassword, match="15 characters"):
        require_good(password, minimum=15)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password12345678",
        "P4ssw0rd!P4ssw0rd!",
        "correct horse battery staple",
        "qwertyuiopasdfghjkl",
        "aaaaaaaaaaaaaaaaaaaa",
        "0123456789012345678",
        "abcabcabcabcabcabc",
        "iloveyou iloveyou 2024",
        "parstockparstock2026",
        "maria.keller maria.keller",
        "Maria Keller 123456789",
        "Welcome Admin Summer 2025",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44 12345678",
    ],
)
def test_what_anyone_would_guess_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword, match="guess"):
        require_good(password, minimum=15, about=ABOUT)


def test_a_password_is_what_it_looks_like_however_a_keyboard_writes_it() -> None:
    composed = unicodedata.normalize("NFC", "crème brûlée, s'il vous plaît")
    kept = hash_password(composed)
    assert is_right(kept, unicodedata.normalize("NFD", composed))
    assert not is_right(kept, composed.replace("û", "u"))


def test_every_character_counts() -> None:
    longest = "not cut off " * 40 + "end"
    kept = hash_password(longest)
    assert is_right(kept, longest)
    assert not is_right(kept, longest[:-1])
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_what_is_no_hash_is_never_right() -> None:
    assert not is_right("", "")
    assert not is_right("plain", "plain")
