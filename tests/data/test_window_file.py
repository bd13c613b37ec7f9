"""WindowFile: which window is of which kind, and files that are none."""

from __future__ import annotations

import pytest

from minicaffe.data.window_file import Window, WindowFile
from minicaffe.errors import DataError

ONE = "# 0\n{}\n3\n12\n15\n"


def write(path, text):
    path.write_text(text)
    return str(path)


def read(tmp_path, text, fg=0.5, bg=0.5):
    return WindowFile(write(tmp_path / "w.txt", text), "root/", fg, bg)


def listed(windows):
    return [windows[index] for index in range(len(windows))]


TWO = (
    ONE.format("a.png") + "3\n2 0.7 1 2 3 4\n5 0.1 5 6 7 8\n4 0.4 9 10 11 11\n"
    "# 7\nb.png\n3 12 15\n0\n# 8\nc.png\n3\n12\n15\n1 1 1.0\n0 0 0 0\n"
)


def test_sorts_the_windows(tmp_path):
    file = read(tmp_path, TWO, fg=0.7, bg=0.4)  # both just met
    assert file.images == ["root/a.png", "root/b.png", "root/c.png"]
    assert listed(file.foreground) == [
        Window(0, 2, (1, 2, 3, 4), 7),
        Window(2, 1, (0, 0, 0, 0), 19),
    ]
    assert listed(file.background) == [Window(0, 0, (5, 6, 7, 8), 8)]
    assert file.key(file.foreground[1]) == b"line 19, root/c.png"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("0\na.png", 1, "found '0', expected '#' and an image's number"),
        ("# 0", 1, "found the end, expected an image's path"),
        ("# x a.png", 1, "found 'x', expected a whole number of 32 bits"),
        ("# 0\na.png\n1\n12\n15\n0", 5, "found 1, expected 3 channels, as images are read in"),
        (ONE.format("a") + "2\n1 0.9 0 0 1 1", 7, "found the end, expected a whole number"),
        (ONE.format("a") + "1\n1 0.9 0 0 1.5 1", 7, "found '1.5', expected a whole number"),
        (ONE.format("a") + "1\n9999999999 0.9 0 0 1 1", 7, "found '9999999999', expected a whole"),
        (ONE.format("a") + "1\n1 high 0 0 1 1", 7, "found 'high', expected a number"),
        (ONE.format("a") + "1\n0 0.9 0 0 1 1", 7, "found 0, expected a label of at least 1, as it"),
        (ONE.format("a") + "1\n1 0.9 3 0 2 1", 7, "found 3 0 2 1, expected a box of at least one"),
        (ONE.format("a") + "1\n1 0.1 0 2 1 1", 7, "found 0 2 1 1, expected a box of at least one"),
        (ONE.format("a") + "1\n1 0.1 0 0 1 1 7", 7, "found '7', expected '#' and an image's"),
    ],
)
def test_refuses_files(tmp_path, text, line, message):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/w.txt (line {line}): {message}")
