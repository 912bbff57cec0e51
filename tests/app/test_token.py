"""The token is made once, kept from others, and replaced when asked."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cryohype_app.token import SHORTEST, user_token
from cryohype_model.errors import RunError


def test_it_stays_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "token"
    token = user_token(path)
    assert len(token) >= SHORTEST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert user_token(path) == token


def test_a_new_one_is_made_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert user_token(path) != user_token(path, renew=True)


def test_one_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "token"
    user_token(path)
    path.chmod(0o644)
    with pytest.raises(RunError, match="chmod 600"):
        user_token(path)
    assert user_token(path, renew=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "\n"])
def test_a_damaged_one_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(content)
    assert len(user_token(path)) >= SHORTEST


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be used"):
        user_token(tmp_path / "file" / "token")
