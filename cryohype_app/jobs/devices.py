"""What there is to compute on, and how busy it is."""

from __future__ import annotations

import csv
import os
import subprocess
from dataclasses import dataclass

import psutil

ANSWER_SECONDS = 5.0
_QUERY = ("nvidia-smi", "--query-gpu=index,name,memory.used,memory.total,utilization.gpu,uuid", "--format=csv,noheader,nounits")
_MIB = 1 << 20


@dataclass(frozen=True)
class Device:
    """A processor or a GPU; what it does not tell is None.

    Attributes
    ----------
    id : as a job's ``device`` has it: ``cpu`` or ``cuda:N``, N in nvidia-smi's order.
    name : for people.
    cores : of the CPU, as many as may run at once.
    memory_used_bytes, memory_total_bytes, utilization_percent : of the GPU.
    """

    id: str
    name: str
    cores: int | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    utilization_percent: float | None = None


@dataclass(frozen=True)
class HostUse:
    """How busy this machine is: since the last call in percent of all cores, and its memory in bytes."""

    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int


def list_devices() -> tuple[Device, ...]:
    """The CPU, then the GPUs that this process may use; takes as long as nvidia-smi does, 5 s at most."""
    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count()
    return (Device("cpu", "CPU", cores=cores), *_gpus())


def host_use() -> HostUse:
    """How busy this machine is; returns at once, the first call tells 0 %."""
    memory = psutil.virtual_memory()
    return HostUse(psutil.cpu_percent(interval=None), memory.total - memory.available, memory.total)


def _gpus() -> list[Device]:
    """None where nvidia-smi is absent, fails, or says something else."""
    try:
        done = subprocess.run(
            _QUERY, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True
        )
        rows = [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines()) if row]
        return [_gpu(row) for row in rows if _is_visible(row[0], row[5])]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return []


def _gpu(row: list[str]) -> Device:
    index, name, used, total, utilization, _ = row
    used_mib, total_mib, percent = (_number(cell) for cell in (used, total, utilization))
    used_bytes, total_bytes = (None if mib is None else int(mib * _MIB) for mib in (used_mib, total_mib))
    return Device(f"cuda:{int(index)}", name, None, used_bytes, total_bytes, percent)


def _number(cell: str) -> float | None:
    """A number, or None for ``[N/A]`` and its like."""
    return None if cell.startswith("[") else float(cell)


def _is_visible(index: str, uuid: str) -> bool:
    """Whether CUDA_VISIBLE_DEVICES lets this process use a GPU; as in CUDA, the list ends before its first negative number."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return True
    for word in map(str.strip, allowed.split(",")):
        if word.startswith("-"):
            return False
        if word == index or (word.startswith("GPU-") and uuid.startswith(word)):
            return True
    return False
