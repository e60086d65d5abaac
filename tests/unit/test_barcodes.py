"""What a scanner reads: GTINs, GS1 element strings, Digital Link addresses, our own labels."""

from datetime import date, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.catalog.barcodes import FNC1, BarcodeError, Scanned, check_digit, gln, gtin_14, parse

TODAY = date(2026, 6, 15)
GTIN = "04006381333931"
_TEXT = "!\"%&'*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

gtins = st.builds(
    lambda body: (body + check_digit(body)).zfill(14),
    st.sampled_from((7, 11, 12, 13)).flatmap(
        lambda length: st.text("0123456789", min_size=length, max_size=length)
    ),
)
labels = st.text(_TEXT, min_size=1, max_size=20)
days = st.dates(TODAY - timedelta(days=49 * 365), TODAY + timedelta(days=49 * 365))


def scan(code: str) -> Scanned:
    return parse(code, today=TODAY)


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("40170725", "00000040170725"),
        ("036000291452", "00036000291452"),
        ("4006381333931", GTIN),
        ("14006381333938", "14006381333938"),
        ("]E04006381333931", GTIN),
        (" 4006381333931\r\n", GTIN),
    ],
)
def test_a_printed_gtin_becomes_fourteen_digits(printed: str, kept: str) -> None:
    assert scan(printed) == Scanned(gtin=kept)


@pytest.mark.parametrize(
    "code",
    [
        f"]C101{GTIN}17261130310300123510LOT-7{FNC1}21S/1{FNC1}3024",
        f"]d201{GTIN}17261100310300123510LOT-7{FNC1}21S/1{FNC1}3024",
        f"{FNC1}01{GTIN}17261130{FNC1}310300123510LOT-7{FNC1}21S/1{FNC1}3024{FNC1}",
        f"01{GTIN}17261130310300123510LOT-7{FNC1}21S/1{FNC1}3024",
        f"(01){GTIN}(17)261130(3103)001235(10)LOT-7(21)S/1(30)24",
        f"https://id.example/shop/01/{GTIN}/10/LOT-7/21/S%2F1?17=261130&3103=001235&30=24",
        "https://id.example/01/4006381333931/10/LOT-7?21=S%2F1&17=261100&3103=001235&30=24&a=b",
    ],
)
def test_every_way_to_say_it_says_the_same(code: str) -> None:
    assert scan(code) == Scanned(
        gtin=GTIN,
        lot="LOT-7",
        serial="S/1",
        expires_on=date(2026, 11, 30),
        count=24,
        net_weight_mg=1_235_000,
    )


def test_a_carton_says_what_it_holds_and_where_it_goes() -> None:
    sscc = "34012345000000000" + check_digit("34012345000000000")
    code = f"]C100{sscc}02{GTIN}41440063813339313748"
    assert scan(code) == Scanned(sscc=sscc, gtin=GTIN, gln="4006381333931", count=48)


@pytest.mark.parametrize(
    ("digits", "day"),
    [
        ("260200", date(2026, 2, 28)),
        ("280200", date(2028, 2, 29)),
        ("761231", date(2076, 12, 31)),
        ("770101", date(1977, 1, 1)),
        ("990101", date(1999, 1, 1)),
        ("000101", date(2000, 1, 1)),
    ],
)
def test_a_day_is_of_the_nearest_century_and_00_is_the_end_of_the_month(
    digits: str, day: date
) -> None:
    assert scan(f"(17){digits}").expires_on == day
    assert parse(f"(17){digits}", today=date(2090, 1, 1)).expires_on is not None


def test_a_new_century_is_near_at_the_end_of_one() -> None:
    assert parse("(17)010101", today=date(2099, 6, 1)).expires_on == date(2101, 1, 1)


def test_our_own_labels_are_addresses() -> None:
    assert scan("https://shop.example/places/BACK%2F01").place == "BACK/01"
    assert scan("http://10.0.0.7:8000/products/BEAR-1").sku == "BEAR-1"


@pytest.mark.parametrize(
    ("code", "at", "reason"),
    [
        ("4006381333930", 12, "should be 1"),
        ("400638133393", 11, "should be"),
        ("4006381", 0, "8, 12, 13 or 14"),
        ("40063813339x1", 0, "no GTIN"),
        ("", 0, "no GTIN"),
        ("]C1", 0, "empty"),
        (f"]C101{GTIN}99X", 19, "no application identifier '99'"),
        (f"]C101{GTIN[:-1]}0", 18, "should be 1"),
        ("]C1010400638133", 5, "14 digits"),
        ("]C117261330", 7, "month"),
        ("]C117260231", 9, "28 days"),
        ("]C117260x31", 5, "nothing else"),
        (f"]C110{'A' * 21}", 5, "1 to 20"),
        ("]C110", 5, "1 to 20"),
        ("]C110AB CD", 7, "GS1 does not know"),
        ("]C130", 5, "up to 8"),
        ("]C1301234567890", 5, "up to 8"),
        (f"(01){GTIN}(01)40170725", 22, "14 digits"),
        ("(10)A(21)B(10)C", 14, "another lot"),
        ("(99)1", 1, "'99'"),
        ("https://shop.example/", 20, "neither"),
        (f"https://id.example/01/{GTIN}/98/x", 37, "'98'"),
        (f"https://id.example/01/{GTIN}/10", 37, "Nothing follows"),
        ("https://[", 0, "no address"),
        ("https://shop.example/places/%00", 20, "NUL"),
    ],
)
def test_what_is_wrong_is_said_and_where(code: str, at: int, reason: str) -> None:
    with pytest.raises(BarcodeError, match=reason) as raised:
        scan(code)
    assert raised.value.at == at


@given(gtins)
def test_any_other_last_digit_is_refused(gtin: str) -> None:
    assert gtin_14(gtin) == gtin
    wrong = gtin[:-1] + str((int(gtin[-1]) + 1) % 10)
    with pytest.raises(BarcodeError):
        gtin_14(wrong)


def test_a_location_number_is_checked_too() -> None:
    assert gln("4006381333931") == "4006381333931"
    for wrong in ("4006381333930", "40170725", "400638133393x"):
        with pytest.raises(BarcodeError):
            gln(wrong)


@settings(max_examples=60)
@given(gtins, labels, labels, days, st.integers(0, 99_999_999), st.integers(0, 999_999))
def test_what_is_printed_is_what_is_read(
    gtin: str, lot: str, serial: str, day: date, count: int, grams: int
) -> None:
    printed, weight = f"{day:%y%m%d}", f"{grams:06}"
    meant = Scanned(
        gtin=gtin,
        lot=lot,
        serial=serial,
        expires_on=day,
        count=count,
        net_weight_mg=grams * 1000,
    )
    elements = f"01{gtin}17{printed}3103{weight}10{lot}{FNC1}21{serial}{FNC1}30{count}"
    assert scan("]C1" + elements) == meant
    assert scan(f"(01){gtin}(17){printed}(3103){weight}(10){lot}(21){serial}(30){count}") == meant
    path = f"01/{gtin}/10/{quote(lot, safe='')}/21/{quote(serial, safe='')}"
    link = f"https://id.example/{path}?17={printed}&3103={weight}&30={count}"
    assert scan(link) == meant


_pieces = st.sampled_from(
    ("]C1", "]d2", FNC1, "(01)", "(10)", "(", ")", "01", "17", "3103", GTIN, "https://", "/01/")
)


@settings(max_examples=300)
@given(st.lists(st.one_of(_pieces, st.text(max_size=8))).map("".join))
def test_garbage_is_refused_by_name_or_understood(code: str) -> None:
    refusals: list[BarcodeError] = []
    try:
        assert scan(code) != Scanned()
    except BarcodeError as error:
        refusals.append(error)
    assert all(0 <= refusal.at <= len(code) for refusal in refusals)
