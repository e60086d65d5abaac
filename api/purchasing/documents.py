"""A purchase order as its supplier gets it: CSV for a spreadsheet, PDF for whoever reads it."""

import io
import re
from datetime import date
from html import escape
from itertools import groupby
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from api.currencies import MINOR_UNIT_DIGITS
from api.purchasing.order_schemas import OrderLine, WholePurchaseOrder
from api.spreadsheet import UTF_8_MARK, csv_line

_COLUMNS = (
    "purchase_order", "line", "sku", "product", "packs", "pack_size", "quantity", "base_unit",
    "unit_cost", "cost", "currency", "expected_on", "supplier", "site",
)  # fmt: skip
# Not embedded: every reader of PDF brings a font of its own for these.
_KANA_AND_HAN, _HANGUL = "HeiseiKakuGo-W5", "HYSMyeongJo-Medium"
_HANGUL_ONLY = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12)
_RIGHT = ParagraphStyle("right", parent=_TEXT, alignment=2)
_TITLE = ParagraphStyle("title", parent=_TEXT, fontName="Helvetica-Bold", fontSize=16, leading=22)


def as_csv(order: WholePurchaseOrder) -> str:
    """A row a line that is asked for; money as a decimal number."""
    rows = [
        csv_line(
            (
                order.number,
                line.line,
                line.sku,
                line.product,
                line.packs,
                line.pack_size,
                line.quantity,
                line.base_unit,
                _amount(line.unit_cost, line.currency),
                _amount(line.cost, line.currency),
                line.currency,
                order.expected_on.isoformat(),
                order.supplier,
                order.site,
            )
        )
        for line in order.open_lines
    ]
    return UTF_8_MARK + csv_line(_COLUMNS) + "".join(rows)


def as_pdf(order: WholePurchaseOrder) -> bytes:
    """The same on paper, as many pages as it takes, each with the heads of its columns."""
    for font in (_KANA_AND_HAN, _HANGUL):
        pdfmetrics.registerFont(UnicodeCIDFont(font))
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"Purchase order {order.number}",
        author="",
        invariant=True,
    )
    said = [
        f"To {order.supplier_name} ({order.supplier})",
        f"For {order.site_name} ({order.site})",
        f"Expected on {_day(order.expected_on)}",
    ]
    if order.status == "draft":
        said.append("A draft: not ordered yet")
    parts: list[Any] = [Paragraph(f"Purchase order {_runs(order.number)}", _TITLE)]
    parts += [Paragraph(_runs(text), _TEXT) for text in said]
    parts += [Spacer(1, 6 * mm), _table(order), Spacer(1, 4 * mm)]
    parts += [
        Paragraph(f"Total {_amount(total.amount, total.currency)} {total.currency}", _RIGHT)
        for total in order.totals
    ]
    if order.lines_without_a_price:
        parts.append(Paragraph(f"Lines without a price: {order.lines_without_a_price}", _RIGHT))
    document.build(parts)
    return out.getvalue()


def _table(order: WholePurchaseOrder) -> Table:
    heads = ("Line", "SKU", "Product", "Packs", "Units", "A unit", "Cost")
    rows = [[Paragraph(f"<b>{head}</b>", _TEXT) for head in heads]]
    rows += [_row(line) for line in order.open_lines]
    widths = [width * mm for width in (11, 32, 57, 24, 16, 17, 17)]
    table = Table(rows, colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.grey),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return table


def _row(line: OrderLine) -> list[Paragraph]:
    unit = "" if line.base_unit == "each" else f" {line.base_unit}"
    money = [
        f"{_amount(value, line.currency)} {line.currency}" if value is not None else ""
        for value in (line.unit_cost, line.cost)
    ]
    return [
        Paragraph(str(line.line), _TEXT),
        Paragraph(_runs(line.sku), _TEXT),
        Paragraph(_runs(line.product), _TEXT),
        Paragraph(f"{line.packs} of {line.pack_size}", _RIGHT),
        Paragraph(f"{line.quantity}{unit}", _RIGHT),
        *(Paragraph(text, _RIGHT) for text in money),
    ]


def _runs(text: str) -> str:
    """Text as a paragraph takes it, each run of other letters in a font that has them."""
    return "".join(
        escape("".join(run))
        if font is None
        else f'<font name="{font}">{escape("".join(run))}</font>'
        for font, run in groupby(text, key=_font_for)
    )


def _font_for(letter: str) -> str | None:
    """None for what the document's own font has, which is Windows-1252."""
    if _HANGUL_ONLY.match(letter):
        return _HANGUL
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return _KANA_AND_HAN
    return None


def _amount(minor: int | None, currency: str | None) -> str:
    """Minor units as a decimal number."""
    if minor is None:
        return ""
    digits = MINOR_UNIT_DIGITS.get(currency or "", 2)
    return f"{minor / 10**digits:.{digits}f}"


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"
