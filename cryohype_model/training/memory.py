"""How many images of a step are computed at once: as many as the memory there is can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from cryohype_model.config import TrainingConfig
from cryohype_model.errors import TrainingError

SPENT = 0.7  # of the free memory: the allocator needs room to move, and others live there too
PASSING = 1.4  # peak of the backward pass over what the forward pass keeps
FEWEST_IMAGES = 4  # at once: with fewer a GPU waits for its kernels to start, and computing activations twice is the better way


@dataclass(frozen=True)
class StepPlan:
    """How a step is cut.

    Attributes
    ----------
    images : computed at once. recompute : the INR's activations are computed again for the gradient.
    image_bytes : that one image keeps for it. free_bytes : that the plan was made for.
    """

    images: int
    recompute: bool
    image_bytes: int
    free_bytes: int

    def sentence(self, batch: int) -> str | None:
        """For the user; None where nothing was cut."""
        if self.images >= batch and not self.recompute:
            return None
        again = ", activations computed twice" if self.recompute else ""
        return (
            f"A step's {batch} images are computed {self.images} at a time{again}: one keeps {self.image_bytes / 1e9:.3f} GB, "
            f"and {self.free_bytes / 1e9:.1f} GB of memory are free."
        )


def plan_step(options: TrainingConfig, batch: int, free: int, image_bytes: Callable[[bool], int]) -> StepPlan:
    """Cut a step of ``batch`` images for ``free`` bytes of memory.

    The whole batch at once where it fits; else parts of it, which cost no time where they are not tiny; and where these would be,
    activations are computed twice.

    Parameters
    ----------
    image_bytes : answers what an image keeps, without and with computing activations twice.

    Raises
    ------
    TrainingError : not even one image fits.
    """
    for recompute in {"auto": (False, True), "never": (False,), "always": (True,)}[options.recompute]:
        each = max(1, image_bytes(recompute))
        fit = int(SPENT * free / (PASSING * each))
        wanted = options.images_at_once or batch
        if fit >= min(wanted, batch, FEWEST_IMAGES) or (recompute and fit) or options.recompute == "never":
            break
    if fit < 1 and options.images_at_once is None:
        raise TrainingError(
            f"one image keeps {each / 1e9:.2f} GB in training, and {free / 1e9:.2f} GB of memory are free; "
            "use a smaller --box, or fewer coordinates with --set training.coordinate_fraction=0.5"
        )
    images = options.images_at_once or fit
    return StepPlan(min(batch, images), recompute, each, free)


def free_bytes(device: torch.device, parameters: int, local_processes: int) -> int:
    """Memory for images: what is free now, less gradients and the optimiser's two moments where they are still to come."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    else:
        free = psutil.virtual_memory().available // local_processes
    return max(0, int(free) - 3 * 4 * parameters)


def kept_bytes(forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps for the backward pass of a forward pass, which is run for it."""
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # it stays alive until the end: no address is counted for two

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        value = forward()
    del value
    return sum(sizes.values())
