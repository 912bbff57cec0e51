"""Half precision where it pays: in the products of the networks, and nowhere before them."""

from __future__ import annotations

from typing import Any, Literal

import torch
from lightning_fabric.plugins.precision import MixedPrecision, Precision


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
    """For Fabric.

    Parameters
    ----------
    accelerator : "auto", "cpu" or "cuda", as configured.
    """
    if precision == "32-true":
        return Precision()
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    return Autocast(precision, "cuda" if on_gpu else "cpu")
