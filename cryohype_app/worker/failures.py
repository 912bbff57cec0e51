"""Whatever goes wrong in a computation becomes one sentence; the process lives on where it can."""

from __future__ import annotations

import logging
import traceback

import torch

from cryohype_app.worker.errors import WorkerError
from cryohype_model.errors import CryoHypeError

LOG = logging.getLogger(__name__)


def sentence(error: Exception) -> CryoHypeError:
    """The error to tell; what is nobody's fault but ours goes into the log with its traceback."""
    if isinstance(error, CryoHypeError):
        return error
    if is_out_of_memory(error):
        traceback.clear_frames(error.__traceback__)  # what they hold is what filled the memory
        free_memory()
        return WorkerError(
            "There was not enough memory for this on the device; ask for a smaller box or fewer particles, "
            "or close other programs that use it."
        )
    if isinstance(error, OSError):
        return WorkerError(f"The volume worker could not read or write a file ({error}); check the disk and try again.")
    LOG.error("an error of our own", exc_info=error)
    return WorkerError(
        f"The volume worker met an error of its own ({type(error).__name__}: {error}); its log has the details, please report it."
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether the host or the device ran out of memory; torch has no class of its own for the host."""
    told = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return told or isinstance(error, MemoryError | torch.OutOfMemoryError)


def is_broken_device(error: Exception) -> bool:
    """Whether a GPU can no longer be used by this process, which has to begin anew."""
    return isinstance(error, RuntimeError) and not is_out_of_memory(error) and "CUDA error" in str(error)


def free_memory() -> None:
    """Give torch's cache back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
