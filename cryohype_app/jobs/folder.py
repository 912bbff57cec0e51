"""The folder of a job: where its files lie, and the two that its runner writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cryohype_model.io.atomic import write_atomically


class RunnerRecord(BaseModel):
    """runner.json: the processes of a job that has begun."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int = Field(description="the runner")
    process_created: float = Field(description="when the runner began, Unix seconds")
    child_pid: int = Field(description="the command")
    child_created: float = Field(description="when the command began, Unix seconds")


class ExitRecord(BaseModel):
    """exit.json: how the command ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exit_code: int = Field(description="of the command; 128 + n after signal n, 127 where it could not be started")
    ended: AwareDatetime = Field(description="when, UTC")
    message: str = Field("", description="why it could not be started")


@dataclass(frozen=True)
class JobFolder:
    """A handle on the folder of a job: paths, and the records of its runner."""

    path: Path

    @property
    def job(self) -> Path:
        """The job itself; the server writes it."""
        return self.path / "job.json"

    @property
    def log(self) -> Path:
        """Standard output and error of runner and command."""
        return self.path / "log.txt"

    @property
    def runner(self) -> Path:
        """The processes; the runner writes it once the command has begun."""
        return self.path / "runner.json"

    @property
    def exit(self) -> Path:
        """How it ended; the last file that the runner writes."""
        return self.path / "exit.json"

    @property
    def script(self) -> Path:
        """What was given to SLURM."""
        return self.path / "script.sh"

    def read_runner(self) -> RunnerRecord | None:
        """The processes, or None before the command has begun."""
        content = _content(self.runner)
        try:
            return None if content is None else RunnerRecord.model_validate_json(content)
        except ValidationError:
            return None

    def read_exit(self) -> ExitRecord | None:
        """How it ended, or None while the runner has not said so."""
        content = _content(self.exit)
        try:
            return None if content is None else ExitRecord.model_validate_json(content)
        except ValidationError:
            return None

    def write_record(self, record: RunnerRecord | ExitRecord) -> None:
        """Write runner.json or exit.json in one step."""
        path = self.exit if isinstance(record, ExitRecord) else self.runner
        write_atomically(path, record.model_dump_json(indent=2) + "\n")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
