"""One job: a command, where it runs, and how it stands; a JSON file that outlives the server."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cryohype_model.errors import RunError
from cryohype_model.io.atomic import write_atomically

JOB_FORMAT_VERSION = 1
LOCAL = "local"

Status = Literal["queued", "starting", "running", "stopping", "stopped", "finished", "failed"]


class Job(BaseModel):
    """job.json; frozen, every change makes another one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(JOB_FORMAT_VERSION, description="of this file")
    id: str = Field(
        default_factory=lambda: uuid4().hex[:12], pattern=r"^[0-9a-f]{12}$", description="identity, also the folder's"
    )
    kind: str = Field(min_length=1, description="what it does, such as train or analyze")
    title: str = Field(description="what people call it")
    command: tuple[str, ...] = Field(min_length=1, description="word by word, never a line for a shell")
    cwd: Path = Field(description="folder that the command runs in")
    run: Path | None = Field(None, description="folder of the run that it works on")
    lane: str = Field(LOCAL, min_length=1, description="local, or the name of a SLURM script template")
    device: str = Field("cpu", pattern=r"^(cpu|cuda:\d+(,cuda:\d+)*)$", description="cpu, cuda:0, or several: cuda:0,cuda:2")
    host: str = Field("", description="machine whose server took the job; only there do the process numbers mean anything")
    status: Status = Field("queued", description="how the job stands")
    created: AwareDatetime = Field(default_factory=lambda: now(), description="when it was submitted, UTC")
    started: AwareDatetime | None = Field(None, description="when it left the queue, UTC")
    ended: AwareDatetime | None = Field(None, description="when it ended, UTC")
    pid: int | None = Field(None, description="process to signal: the runner, in the local lane")
    process_created: float | None = Field(None, description="when that process began, Unix seconds: tells a reused pid apart")
    scheduler_id: str | None = Field(None, description="SLURM's number of the job")
    exit_code: int | None = Field(None, description="of the command; 128 + n after signal n; none where nobody could see it")
    message: str = Field("", description="last sentence for people, such as why the job failed")

    @property
    def is_local(self) -> bool:
        """Whether it runs as a process of the machine in ``host``."""
        return self.lane == LOCAL

    @property
    def is_over(self) -> bool:
        """Whether it will never change again."""
        return self.status in ("stopped", "finished", "failed")

    @property
    def holds_devices(self) -> bool:
        """Whether a process of it may be using its devices."""
        return self.status in ("starting", "running", "stopping")

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, each once: ``("cuda:0", "cuda:2")``."""
        return tuple(dict.fromkeys(self.device.split(",")))

    @property
    def gpus(self) -> tuple[int, ...]:
        """Numbers of its GPUs, none on the CPU."""
        return tuple(int(name.removeprefix("cuda:")) for name in self.devices if name != "cpu")

    def changed(self, **changes: Any) -> Job:
        """Another job with these fields, checked."""
        return make_job(**(self.model_dump() | changes))


def make_job(**fields: Any) -> Job:
    """A checked job.

    Parameters
    ----------
    fields : of :class:`Job`.

    Raises
    ------
    RunError : a field has an impossible value; it is named.
    """
    try:
        return Job.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise RunError(f"a job cannot have '{where}' = {problem['input']!r}: {problem['msg']}; give another value") from None


def now() -> datetime:
    """The time, in UTC, fine enough to keep a queue in order."""
    return datetime.now(timezone.utc)


def read_job(path: Path) -> Job:
    """The job in a job.json.

    Raises
    ------
    RunError : unreadable, another format version, no job, or in a folder of another name.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read the job {path}: {error.strerror}; delete its folder if nothing runs there") from None
    except ValueError:
        raise RunError(f"{path} is not valid JSON; delete its folder if nothing runs there") from None
    version = tree.get("format_version") if isinstance(tree, dict) else None
    if version != JOB_FORMAT_VERSION:
        raise RunError(f"{path} is a job of format version {version}, this release reads {JOB_FORMAT_VERSION}; delete its folder")
    try:
        job = make_job(**tree)
    except RunError as error:
        raise RunError(f"{path} is damaged ({error}); delete its folder if nothing runs there") from None
    if job.id != path.parent.name:
        raise RunError(f"{path} tells of the job {job.id}, which has another folder; delete the copy")
    return job


def write_job(path: Path, job: Job) -> None:
    """Replace a job.json in one step."""
    write_atomically(path, job.model_dump_json(indent=2) + "\n")
