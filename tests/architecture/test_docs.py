"""What the pages tell to type is what the commands understand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cryohype_app.cli import parser
from cryohype_model.cli import command_parser
from cryohype_model.config import load_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# a whole line of an indented or fenced block
LINES = [
    (page.name, line.strip())
    for page in PAGES
    for line in re.findall(r"^ *cryohype [a-z].*$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {line}" for page, line in LINES])
def test_a_command_of_the_docs_is_understood(page: str, line: str) -> None:
    _, name, *words = shlex.split(line)
    args = command_parser(name).parse_args(words)
    assert callable(args.run), "an argument called run hides the function that main calls"
    load_config(preset=getattr(args, "preset", None), overrides=getattr(args, "overrides", []))


def test_a_line_that_opens_the_dashboard_is_understood() -> None:
    lines = [line for page in PAGES for line in re.findall(r"^ *cryohype-app [a-z].*$", page.read_text("utf-8"), re.MULTILINE)]
    assert lines
    for line in lines:
        assert callable(parser().parse_args(shlex.split(line, comments=True)[1:]).run)


def test_the_tutorial_goes_through_every_step() -> None:
    told = {line.split()[1] for page, line in LINES if page == "tutorial.md"}
    assert {"import", "simulate", "backproject", "train", "analyze", "volumes", "evaluate", "export", "runs"} <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_configuration_key_of_the_docs_exists(page: Path) -> None:
    from cryohype_model.cli.config_command import config_keys

    known = {key.name for key in config_keys()}
    named = re.findall(r"`((?:data|model|training|analysis)\.[\w.]+?)(?: = [^`]*)?`", page.read_text(encoding="utf-8"))
    assert set(named) - known == set()
