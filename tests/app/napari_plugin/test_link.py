from __future__ import annotations

from pathlib import Path

import pytest

from cryohype_app.napari_plugin.live.link import parse_link
from cryohype_model.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "token", "address"),
    [
        ("http://localhost:8050/?token=abc", "", "http://localhost:8050"),
        ("  http://localhost:8050/explore?run=1&token=abc \n", "", "http://localhost:8050"),
        ("localhost:8050", "abc", "http://localhost:8050"),
        ("https://gpu.lab.example/?token=abc", "", "https://gpu.lab.example"),
        ("http://[::1]:8050/?token=abc", "", "http://[::1]:8050"),
        ("http://localhost:8050/?token=old", "abc", "http://localhost:8050"),
    ],
)
def test_a_link_is_understood_as_it_was_printed(text: str, token: str, address: str) -> None:
    link = parse_link(text, token)
    assert (link.address, link.token) == (address, "abc")
    assert link.stream == f"ws{address.removeprefix('http')}/api/v1/stream"


@pytest.mark.parametrize(
    "text", ["", "nonsense", "ftp://localhost/?token=abc", "http://", "http://localhost:port", "http://a:b@localhost/?token=c"]
)
def test_what_is_no_link_is_refused_in_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="cryohype-app serve"):
        parse_link(text)


def test_on_this_machine_the_users_own_token_opens_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "cryohype").mkdir()
    (tmp_path / "cryohype" / "token").write_text("mine\n")
    assert parse_link("http://localhost:8050").token == "mine"
    with pytest.raises(ConfigError, match="token"):
        parse_link("http://gpu.lab.example:8050")
