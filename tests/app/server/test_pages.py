"""A page is answered before it is filled, tells what it fails of, and its large modules are loaded meanwhile."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import panel as pn
import pytest

from cryohype_app.server import app as application
from cryohype_app.views.page import Frame
from cryohype_model.errors import RunError
from tests.app.server.conftest import Api, make_services

BARE_IMPORT = re.compile(
    r"(?:^|[;}\n])\s*(?:import|export)\s*[\w*{][^;'\"()]*?from\s*[\"'](?![./])|(?:^|[;}\n])import\s*[\"'](?![./])"
)


def page_of(tmp_path: Path, fill: application.Page) -> tuple[int, list[str]]:
    """How many parts it had when the browser was answered, and what its parts say in the end."""

    async def opened() -> tuple[int, list[str]]:
        page = application._made_with("Page", fill, make_services(tmp_path))()
        at_first = len(page.main)
        await asyncio.sleep(5 * application.ANSWERED_S)
        return at_first, [str(part.object) for part in page.main]

    return asyncio.run(opened())


def test_the_frame_is_answered_first(tmp_path: Path) -> None:
    assert page_of(tmp_path, lambda _, frame: frame.show_problem("filled")) == (0, ["filled"])


@pytest.mark.parametrize("error", [RunError("the disk is full."), KeyError("a fault of ours")])
def test_a_page_that_cannot_be_made_says_why(tmp_path: Path, error: Exception) -> None:
    def fail(services: object, frame: Frame) -> None:
        raise error

    at_first, said = page_of(tmp_path, fail)
    assert at_first == 0
    assert len(said) == 1
    assert str(error).strip("'") in said[0]


@pytest.mark.parametrize(
    "code", ['import*as React from"react";', "x;import {a as b} from 'react'", 'import "react"', 'export{a}from"b"']
)
def test_bare_imports_are_seen(code: str) -> None:
    assert BARE_IMPORT.search(code)
    assert not BARE_IMPORT.search(code.replace("react", "./react").replace('"b"', '"/b"'))


def test_the_large_modules_are_there_and_need_no_other(api: Api) -> None:
    """The browser loads them without Panel's shim, which alone knows bare names."""
    script = api.client.get(pn.config.js_files["early"])
    assert "immutable" in script.headers["cache-control"]
    modules = re.findall(r'"(\./[^"]+\.js[^"]*)"', script.text)
    assert len(modules) == 2
    for module in modules:
        answer = api.client.get(module.removeprefix("."))
        assert answer.status_code == 200
        assert "javascript" in answer.headers["content-type"]
        assert len(answer.text) > 100_000
        assert not BARE_IMPORT.search(answer.text)


@pytest.mark.parametrize("path", ["/static/js/bokeh.min.js", "/docs/docs.js"])
def test_files_are_packed_for_browsers_that_unpack_them(api: Api, path: str) -> None:
    packed = api.client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = api.client.get(path, headers={"Accept-Encoding": "identity"})
    assert plain.content == packed.content  # the client has unpacked it
    assert ("content-encoding" in packed.headers) == (len(plain.content) >= 500)
    assert "content-encoding" not in plain.headers


def test_a_large_file_becomes_a_third(api: Api) -> None:
    answer = api.client.get("/static/js/bokeh.min.js", headers={"Accept-Encoding": "gzip"})
    assert answer.num_bytes_downloaded < 0.4 * len(answer.content)
    again = api.client.get("/static/js/bokeh.min.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_data_are_not_packed(api: Api) -> None:
    answer = api.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert len(answer.content) > 10_000
    assert "content-encoding" not in answer.headers
