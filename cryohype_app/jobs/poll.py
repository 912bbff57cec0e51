"""What SLURM said last of the jobs: one question for all of them, and not too often."""

from __future__ import annotations

import time
from collections.abc import Iterable

from cryohype_app.jobs.job import Job
from cryohype_app.jobs.scheduler import states
from cryohype_app.jobs.slurm import GONE, is_gone
from cryohype_model.errors import RunError


class SlurmPoll:
    """The last answer of squeue, and since when it leaves jobs out.

    Parameters
    ----------
    squeue_seconds : time between two questions.
    grace_seconds : after so long an absence, a job is overdue: its exit.json may lag behind on a network file system.

    Attributes
    ----------
    trouble : why the last question had no answer, or empty.
    """

    def __init__(self, squeue_seconds: float, grace_seconds: float) -> None:
        self.trouble = ""
        self._squeue_seconds = squeue_seconds
        self._grace_seconds = grace_seconds
        self._asked = float("-inf")
        self._states: dict[str, str] = {}
        self._gone_since: dict[str, float] = {}

    def ask(self, jobs: Iterable[Job]) -> None:
        """Ask about those that are in SLURM and not over, when it is time again; takes as long as SLURM does."""
        numbers = sorted({job.scheduler_id for job in jobs if job.scheduler_id and not job.is_over})
        moment = time.monotonic()
        if numbers and moment - self._asked < self._squeue_seconds:
            return
        self._asked, self.trouble = moment, ""
        try:
            answer = states(numbers) if numbers else {}
        except RunError as error:
            self.trouble, self._states, self._gone_since = str(error), {}, {}
            return
        self._states = {number: answer.get(number, GONE) for number in numbers}
        self._gone_since = {number: self._gone_since.get(number, moment) for number in numbers if is_gone(self._states[number])}

    def state(self, job: Job) -> str | None:
        """SLURM's word for a job, ``GONE``, or None where it was not asked or did not answer."""
        return self._states.get(job.scheduler_id or "")

    def is_overdue(self, job: Job) -> bool:
        """Whether SLURM has left the job out for longer than the grace."""
        since = self._gone_since.get(job.scheduler_id or "")
        return since is not None and time.monotonic() - since > self._grace_seconds
