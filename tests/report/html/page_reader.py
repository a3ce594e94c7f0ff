"""Reads the report as a browser does: elements, texts, sections."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from replay.report.html.render import render_html
from replay.report.summary.data import ReportData

VOID = {"meta", "link", "img", "br", "hr", "input", "path"}


class Page(HTMLParser):
    """Every element with its attributes, every text, and whether tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def count(self, tag: str, name: str | None = None) -> int:
        return sum(
            found == tag and (name is None or name in (attrs.get("class") or "").split())
            for found, attrs in self.elements
        )


def section_text(data: ReportData, name: str) -> str:
    """The text of one section of the rendered report, spaces joined."""
    found = re.search(rf'<section id="{name}">.*?</section>', render_html(data), re.DOTALL)
    assert found is not None, f"no section {name}"
    return Page(found[0]).text
