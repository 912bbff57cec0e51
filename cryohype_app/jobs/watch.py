"""One round over the jobs: what began, what ended, what may begin now."""

from __future__ import annotations

from collections.abc import Callable

from cryohype_app.jobs import local, slurm
from cryohype_app.jobs.ending import ended
from cryohype_app.jobs.job import Job, now
from cryohype_app.jobs.poll import SlurmPoll
from cryohype_app.jobs.queue import startable
from cryohype_app.jobs.shelf import JobShelf
from cryohype_model.errors import CryoHypeError


class Watch:
    """Carries jobs on, on behalf of one server.

    Parameters
    ----------
    shelf : the job files.
    host : this machine's name; local jobs of another machine are only read.
    poll : SLURM's answers.
    grace_seconds : so long may a runner take to appear whose server died while it started it.
    """

    def __init__(self, shelf: JobShelf, host: str, poll: SlurmPoll, grace_seconds: float) -> None:
        self._shelf = shelf
        self._host = host
        self._poll = poll
        self._grace_seconds = grace_seconds
        self._troubles: dict[str, str] = {}

    def troubles(self) -> tuple[str, ...]:
        """What went wrong in the last rounds, a sentence each."""
        return tuple(filter(None, (self._poll.trouble, *self._troubles.values())))

    def carry_on(self) -> None:
        """One round; the caller holds the lock. What goes wrong with one job does not keep the others."""
        self._troubles = {}
        for job in self._shelf.jobs():
            if not job.is_over:
                self._step(job, self._look)
        here = [job for job in self._shelf.jobs() if job.is_local and job.host == self._host]
        for job in startable(here):
            self._step(job, self._start)

    def _step(self, job: Job, step: Callable[[Job], Job]) -> None:
        try:
            after = step(job)
            if after != job:
                self._shelf.put(after)
        except (CryoHypeError, OSError) as error:
            self._troubles[job.id] = str(error)

    def _look(self, job: Job) -> Job:
        folder = self._shelf.folder(job.id)
        if not job.is_local:
            return slurm.look(folder, job, self._poll.state(job), self._poll.is_overdue(job))
        if not job.holds_devices:
            return job
        if job.host == self._host:
            return local.look(folder, job, self._grace_seconds)
        record = folder.read_exit()
        return job if record is None else ended(job, folder, record)

    def _start(self, job: Job) -> Job:
        starting = self._shelf.put(job.changed(status="starting", started=now()))
        return local.start(self._shelf.folder(job.id), starting)
