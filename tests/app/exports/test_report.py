"""The report is one file, says what was found, and takes nothing of a name for HTML."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cryohype_app.exports.findings import Finding, pictures_of
from cryohype_app.exports.items import Item, items_of
from cryohype_app.exports.report.figures import latent_picture, training_chart
from cryohype_app.exports.report.page import report_page
from cryohype_app.exports.report.structures import structure_card, structures_table
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_model.metrics.shape import enclosed_volume_angstrom3
from cryohype_model.runs.volumes import read_volume_series

BENT = "bent & <b>bold"


VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags, their attributes, and the text of a page; unclosed or crossing tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that is closed in itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """A tag closes: the one that was opened last."""
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """What is read."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def made(exporter_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with everything in it."""
    return exporter_in(tmp_path_factory.mktemp("report")).make(
        selections=(BENT,), clusters=(0, 1), particles=(17,), forms={"maps", "halves", "star", "pkl", "script", "report"}
    )


@pytest.fixture(scope="module")
def page(made: Path) -> Page:
    return Page((made / "report.html").read_text(encoding="utf-8"))


def test_nothing_comes_from_elsewhere(page: Page, made: Path) -> None:
    loads = {"src", "href", "xlink:href", "srcset", "data", "action", "background"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} has a script"
            if name in loads:
                assert (value or "").startswith("data:image/png") or (tag, value) == ("a", "https://arxiv.org/abs/2512.06332")
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form", "base"} == set()
    text = (made / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\s\"'<]+", text) == ["https://arxiv.org/abs/2512.06332"]
    assert "url(" not in text and "@import" not in text


def test_names_are_text(page: Page) -> None:
    assert BENT in page.text
    assert [tag for tag, _ in page.tags].count("b") == 1 + 6, "of the run's name, and of six lines on how to open the files"


def test_every_structure_has_its_row_and_its_pictures(page: Page) -> None:
    rows = [tag for tag, _ in page.tags].count("tr")
    assert rows >= 5 + 10
    pictures = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 4 * 5, "three projections and two sides of the surface"
    for picture in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(str(picture).partition(",")[2]))).size[0] >= 16
    for name in (BENT, "cluster 0", "cluster 1", "particle 17"):
        assert page.text.count(name) >= 2
    assert "No FSC" not in page.text, "the truth of a single particle is known here"


def test_the_numbers_are_those_of_the_maps(page: Page, made: Path, source: ExportSource) -> None:
    from cryohype_model.io.mrc import read_volume

    entry = read_volume_series(made, "maps").entries[1]
    volume, size, _ = read_volume(made / "maps" / entry.file)
    enclosed = enclosed_volume_angstrom3(volume, entry.level or 0.0, size)
    row = re.search(r"cluster 0 (\S+) (\S+) (\S+)", page.text)
    assert row is not None
    assert row.groups() == ("29", "48.3%", f"{enclosed / 1e3:.3g}" if enclosed < 1e6 else f"{enclosed / 1e3:,.0f}")


def test_it_tells_where_it_comes_from(page: Page, source: ExportSource) -> None:
    manifest = source.manifest()
    for words in (source.run_id, source.checkpoint, "Gu, Jeon, Ma", "open.cxc", "learning_rate", str(manifest.seed)):
        assert words in page.text
    assert "the mean latent of a structure's particles or the latent of a cluster's medoid particle" in page.text
    assert "Chosen by a lasso in umap_x" in page.text


def test_a_name_with_tags_stays_a_name_everywhere(source: ExportSource) -> None:
    (item,) = items_of(source, Wish(selections=(BENT,)))
    evil = '<b>x</b>"><img src=x onerror=alert(1)>'
    item = replace(item, name=evil, origin={"kind": "query", "query": evil})
    few = Item("particle", evil, "p", np.array([3]), "#0072B2", 3)
    parts = [
        structures_table([Finding(item)], 60), structure_card(Finding(item), 60), latent_picture(source.frame, [item, few]),
        report_page(source, Wish(name=evil, selections=(BENT,)), [Finding(item), Finding(few)]),
    ]  # fmt: skip
    for part in parts:
        parsed = Page(part)
        assert "<b>x" not in part
        assert all(attributes.get("src", "data:").startswith("data:") for tag, attributes in parsed.tags if tag == "img")


def test_a_constant_map_has_no_surface_and_no_error() -> None:
    pictures = pictures_of(np.ones((16, 16, 16), np.float32), None, "#0072B2")
    assert pictures.surfaces == {}
    assert set(pictures.projections) == {"x", "y", "z"}


def test_a_run_without_a_curve_says_so(source: ExportSource) -> None:
    assert "nothing to draw" in training_chart(source.curve().iloc[:0])


def test_of_many_structures_the_first_are_drawn_and_all_are_in_the_table(source: ExportSource) -> None:
    rows = np.arange(3)
    findings = [Finding(Item("particle", f"particle {number}", f"p{number}", rows, "#0072B2", number)) for number in range(61)]
    page = Page(report_page(source, Wish(particles=(1,)), findings))
    assert "The first 60 of 61; the table has all." in page.text
    assert [tag for tag, _ in page.tags].count("section") == 60
    assert "particle 60 3 5.0%" in page.text
