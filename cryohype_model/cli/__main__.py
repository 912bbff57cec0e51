"""``python -m cryohype_model.cli``: the `cryohype` command, wherever its script was installed."""

from cryohype_model.cli import command

if __name__ == "__main__":
    raise SystemExit(command())
