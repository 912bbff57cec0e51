"""The paper's tables, to stand beside a new evaluation (docs/metrics.md): means over structures unless named otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from cryohype_model.errors import MetricError


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and median over structures; None where the paper does not print it."""

    mean: float
    std: float | None = None
    median: float | None = None


@dataclass(frozen=True)
class PublishedRow:
    """One method on one data set; None where the paper gives no number.

    Attributes
    ----------
    chamfer : the paper's Chamfer distance, in its scaled voxel coordinate.
    resolution_px : at FSC 0.5, pixels.
    accuracy : of the classification.
    """

    method: str
    fsc_auc: Spread
    chamfer: Spread | None = None
    viou: Spread | None = None
    resolution_px: Spread | None = None
    accuracy: float | None = None


TOMOTWIN_100 = (
    PublishedRow("cryoDRGN", Spread(0.316, 0.046, 0.321), Spread(2.26, 1.59, 1.98), Spread(0.63, 0.08, 0.65)),
    PublishedRow("DRGN-AI-fixed", Spread(0.202, 0.044, 0.207), Spread(32.60, 18.45, 29.52), Spread(0.13, 0.09, 0.12)),
    PublishedRow("Opus-DSD", Spread(0.237, 0.049, 0.251), Spread(33.48, None, 28.92), Spread(0.14, 0.08, 0.13)),
    PublishedRow("SFBP", Spread(0.036, 0.011, 0.036), Spread(18.52, 8.33, 17.32), Spread(0.16, 0.06, 0.16)),
    PublishedRow("3DVA", Spread(0.088, 0.040, 0.077), Spread(25.52, 17.90, 21.40), Spread(0.18, 0.09, 0.18)),
    PublishedRow("RECOVAR", Spread(0.258, 0.109, 0.254), Spread(27.22, 18.86, 23.14), Spread(0.16, 0.08, 0.15)),
    PublishedRow("3D classification", Spread(0.046, 0.026, 0.037)),
    PublishedRow("CryoHype", Spread(0.346, 0.033, 0.353), Spread(2.18, 0.46, 2.11), Spread(0.61, 0.06, 0.62)),
    PublishedRow("back-projection, true labels", Spread(0.364, 0.023, 0.364), Spread(1.50, 0.20, 1.50), Spread(0.71, 0.03, 0.71)),
    PublishedRow("ablation: concat", Spread(0.255), Spread(7.16), Spread(0.487)),
    PublishedRow("ablation: U-Net encoder", Spread(0.208), Spread(5.15), Spread(0.451)),
    PublishedRow("ablation: MLP encoder", Spread(0.234)),
    PublishedRow("cryoDRGN, 155 M parameters", Spread(0.338)),
)

PUBLISHED: dict[str, tuple[PublishedRow, ...]] = {
    "tomotwin-100": TOMOTWIN_100,
    "sim2struct-10": (PublishedRow("cryoDRGN", Spread(0.434)), PublishedRow("CryoHype", Spread(0.464))),
    "sim2struct-100": (
        PublishedRow("cryoDRGN", Spread(0.361)),
        PublishedRow("cryoSPARC 3D classification", Spread(0.071)),
        PublishedRow("CryoHype", Spread(0.409)),
    ),
    "sim2struct-200": (PublishedRow("cryoDRGN", Spread(0.334)), PublishedRow("CryoHype", Spread(0.377))),
    "sim2struct-500": (PublishedRow("cryoDRGN", Spread(0.216)), PublishedRow("CryoHype", Spread(0.305))),
    "sim2struct-1000": (
        PublishedRow("cryoDRGN", Spread(0.139), Spread(9.07), Spread(0.265), Spread(9.31), 0.679),
        PublishedRow("CryoHype", Spread(0.232), Spread(3.02), Spread(0.418), Spread(4.53), 0.975),
    ),
}


def published_rows(dataset: str) -> tuple[PublishedRow, ...]:
    """What the paper prints for a data set.

    Parameters
    ----------
    dataset : a key of :data:`PUBLISHED`, in any case.

    Raises
    ------
    MetricError : the paper has no such data set.
    """
    try:
        return PUBLISHED[dataset.lower()]
    except KeyError:
        raise MetricError(f"the paper prints no numbers for {dataset!r}; it has {', '.join(PUBLISHED)}") from None
