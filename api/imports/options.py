"""What a user may say of a file, checked before any file is looked at."""

from zoneinfo import available_timezones

from api.currencies import MINOR_UNIT_DIGITS
from api.imports.errors import OptionUnusable
from api.imports.schemas import ImportOptions

_LONGEST_CODE = 100
_LONGEST_COVER_DAYS = 730


def check_options(options: ImportOptions) -> None:
    """Raise OptionUnusable for the first option that no file could mend."""
    if options.time_zone is not None and options.time_zone not in available_timezones():
        raise OptionUnusable(
            f"--time-zone {options.time_zone}: there is no such time zone "
            "(a name is expected, as in Europe/London)."
        )
    if options.currency is not None and options.currency not in MINOR_UNIT_DIGITS:
        raise OptionUnusable(
            f"--currency {options.currency}: there is no such currency "
            "(an ISO 4217 code is expected, as in EUR)."
        )
    for name, code in (
        ("--site", options.site),
        ("--location", options.location),
        ("--source", options.source),
        ("--save-mapping", options.save_mapping),
    ):
        if code is not None and not (
            0 < len(code) <= _LONGEST_CODE and code.isprintable() and code == code.strip()
        ):
            raise OptionUnusable(
                f"{name}: a code of 1 to {_LONGEST_CODE} printable characters is expected."
            )
    if not 0 <= options.opening_cover_days <= _LONGEST_COVER_DAYS:
        raise OptionUnusable(
            f"--opening-cover-days {options.opening_cover_days}: "
            f"0 to {_LONGEST_COVER_DAYS} days are expected."
        )
    if options.counted_at is not None and options.counted_at.tzinfo is None:
        raise OptionUnusable(
            "--counted-at: a time with a zone is expected, as in 2026-01-31T18:00+01:00."
        )
