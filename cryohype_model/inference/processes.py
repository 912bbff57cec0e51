"""Several processes that share one pass over the particles, started here, by torchrun or by SLURM (docs/scaling.md).

Only words, counts and one small basis go between them, over gloo on the CPU, whatever the device: what a machine without
a GPU tests is what a cluster runs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from cryohype_model.errors import ConfigError, CryoHypeError, RunError
from cryohype_model.inference.trained import pick_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")
PATIENCE = timedelta(days=2)  # the others wait while the first fits the basis; of a process that died they hear at once


@dataclass(frozen=True)
class Processes:
    """Those that work together, as one of them sees them.

    Attributes
    ----------
    rank : its number, 0 of the first. world : how many there are. device : where it computes, one of several.
    group : what they talk in, PyTorch's process group; None for its default one.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this one speaks for all and goes on when the others have done their part."""
        return self.rank == 0

    def shares(self, count: int) -> list[range]:
        """Consecutive rows of each process, as equal as can be, the larger ones first."""
        size, rest = divmod(count, self.world)
        starts = [rank * size + min(rank, rest) for rank in range(self.world + 1)]
        return [range(starts[rank], starts[rank + 1]) for rank in range(self.world)]

    def agree(self, error: BaseException | None = None) -> None:
        """Wait for the others; where one of all failed, none goes on.

        Raises
        ------
        RunError : in the first process, of another's failure, which is named.
        SystemExit : in the others, since the first tells it; a failure that is no sentence is raised where it happened, too.
        """
        if self.world == 1:
            if error is not None:
                raise error
            return
        words = "it was stopped" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        told = None if error is None else (words, socket.gethostname())
        failed = [(rank, *said) for rank, said in enumerate(self._gather(told)) if said is not None]
        if not failed:
            return
        if error is not None and (self.is_first or not isinstance(error, CryoHypeError | KeyboardInterrupt)):
            raise error
        if not self.is_first:
            raise SystemExit(0)  # the first ends with an error for all; Lightning kills it when another does before
        rank, sentence, host = failed[0]
        raise RunError(f"process {rank} of {self.world} on {host}: {sentence}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block that every process has; none goes on unless all came through."""
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:  # noqa: BLE001 - raised again once the others know
            error = raised
        self.agree(error)

    def of_first(self, make: Callable[[], T] | None = None) -> T:
        """What the first process makes, in every process; the others need not know how."""
        made: list[Any] = [None]
        with self.together():
            if self.is_first and make is not None:
                made[0] = make()
        if self.world > 1:
            self._exchange(lambda: torch.distributed.broadcast_object_list(made, src=0, group=self.group))
        value: T = made[0]
        return value

    def _gather(self, item: object) -> list[Any]:
        gathered: list[Any] = [None] * self.world
        self._exchange(lambda: torch.distributed.all_gather_object(gathered, item, group=self.group))
        return gathered

    def _exchange(self, collective: Callable[[], None]) -> None:
        """Do it; a connection breaks when the process at its other end does, which the first tells, or what started them."""
        try:
            collective()
        except (RuntimeError, KeyboardInterrupt) as error:
            if not self.is_first:
                raise SystemExit(0) from None
            if isinstance(error, KeyboardInterrupt):
                raise
            raise RunError(
                "another of the processes that work together was killed; look at its last lines, and run again"
            ) from None


ALONE = Processes()


def leave() -> None:
    """Part from the others, when all is said; gloo's threads, left to the end of Python, now and then abort the process."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def of_training(fabric: Fabric) -> Processes:
    """Those that train together, for what comes before and after; they talk over gloo, whatever they train over."""
    if fabric.world_size == 1:
        return Processes(device=fabric.device)
    group = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
    return Processes(fabric.global_rank, fabric.world_size, fabric.device, group)


def launcher() -> str | None:
    """What started this process beside others: "torchrun", "srun", or None."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun"
    # a batch script has SLURM's variables too, but those of a step only where srun started it
    return "srun" if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 else None


def check_started(devices: int, nodes: int, said: str) -> None:
    """ConfigError where other processes were started than are asked for: each would do the whole work, into the same files.

    Parameters
    ----------
    said : names of the two options in a sentence, as "--devices and --nodes".
    """
    by = launcher()
    if by is None:
        if nodes > 1 and not {"NODE_RANK", "SLURM_NTASKS"} & os.environ.keys():
            raise ConfigError(f"{said} ask for {nodes} nodes, and this process was started alone; start it by torchrun or srun")
        return
    started = int(os.environ["WORLD_SIZE" if by == "torchrun" else "SLURM_STEP_NUM_TASKS"])
    if started != devices * nodes:
        raise ConfigError(
            f"{by} started {started} process(es), but {said} ask for {devices} on each of {nodes} node(s); make them agree"
        )


def check_met(world: int, devices: int, nodes: int, said: str) -> None:
    """ConfigError where Fabric met other processes than are asked for, as in a batch script of SLURM without srun."""
    if world != devices * nodes:
        raise ConfigError(
            f"{said} ask for {devices} on each of {nodes} node(s), but {world} process(es) met, as SLURM_NTASKS says; "
            f"start with srun --ntasks-per-node={devices}, or unset SLURM_NTASKS to start them here"
        )


def launch(accelerator: str, devices: int, nodes: int) -> Processes:
    """Start the other processes, unless torchrun or SLURM did, and meet them.

    Parameters
    ----------
    accelerator : "auto", "cpu" or "cuda". devices : processes of each machine, one a GPU where there are GPUs.

    Raises
    ------
    ConfigError : no GPU or fewer than that, or another number of processes than SLURM started.
    """
    device = pick_device(accelerator)
    if device.type == "cuda" and torch.cuda.device_count() < devices:
        raise ConfigError(
            f"{devices} devices were asked for, and PyTorch sees {torch.cuda.device_count()} GPU(s) here; ask for fewer"
        )
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    try:
        strategy = DDPStrategy(process_group_backend="gloo", timeout=PATIENCE)
        fabric = Fabric(accelerator="cpu", devices=devices, num_nodes=nodes, strategy=strategy)
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{devices} devices on {nodes} node(s) cannot be started here ({reason})") from None
    check_met(fabric.world_size, devices, nodes, "--devices and --nodes")
    if device.type == "cuda":
        device = torch.device("cuda", fabric.local_rank)
        torch.cuda.set_device(device)
    return Processes(fabric.global_rank, fabric.world_size, device)
