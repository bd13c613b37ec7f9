"""Damage: what disks, networks, editors and people do to a file."""

from __future__ import annotations

import random
import re

# Numbers that readers trip over: lengths and shapes at the ends of their types.
NASTY = [
    *(bytes([value]) for value in (0x00, 0x01, 0x7F, 0x80, 0xFF)),
    b"\xff\xff\xff\xff\x0f",  # as a varint: 2 ** 32 - 1
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -1, or 2 ** 64 - 1
    (2**31 - 1).to_bytes(4, "little"),
    (2**63 - 1).to_bytes(8, "little"),
    b"99999999999999999999",
    b"-1",
    b"nan",
    b"{",
    b"}",
    b'"',
    b"\n",
]

NUMBERS = [b"0", b"-1", b"1e39", b"nan", b"2147483647", b"4294967295", b"9223372036854775807"]


def damage(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to eight mistakes in it; the same ones for the same state of ``rng``."""
    changed = bytearray(data)
    kinds = KINDS if b"\0" in data or rng.random() < 0.1 else WORDS
    for _ in range(1 << rng.randrange(4)):
        rng.choice(kinds)(changed, rng)
    return bytes(changed)


def flip(data: bytearray, rng: random.Random) -> None:
    """One bit."""
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    """A few bytes with a number at the end of its type."""
    at, value = _place(data, rng), rng.choice(NASTY)
    data[at : at + len(value)] = value


def insert(data: bytearray, rng: random.Random) -> None:
    """A few bytes more: everything behind them moves."""
    at = _place(data, rng)
    data[at:at] = rng.choice(NASTY) * rng.choice((1, 1, 3))


def cut(data: bytearray, rng: random.Random) -> None:
    """A piece is missing."""
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 4, 64, len(data)))]


def repeat(data: bytearray, rng: random.Random) -> None:
    """A piece stands where another one was."""
    source, target, length = _place(data, rng), _place(data, rng), rng.choice((1, 8, 100))
    data[target:target] = data[source : source + length]


def blank(data: bytearray, rng: random.Random) -> None:
    """A block of zeros, as after a crash of the file system."""
    at = _place(data, rng)
    data[at : at + 512] = bytes(len(data[at : at + 512]))


def swap(data: bytearray, rng: random.Random) -> None:
    """A word of a text in the place of another one."""
    words = list(re.finditer(rb"[\w.+-]+", data))
    if words:
        old, new = rng.choice(words), rng.choice(words)[0]
        data[old.start() : old.end()] = new


def misspell(data: bytearray, rng: random.Random) -> None:
    """A word of a text, or a number at the end of its type."""
    words = list(re.finditer(rb"[\w.+-]+|[{}:\"]", data))
    if words:
        old = rng.choice(words)
        data[old.start() : old.end()] = rng.choice([*NUMBERS, b"", old[0][1:], old[0] * 2])


KINDS = (flip, flip, flip, overwrite, insert, cut, repeat, blank)
WORDS = (swap, swap, misspell, misspell, cut, insert)


def _place(data: bytearray, rng: random.Random) -> int:
    """Heads hold the structure: half of all mistakes are near the start."""
    most = max(1, len(data))
    return rng.randrange(min(most, 400) if rng.random() < 0.5 else most)
