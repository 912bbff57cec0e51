"""The presets are the sizes that the paper gives."""

from __future__ import annotations

import pytest
import torch

from cryohype_model.config import load_config
from cryohype_model.nets.build import build_model, count_parameters


@pytest.mark.parametrize(
    ("preset", "millions", "tolerance"),
    [
        ("tomotwin-100", 50.0, 0.02),  # "about 50 M"
        ("sim2struct-10", 64.0, 0.01),
        ("sim2struct-100", 64.0, 0.01),
        ("sim2struct-1000", 64.0, 0.01),
    ],
)
def test_parameters_are_the_papers(preset: str, millions: float, tolerance: float) -> None:
    with torch.device("meta"):  # shapes only: no memory, no time
        model = build_model(load_config(preset=preset).model, 128)
    assert count_parameters(model) / 1e6 == pytest.approx(millions, rel=tolerance)


def test_one_latent_of_the_paper_is_99072_numbers() -> None:
    with torch.device("meta"):
        model = build_model(load_config(preset="tomotwin-100", overrides=["model.inr.output=hartley"]).model, 128)
    assert tuple(model.encoder.weight_tokens.shape) == (129, 768)
    assert sum(model.decoder.groups) * 768 == 99_072
