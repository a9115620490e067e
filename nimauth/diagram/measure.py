"""How wide a text is, without asking any font; and how it is broken into lines.

Pictures are committed and compared byte by byte, so nothing in them may depend on the fonts of the machine that draws.
The widths are those of DejaVu Sans (Verdana's are almost the same): few fonts in use are wider, so that a text that
fits here is cut nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from unicodedata import category, east_asian_width

FONT: Final = "DejaVu Sans"
_WIDE_ONES: Final = f"{FONT},Verdana,Geneva"
_CHINESE: Final = "Noto Sans CJK SC,PingFang SC,Microsoft YaHei"

_FIRST: Final = 32
_PLAIN: Final = (
    *(
        32,
        40,
        46,
        84,
        64,
        95,
        78,
        27,
        39,
        39,
        50,
        84,
        32,
        36,
        32,
        34,
        64,
        64,
        64,
        64,
        64,
        64,
        64,
        64,
        64,
        64,
        34,
        34,
        84,
    ),
    *(84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69),
    *(61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39),
    *(63, 59, 82, 59, 59, 52, 64, 34, 64, 84),
)
_BOLD: Final = (
    *(35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40),
    *(
        84,
        84,
        84,
        58,
        100,
        77,
        76,
        73,
        83,
        68,
        68,
        82,
        84,
        37,
        37,
        77,
        64,
        100,
        84,
        85,
        73,
        85,
        77,
        72,
        68,
        81,
        77,
        110,
    ),
    *(77, 72, 73, 46, 37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 49, 60),
    *(48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84),
)
"""Printable ASCII, in hundredths of the font's size."""
_OTHER: Final = 85
_WIDE: Final = 102
"""Chinese and most pictographs fill a square, in every font."""

_CLOSING: Final = frozenset("）】」』》〉，。、；：！？")
_NO_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})
_HARMFUL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_PIECE: Final = re.compile(r"\s+|[^\s_.,:;/\-]*[_.,:;/\-]+|[^\s_.,:;/\-]+")


def fonts(lang: str) -> str:
    """What a picture asks its viewer for. Where it needs Chinese, fonts that have it come first: they are no wider."""
    return ",".join([*((_CHINESE, _WIDE_ONES) if lang == "zh" else (_WIDE_ONES, _CHINESE)), "sans-serif"])


def clean(text: str) -> str:
    """The text in one line, with a mark for what XML must not hold, and for what would turn the text around it."""
    return " ".join(_HARMFUL.sub("\ufffd", text).split())


def width(text: str, size: float, bold: bool = False) -> float:
    """How wide the text is, in the units of the size."""
    table = _BOLD if bold else _PLAIN
    return sum(_advance(character, table) for character in text) * size / 100


def _advance(character: str, table: tuple[int, ...]) -> int:
    place = ord(character) - _FIRST
    if 0 <= place < len(table):
        return table[place]
    if category(character) in _NO_WIDTH:
        return 0
    return _WIDE if east_asian_width(character) in "WF" else _OTHER


def lines(text: str, limit: float, size: float, bold: bool = False) -> list[str]:
    """The text, broken so that no line is wider than the limit; inside of words only where it must be."""
    broken: list[str] = []
    line = ""
    for piece in _pieces(text, limit, size, bold):
        if line and width((line + piece).rstrip(), size, bold) > limit:
            broken.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*broken, line.rstrip()]


def _pieces(text: str, limit: float, size: float, bold: bool) -> Iterator[str]:
    """Words, and the parts of words that are wider than a line."""
    for piece in _PIECE.findall(text):
        if width(piece, size, bold) <= limit:
            yield piece
        else:
            yield from _characters(piece, limit, size, bold)


def _characters(piece: str, limit: float, size: float, bold: bool) -> Iterable[str]:
    part = ""
    for character in piece:
        if part and width(part + character, size, bold) > limit:
            kept = len(part)
            while kept > 1 and (part + character)[kept] in _CLOSING:
                kept -= 1  # in Chinese, what closes does not begin a line
            yield part[:kept]
            part = part[kept:] + character
        else:
            part += character
    yield part
