"""The script of a SLURM lane: a file that its users edit, with four places to fill in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from cryohype_model.errors import ConfigError

DEFAULT_TEMPLATE = """\
#!/bin/bash
# A lane of CryoHype: add what your cluster wants, such as a partition or an account, and module loads below.
# SIGTERM comes two minutes before the time limit: training writes a checkpoint and can be resumed.
#SBATCH --job-name={job_name}
#SBATCH --output={log}
#SBATCH --gres=gpu:{gpus}
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --no-requeue

{command}
"""

_PLACES = re.compile(r"\{(job_name|log|gpus|command)\}")


def template_path(lanes: Path, lane: str) -> Path:
    """Where the template of a lane lies."""
    return lanes / f"{lane}.sh"


def lane_names(lanes: Path) -> tuple[str, ...]:
    """Names of the SLURM lanes: of the templates in a folder that need not exist."""
    return tuple(sorted(path.stem for path in lanes.glob("*.sh") if path.is_file() and not path.name.startswith(".")))


def read_template(lanes: Path, lane: str) -> str:
    """The template of a lane.

    Raises
    ------
    ConfigError : there is none, or it nowhere says where the command goes.
    """
    path = template_path(lanes, lane)
    if lane not in lane_names(lanes):
        known = ", ".join(("local", *lane_names(lanes)))
        raise ConfigError(f"there is no lane {lane!r}; choose one of {known}, or write the script template {path}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the script template {path} cannot be read ({error}); write it anew") from None
    if not any("{command}" in line and not line.lstrip().startswith("#") for line in text.splitlines()):
        raise ConfigError(f"the script template {path} lacks {{command}}; give it a line of its own, after the #SBATCH lines")
    return text


def fill_template(template: str, job_name: str, log: Path, gpus: int, command: Sequence[str]) -> str:
    """The script, in one pass: what is filled in is never looked through again.

    Parameters
    ----------
    template : as :func:`read_template` gives it.
    job_name : for people; anything but letters, digits, ``.``, ``_`` and ``-`` becomes ``-``.
    log : file of standard output and error.
    gpus : how many.
    command : word by word; the script ends as this process, so that SLURM's signals reach it.

    Raises
    ------
    ConfigError : SLURM would take a part of the log's path for something else.
    """
    if re.search(r"[%\\\n]", str(log)):
        raise ConfigError(f"SLURM cannot write the log {str(log)!r}: its path holds '%', '\\' or a new line; move the store")
    values = {
        "job_name": re.sub(r"[^A-Za-z0-9._-]+", "-", job_name).strip("-.") or "cryohype",
        "log": shlex.quote(str(log)),
        "gpus": str(gpus),
        "command": f"exec {shlex.join(command)}",
    }
    return _PLACES.sub(lambda place: values[place[1]], template)
