"""What became of a job: from an exit code, or from its absence."""

from __future__ import annotations

import signal

from cryohype_app.jobs.folder import ExitRecord, JobFolder
from cryohype_app.jobs.job import Job, Status, now
from cryohype_app.jobs.log import last_line

ON_REQUEST = "Stopped on request."
KILLED = "Killed at the second request."

_STOPPED_CODES = (128 + signal.SIGINT, 128 + signal.SIGTERM)
_KILLED_CODE = 128 + signal.SIGKILL


def ended(job: Job, folder: JobFolder, record: ExitRecord) -> Job:
    """The job after its command ended."""
    status = _status(job, record.exit_code)
    message = record.message or _message(job, status, folder, record.exit_code)
    return job.changed(status=status, ended=record.ended, exit_code=record.exit_code, message=message)


def vanished(job: Job, what: str) -> Job:
    """The job after its processes went without telling how.

    Parameters
    ----------
    job : it held devices, or waited in SLURM.
    what : the sentence's beginning, such as ``SLURM does not know this job any more``.
    """
    if job.status == "stopping":
        return job.changed(status="stopped", ended=now(), message=job.message or ON_REQUEST)
    if job.kind in ("train", "resume"):
        remedy = f"the run can be resumed from its last checkpoint{f': cryohype train --resume {job.run}' if job.run else ''}"
    else:
        remedy = "start it again"
    return job.changed(status="failed", ended=now(), message=f"{what}, and no exit code was left; {remedy}")


def _status(job: Job, code: int) -> Status:
    if code == 0:
        return "finished"
    if code in _STOPPED_CODES or (code == _KILLED_CODE and job.status == "stopping"):
        return "stopped"
    return "failed"


def _message(job: Job, status: Status, folder: JobFolder, code: int) -> str:
    if status == "finished":
        return ""
    if status == "stopped":
        return (job.message or ON_REQUEST) if job.status == "stopping" else f"Stopped by {_cause(code)} from outside."
    line = last_line(folder.log)
    if code > 128:
        return f"Ended by {_cause(code)}, as when memory runs out; the last line of its log: {line or 'none'}"
    return line or f"The command ended with exit code {code} and said nothing."


def _cause(code: int) -> str:
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"signal {code - 128}"
