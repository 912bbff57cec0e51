"""The secret that opens the dashboard: made once for a user, kept in a file that only they can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryohype_model.errors import RunError

TOKEN_BYTES = 24
SHORTEST = 16  # characters: what nobody guesses over a network


def token_path() -> Path:
    """Where the token of this user lies: ``$XDG_STATE_HOME/cryohype/token``."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "cryohype" / "token"


def user_token(path: Path, renew: bool = False) -> str:
    """The token in a file of mode 0600; made when there is none, too short a one, or a new one is wanted.

    A token that stays lets an open page and a desktop viewer come back after the server was restarted.

    Raises
    ------
    RunError : the file is readable by others, or cannot be written.
    """
    try:
        if not renew and path.exists():
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RunError(f"{path} can be read by others; run `chmod 600 {path}`, or start with --new-token")
            token = path.read_text(encoding="ascii").strip()
            if len(token) >= SHORTEST:
                return token
        return _write(path, secrets.token_urlsafe(TOKEN_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"the token file {path} cannot be used ({error}); delete it, or set XDG_STATE_HOME") from None


def _write(path: Path, token: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)  # an old one may have had another mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token
