"""The CPU, and the GPUs that nvidia-smi tells of and this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cryohype_app.jobs import devices
from cryohype_app.jobs.devices import Device, host_use, list_devices

_THREE = """\
0, NVIDIA A100-SXM4-80GB, 1024, 81920, 37, GPU-aaaa1111
1, NVIDIA A100-SXM4-80GB, 0, 81920, 0, GPU-bbbb2222
2, NVIDIA GB10, [N/A], [N/A], 5, GPU-cccc3333
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that puts a stand-in on the PATH, which runs these lines of shell."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def write(lines: str) -> None:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)

    return write


def _answers(text: str) -> str:
    return f"cat <<'END'\n{text}END"


def test_the_cpu_comes_first_then_the_gpus(nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(_answers(_THREE))
    cpu, first, _, third = list_devices()
    assert (cpu.id, cpu.name) == ("cpu", "CPU") and cpu.cores is not None and cpu.cores >= 1
    assert first == Device("cuda:0", "NVIDIA A100-SXM4-80GB", None, 1024 << 20, 81920 << 20, 37.0)
    assert third == Device("cuda:2", "NVIDIA GB10", None, None, None, 5.0)


@pytest.mark.parametrize(
    ("allowed", "ids"),
    [
        ("0,2", ["cuda:0", "cuda:2"]),
        ("", []),
        ("-1", []),
        ("1,-1,2", ["cuda:1"]),
        ("GPU-bbbb", ["cuda:1"]),
        ("GPU-cccc3333, 0", ["cuda:0", "cuda:2"]),
        ("12", []),
    ],
)
def test_what_this_process_may_not_use_is_not_listed(
    nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, allowed: str, ids: list[str]
) -> None:
    nvidia_smi(_answers(_THREE))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert [device.id for device in list_devices()] == ["cpu", *ids]


@pytest.mark.parametrize(
    "lines", ["exit 9", "echo 'No devices were found'", "echo '0, A, b, c, d, e'", "echo '0, A'", "sleep 60"]
)
def test_any_failure_is_no_gpu(nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    monkeypatch.setattr(devices, "ANSWER_SECONDS", 0.2 if "sleep" in lines else 5.0)
    nvidia_smi(lines.replace("sleep", "exec sleep"))
    assert [device.id for device in list_devices()] == ["cpu"]


def test_no_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [device.id for device in list_devices()] == ["cpu"]


def test_the_host() -> None:
    use = host_use()
    assert 0 < use.memory_used_bytes < use.memory_total_bytes
    assert 0 <= use.cpu_percent <= 100
