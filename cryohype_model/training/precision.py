"""Half precision where it pays: in the products of the networks, and nowhere before them."""

from __future__ import annotations

from typing import Any, Literal

import torch
from lightning_fabric.plugins.precision import MixedPrecision, Precision

from cryohype_model.inference.trained import multiplies_bfloat16


class Autocast(MixedPrecision):
    """Mixed precision by autocast alone.

    Fabric's own first rounds whatever a network is given: frequencies would be off by up to a quarter of a Fourier pixel.
    """

    def convert_input(self, data: Any) -> Any:
        """As it is."""
        return data

    def convert_output(self, data: Any) -> Any:
        """As it is: the networks answer in single precision."""
        return data


def precision_plugin(precision: Literal["32-true", "bf16-mixed", "16-mixed"], accelerator: str) -> Precision:
    """For Fabric: what is configured, on a CPU single precision where half would be slower.

    Parameters
    ----------
    accelerator : "auto", "cpu" or "cuda", as configured.
    """
    device = torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    pays = device.type == "cuda" or (precision == "bf16-mixed" and multiplies_bfloat16(device))
    return Autocast(precision, device.type) if precision != "32-true" and pays else Precision()
