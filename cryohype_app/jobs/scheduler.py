"""What SLURM is asked and told: sbatch, squeue, scancel; its own sentence where it refuses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryohype_model.errors import RunError

ANSWER_SECONDS = 30.0

_NO_SUCH_JOB = "Invalid job id"


def submit_script(script: Path) -> str:
    """Hand in a script; SLURM's number of the job.

    Raises
    ------
    RunError : sbatch is absent, refuses, or answers something else.
    """
    said = _ask("sbatch", "--parsable", str(script), folder=script.parent).strip()
    answer = re.fullmatch(r"(\d+)(;\S+)?", said.splitlines()[-1].strip()) if said else None
    if answer is None:
        raise RunError(f"sbatch answered {said[:200]!r} instead of a job number; look with squeue whether the job was taken")
    return answer[1]


def states(numbers: Iterable[str]) -> dict[str, str]:
    """How jobs stand, such as PENDING or RUNNING; those that SLURM does not list any more are left out.

    Raises
    ------
    RunError : squeue is absent, cannot reach the scheduler, or answers something else.
    """
    try:
        said = _ask("squeue", "-h", "-o", "%i %T", "-j", ",".join(numbers))
    except RunError as error:
        if _NO_SUCH_JOB in str(error):  # said of a single old job; of several, the old ones are left out
            return {}
        raise
    lines = [line.split() for line in said.splitlines() if line.strip()]
    if any(len(words) != 2 for words in lines):
        raise RunError(f"squeue answered {said[:200]!r} instead of job numbers and states; look at what it prints")
    return {words[0]: words[1] for words in lines}


def ask_job_to_stop(number: str) -> None:
    """SIGTERM to the script of a running job."""
    _ask("scancel", "--signal=TERM", "--batch", number)


def cancel_job(number: str) -> None:
    """Take a job out of the queue, or end it."""
    _ask("scancel", number)


def _ask(*command: str, folder: Path | None = None) -> str:
    """Standard output of a command; RunError with its own sentence where it does not end with 0."""
    name = command[0]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS, check=False
        )
    except FileNotFoundError:
        raise RunError(f"there is no {name} on this machine; start the server where SLURM's commands are on the PATH") from None
    except OSError as error:
        raise RunError(f"{name} cannot be started ({error.strerror}); start the server where SLURM works") from None
    except subprocess.TimeoutExpired:
        raise RunError(f"{name} did not answer within {ANSWER_SECONDS:.0f} s; try again when SLURM does") from None
    output, complaint = (stream.decode("utf-8", errors="replace") for stream in (done.stdout, done.stderr))
    if done.returncode:
        sentence = " ".join((complaint.strip() or output.strip() or f"exit code {done.returncode}").split())
        raise RunError(f"SLURM refused: {sentence}")
    return output
