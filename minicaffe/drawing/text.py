"""Text of a picture: how much room it takes, and what is left of it where there is little."""

from __future__ import annotations

import unicodedata

# hundredths of the size, from space to tilde: DejaVu Sans, as wide as any common sans serif
_WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75,
    79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35,
    63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = 1.1
_OTHER, _WIDE = 70, 100


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels that ``text`` takes in a font of ``size`` pixels; a viewer's own may take less."""
    total = sum(_WIDTHS[ord(c) - 32] if " " <= c <= "~" else _other(c) for c in text)
    return total * size / 100 * (_BOLD if bold else 1.0)


def shortened(text: str, most: int) -> str:
    """``text`` on one line, at most ``most`` characters: its middle left out if it is longer."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if len(text) <= most:
        return text
    head = (most - 3) // 2
    return f"{text[:head]}...{text[len(text) - (most - 3 - head) :]}"


def _other(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
