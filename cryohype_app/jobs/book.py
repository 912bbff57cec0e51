"""The jobs of a store: what the pages and the server call."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cryohype_app.jobs import local, slurm
from cryohype_app.jobs.ending import ON_REQUEST
from cryohype_app.jobs.job import LOCAL, Job, make_job, now
from cryohype_app.jobs.lock import locked
from cryohype_app.jobs.log import TAIL_BYTES, tail
from cryohype_app.jobs.poll import SlurmPoll
from cryohype_app.jobs.process import reap
from cryohype_app.jobs.shelf import JobShelf
from cryohype_app.jobs.template import lane_names
from cryohype_app.jobs.watch import Watch
from cryohype_model.errors import CryoHypeError, RunError


class JobBook:
    """Submit, watch, stop and forget jobs; any number of books, threads and servers may share a store.

    Nothing is kept here that is not in the files: a new book goes on where a killed server left off.

    Parameters
    ----------
    store : folder of the runs; jobs lie in ``.cryohype/jobs`` in it, script templates in ``.cryohype/lanes``.
    grace_seconds : so long may SLURM not list a job, or a runner not appear, before the job counts as failed.
    squeue_seconds : time between two questions to SLURM, for all jobs together.
    """

    def __init__(self, store: Path, grace_seconds: float = 30.0, squeue_seconds: float = 5.0) -> None:
        self._store = Path(store).absolute()
        self._lanes = self._store / ".cryohype" / "lanes"
        self._shelf = JobShelf(self._store / ".cryohype" / "jobs")
        self._host = socket.gethostname()
        self._poll = SlurmPoll(squeue_seconds, grace_seconds)
        self._watch = Watch(self._shelf, self._host, self._poll, grace_seconds)

    def lanes(self) -> tuple[str, ...]:
        """Where a job can run: local, and the names of the script templates."""
        return (LOCAL, *lane_names(self._lanes))

    def jobs(self) -> tuple[Job, ...]:
        """Every job, newest first."""
        return self._shelf.jobs()

    def problems(self) -> tuple[str, ...]:
        """What is wrong with job files or with SLURM just now, a sentence each."""
        return (*self._shelf.problems(), *self._watch.troubles())

    def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        RunError : there is none, or its file is damaged.
        """
        return self._shelf.get(job_id)

    def log_tail(self, job_id: str, size_bytes: int = TAIL_BYTES) -> str:
        """The last lines that a job said, at most so many bytes; empty before it has begun."""
        return tail(self._shelf.folder(job_id).log, size_bytes)

    def submit(
        self,
        kind: str,
        title: str,
        command: Sequence[str],
        run: Path | None = None,
        lane: str = LOCAL,
        device: str = "cpu",
        cwd: Path | None = None,
    ) -> Job:
        """Put a job into the queue of its lane; the next :meth:`tick` may start it.

        Parameters
        ----------
        kind, title : what it does, for programs and for people.
        command : word by word, such as :mod:`cryohype_app.jobs.commands` makes.
        run : folder of the run that it works on.
        lane : one of :meth:`lanes`.
        device : ``cpu``, ``cuda:0`` or ``cuda:0,cuda:2``; in SLURM only the number of GPUs counts.
        cwd : folder that it runs in, by default the store.

        Raises
        ------
        RunError : an impossible value, a store that cannot be written to, or SLURM does not take it.
        ConfigError : no such lane, or its template is wrong.
        """
        place = {"run": run and Path(run).absolute(), "cwd": Path(cwd or self._store).absolute(), "host": self._host}
        with self._changing():
            job = make_job(kind=kind, title=title, command=command, lane=lane, device=device, **place)
            self._shelf.put(job)
            if job.is_local:
                return job
            try:
                return self._shelf.put(slurm.submit(self._lanes, self._shelf.folder(job.id), job))
            except CryoHypeError:
                self._shelf.remove(job.id)
                raise

    def stop(self, job_id: str) -> Job:
        """Take a waiting job out of the queue, ask a running one to stop, kill one that was asked before; the job.

        Raises
        ------
        RunError : no such job, or SLURM refuses.
        """
        with self._changing():
            job = self.get(job_id)
            if job.is_over:
                return job
            if not job.is_local:
                return self._shelf.put(slurm.stop(job))
            if job.status == "queued":
                return self._shelf.put(job.changed(status="stopped", ended=now(), message=ON_REQUEST))
            if job.host != self._host:
                message = f"Given up: its process {job.pid} is on {job.host}, where only a server there can end it."
                return self._shelf.put(job.changed(status="stopped", ended=now(), message=message))
            return self._shelf.put(local.stop(job))

    def forget(self, job_id: str) -> None:
        """Delete a job that is over, and its log; the run stays.

        Raises
        ------
        RunError : no such job, or it is not over.
        """
        with self._changing():
            job = self.get(job_id)
            if not job.is_over:
                raise RunError(f"the job {job.title!r} is {job.status}; stop it first")
            self._shelf.remove(job_id)

    def tick(self) -> None:
        """Notice what began and ended, start what may begin; does nothing while another thread or server does it.

        Call it about once a second from a thread; what goes wrong with one job is told by :meth:`problems`.

        Raises
        ------
        RunError : the store cannot be locked.
        """
        reap()
        if not self._shelf.root.is_dir():
            return
        self._poll.ask(self.jobs())  # before the lock: SLURM may take its time
        with self._changing(wait=False) as held:
            if held:
                self._watch.carry_on()

    def _changing(self, wait: bool = True) -> AbstractContextManager[bool]:
        return locked(self._shelf.root / "lock", wait=wait)
