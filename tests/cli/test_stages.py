"""What a long command says of its stages in a file, which the log of a job is."""

from __future__ import annotations

import pytest

from cryohype_model.cli.stages import StageLines, stages


def test_a_line_at_each_tenth_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    with stages() as progress:
        assert isinstance(progress, StageLines), "this is no terminal"
        progress.begin("layout", 1000)
        for _ in range(1000):
            progress.advance(1)
        progress.say("a sentence [with] brackets")
        progress.begin("figures", 2)
        progress.advance(2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["layout 0/1000", "layout 100/1000", "layout 200/1000"]
    assert lines[10:] == ["layout 1000/1000", "a sentence [with] brackets", "figures 0/2", "figures 2/2"]


def test_nothing_to_do_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with stages() as progress:
        progress.begin("maps", 0)
        progress.advance(0)
    assert capsys.readouterr().err == "maps 0/0\n"
