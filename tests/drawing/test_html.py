from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from minicaffe.drawing.graph import build
from minicaffe.drawing.html import html
from minicaffe.drawing.layout import lay_out
from tests.drawing import nets


class Page(HTMLParser):
    """Its tags, its texts by tag, and its attributes that name something to load."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.loads = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [(tag, k, v) for k, v in attrs if k in ("src", "href", "action", "data")]
        self.loads += [(tag, k, v) for k, v in attrs if k.startswith("on")]

    def handle_data(self, data):
        self.texts.append((self.tags[-1] if self.tags else "", data))


def page(definition):
    graph = build(definition, lambda layer, top: "1x2")
    return html(graph, lay_out(graph))


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_it_loads_nothing():
    text = page(nets.net(nets.CHAIN))
    assert not re.search(r"https?://", text)
    assert not re.search(r"@import|fetch\(|XMLHttpRequest|import\(", text)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert "default-src 'none'" in text
    found = Page(text)
    assert found.loads == []
    assert not {"img", "link", "iframe", "object", "base"} & set(found.tags)
    assert found.tags.count("script") == 2


def test_it_knows_every_layer():
    data = data_of(page(nets.net(nets.CHAIN)))
    assert [part[0] for part in data[1]["parts"]] == ["conv", "bn", "scale", "relu"]
    assert "kernel_size: 3" in data[1]["parts"][0][2]
    assert data[1]["in"] == [[0, "data", "1x2"]]
    assert data[1]["out"] == [[2, "conv", "1x2"]]
    assert data[3]["output"]


def test_evil_names_are_text():
    text = page(nets.evil())
    found = Page(text)
    assert found.tags.count("script") == 2
    assert found.tags.count("b") == 0
    assert "<" not in re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert data_of(text)[0]["parts"][0][0] == nets.EVIL + "data"
    assert ("title", nets.EVIL) in found.texts


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not here")
def test_the_script_is_javascript(tmp_path):
    script = re.findall(r"<script>(.*?)</script>", page(nets.evil()), re.DOTALL)[0]
    (tmp_path / "page.js").write_text(script)
    subprocess.run(["node", "--check", tmp_path / "page.js"], check=True, timeout=60)
