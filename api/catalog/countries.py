"""Which countries, and parts of countries, have public holidays that are known."""

from functools import cache

from holidays import list_supported_countries


def is_known(code: str) -> bool:
    """Whether the holidays of an ISO 3166 code, as in DE or DE-BE, can be told."""
    country, _, part = code.partition("-")
    parts = _parts()
    return country in parts and (not part or part in parts[country])


@cache
def _parts() -> dict[str, list[str]]:
    parts: dict[str, list[str]] = list_supported_countries(include_aliases=False)
    return parts
