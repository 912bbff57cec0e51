"""The job files of a store: read, written and removed one by one, with no rule about what may follow what."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from cryohype_app.jobs.folder import JobFolder
from cryohype_app.jobs.job import Job, read_job, write_job
from cryohype_model.errors import RunError

_Version = tuple[int, int, int]


class JobShelf:
    """Every job under a folder; a file is read again only when it was replaced.

    Parameters
    ----------
    root : holds one folder a job, named by the job's id; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, tuple[_Version, Job | RunError]] = {}

    def folder(self, job_id: str) -> JobFolder:
        """Where the files of a job lie.

        Raises
        ------
        RunError : no identity of a job, such as a path.
        """
        if not re.fullmatch(r"[0-9a-f]{12}", job_id):
            raise RunError(f"{job_id!r} names no job; a job has 12 hexadecimal digits")
        return JobFolder(self.root / job_id)

    def jobs(self) -> tuple[Job, ...]:
        """Every readable job, newest first."""
        found = [item for item in self._items() if isinstance(item, Job)]
        return tuple(sorted(found, key=lambda job: (job.created, job.id), reverse=True))

    def problems(self) -> tuple[str, ...]:
        """Why the others are not readable, a sentence each."""
        return tuple(str(item) for item in self._items() if isinstance(item, RunError))

    def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        RunError : there is none, or its file is damaged.
        """
        path = self.folder(job_id).job
        item = self._item(path)
        if item is None:
            raise RunError(f"there is no job {job_id} in {self.root}; it was forgotten, choose another")
        if isinstance(item, RunError):
            raise RunError(str(item))
        return item

    def put(self, job: Job) -> Job:
        """Write a job, a new one with its folder; the same job.

        Raises
        ------
        RunError : it cannot be written.
        """
        folder = self.folder(job.id)
        try:
            folder.path.mkdir(exist_ok=True)
            write_job(folder.job, job)
        except OSError as error:
            raise RunError(f"{folder.job} cannot be written ({error.strerror}); free space and try again") from None
        return job

    def remove(self, job_id: str) -> None:
        """Delete a job with its log; the job goes first, so that nobody sees half of it."""
        folder = self.folder(job_id)
        folder.job.unlink(missing_ok=True)
        shutil.rmtree(folder.path, ignore_errors=True)
        self._read.pop(folder.job, None)

    def _items(self) -> list[Job | RunError]:
        try:
            paths = [folder / "job.json" for folder in self.root.iterdir() if folder.is_dir()]
        except OSError:
            return []
        return [item for path in sorted(paths) if (item := self._item(path)) is not None]

    def _item(self, path: Path) -> Job | RunError | None:
        """What the file holds, or why it cannot be read; None where there is no file."""
        try:
            stat = path.stat()
        except OSError:
            return None
        version = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        known = self._read.get(path)
        if known is None or known[0] != version:
            known = (version, _job_or_reason(path))
            self._read[path] = known
        return known[1]


def _job_or_reason(path: Path) -> Job | RunError:
    try:
        return read_job(path)
    except RunError as error:
        return error
