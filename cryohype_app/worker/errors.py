"""What can go wrong between the server and its volume worker; every error is one sentence and crosses the pipe as such."""

from __future__ import annotations

from cryohype_model.errors import ConfigError, CryoHypeError, InputFileError, MetricError, RunError, TrainingError


class WorkerError(CryoHypeError):
    """The volume worker could not answer."""


class Superseded(WorkerError):  # noqa: N818 - it ends an iterator and is no failure
    """A newer request of the same slot took this one's place."""


class VolumeGone(WorkerError):  # noqa: N818 - a state that the caller mends by asking anew
    """The worker no longer holds a volume: it made many others since, or it is another process."""


class FrameError(WorkerError):
    """Bytes that are no frame: torn, absurd, or of something else."""


_KINDS = {
    kind.__name__: kind
    for kind in (
        WorkerError,
        Superseded,
        VolumeGone,
        FrameError,
        InputFileError,
        ConfigError,
        RunError,
        TrainingError,
        MetricError,
    )
}


def told(error: CryoHypeError) -> dict[str, str]:
    """An error as JSON values: its kind and its sentence."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS or base is CryoHypeError)
    return {"kind": kind, "sentence": str(error)}


def heard(content: dict[str, str]) -> CryoHypeError:
    """The error that :func:`told` told, of the same class; of a class unknown here, a WorkerError."""
    return _KINDS.get(content["kind"], WorkerError)(content["sentence"])


def volume_gone(volume_id: str) -> VolumeGone:
    """The error for an id that names no volume, or one that was let go."""
    return VolumeGone(f"the volume {volume_id!r} is no longer held by the worker; ask for it again")
