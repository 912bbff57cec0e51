"""Is a network's map in the particles? Its FSC against their back-projection, where no truth is known (docs/metrics.md).

The half maps say how far the particles carry. Of that follows what a right map must reach against their mean
(Rosenthal & Henderson 2003), and what a map's own power would do to the half maps if all of it were true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cryohype_model.metrics.fsc import resolution
from cryohype_model.metrics.shells import independent_voxels, shell_products

Volume = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]

CARRIED_FSC = 0.143  # half-map FSC at which a right map has 0.5 against the mean of the halves
FEWEST_PARTICLES = 20
FEWEST_SHELLS = 3  # what agrees in fewer is a blob
CLAIM = 0.2  # an FSC that the map should have if it were right, below which its power is too weak to matter
CONFIRMED = 0.5  # share of a map's amplitude that must be in the particles
LOST = 0.2  # of the carried shells: a map that fails in fewer is not warned of
COARSER = 1.25  # ratio of resolutions from which a map is called coarser than its particles

TOO_FEW, NO_SIGNAL = "too few particles", "half maps do not agree"
SUPPORTED, COARSE, DISAGREES, UNSUPPORTED = "supported", "coarser", "disagrees", "unsupported detail"
WARNINGS = (DISAGREES, UNSUPPORTED)


@dataclass(frozen=True)
class Share:
    """The share of what a map claims in a band of shells that is found in the particles; 1 of a right map, 0 of invention.

    Attributes
    ----------
    value, error : the share and its standard error.
    coarsest_angstrom, finest_angstrom : of the shells in which the map claims anything.
    """

    value: float
    error: float
    coarsest_angstrom: float
    finest_angstrom: float

    @property
    def refuted(self) -> bool:
        """Whether it is certainly (two standard errors) under a half."""
        return self.value + 2 * self.error < CONFIRMED


@dataclass(frozen=True)
class MapQuality:
    """A map beside the particles that it is to stand for.

    Attributes
    ----------
    half_fsc : (D/2 + 1,) FSC of the half maps.
    ceiling : of a right map against the mean of the halves, sqrt(2 FSC / (1 + FSC)).
    map_fsc : of the map against the mean of the halves.
    claimed_fsc : what that would be if all the power of the map were true.
    carried_angstrom : where the half-map FSC falls below 0.143, and agreed_angstrom where map_fsc falls below 0.5:
        the same in a right map. None where nothing is carried.
    agreement : mean of map_fsc / ceiling over the carried shells: 1 of a right map.
    within : confirmed share of what the map claims in the carried shells in which it no longer agrees; None if there are none.
    beyond : confirmed share of what it claims beyond the carried shells; None where it claims nothing.
    beyond_power : share of its power there that the half maps know of, whatever the map copied from the particles' noise.
    verdicts : SUPPORTED or COARSE, or warnings: DISAGREES, UNSUPPORTED; or why there is none: TOO_FEW, NO_SIGNAL.
    """

    half_fsc: Curve
    ceiling: Curve
    map_fsc: Curve
    claimed_fsc: Curve
    carried_angstrom: float | None = None
    agreed_angstrom: float | None = None
    agreement: float | None = None
    within: Share | None = None
    beyond: Share | None = None
    beyond_power: Share | None = None
    verdicts: tuple[str, ...] = (TOO_FEW,)

    def sentence(self, particles: int) -> str:
        """What the verdicts mean, with their numbers.

        Parameters
        ----------
        particles : how many they are.
        """
        if self.verdicts == (TOO_FEW,):
            return f"not defined: {particles} particles, {FEWEST_PARTICLES} are needed"
        if self.verdicts == (NO_SIGNAL,):
            return f"not defined: half maps of {particles} particles do not agree in the {FEWEST_SHELLS} coarsest shells"
        return "; ".join(self._told(verdict) for verdict in self.verdicts)

    def _told(self, verdict: str) -> str:
        carried = f"its particles carry {self.carried_angstrom:.1f} Å"
        if verdict == DISAGREES and self.within is not None:
            return f"disagrees with its particles from {self.within.coarsest_angstrom:.1f} Å on; {carried}"
        if verdict == UNSUPPORTED and self.beyond is not None:
            return f"claims detail to {self.beyond.finest_angstrom:.1f} Å; {carried}"
        if verdict == COARSE:
            return f"agrees with its particles to {self.agreed_angstrom:.1f} Å; {carried}"
        return "supported by its particles"


def too_few(box_px: int) -> MapQuality:
    """What is said of a map of fewer than FEWEST_PARTICLES."""
    nothing = np.full(box_px // 2 + 1, np.nan)
    return MapQuality(nothing, nothing, nothing, nothing)


def map_quality(network: Volume, halves: tuple[Volume, Volume], mask: Volume, pixel_size_angstrom: float) -> MapQuality:
    """Compare a noise-free map with the half maps of the particles that it stands for.

    Parameters
    ----------
    network : (D, D, D) map; its scale of density is free.
    halves : (D, D, D) back-projections of the two halves of the particles, with the power of the signal kept in every shell.
    mask : (D, D, D) soft, that both are looked at through; wide, so that it makes no correlation of its own.

    Raises
    ------
    MetricError : maps of different boxes.
    """
    products = shell_products((network, *halves), mask)
    own, first, second, cross = products[0, 0], products[1, 1], products[2, 2], products[1, 2]
    mean_power = (first + second + 2 * cross) / 4
    half_fsc = _ratio(cross, np.sqrt(first * second))
    map_fsc = _ratio(products[0, 1] + products[0, 2], 2 * np.sqrt(own * mean_power))
    ceiling = np.sqrt(2 * half_fsc.clip(0) / (1 + half_fsc.clip(0)))
    voxels = independent_voxels(mask)
    carried = _carried_shells(half_fsc, voxels)
    if carried is None:
        return MapQuality(half_fsc, ceiling, map_fsc, np.full(len(own), np.nan), verdicts=(NO_SIGNAL,))
    # its power in all carried shells together is the signal's: the rest of its spectrum is judged by that
    power = own[1 : carried + 1].sum()
    factor = cross[1 : carried + 1].sum() / power if power else 0.0  # a constant map claims nothing
    spectrum = _Spectrum(half_fsc, map_fsc, np.sqrt(_ratio(factor * own, mean_power)), voxels, pixel_size_angstrom)
    claimed_power = _ratio(factor * own, np.sqrt(first * second))
    return _judged(spectrum, ceiling, claimed_power, carried)


@dataclass(frozen=True)
class _Spectrum:
    half_fsc: Curve
    map_fsc: Curve
    claimed_fsc: Curve
    voxels: Curve
    pixel_size_angstrom: float

    @property
    def box_px(self) -> int:
        return 2 * (len(self.half_fsc) - 1)

    def share(self, observed: Curve, expected: Curve, shells: slice, least: Curve | float = CLAIM) -> Share | None:
        """Least-squares slope of what is observed on what the map lets expect, where it lets expect at least so much."""
        band = np.flatnonzero(self.claimed_fsc >= least)
        band = band[(band >= shells.start) & (band < shells.stop)]
        weight = float((self.voxels[band] * expected[band] ** 2).sum())
        if not weight:
            return None
        slope = float((self.voxels[band] * observed[band] * expected[band]).sum()) / weight
        coarsest, finest = (self.box_px / int(band[end]) * self.pixel_size_angstrom for end in (0, -1))
        return Share(slope, weight**-0.5, coarsest, finest)

    def resolution_angstrom(self, curve: Curve, threshold: float) -> float:
        # the last shell is outside of the disc of the images
        return resolution(curve[:-1], threshold, self.pixel_size_angstrom, self.box_px)[1]


def _judged(spectrum: _Spectrum, ceiling: Curve, claimed_power: Curve, carried: int) -> MapQuality:
    """The measures and what they say together; ``carried`` is the last shell that the particles carry."""
    last = len(ceiling) - 1
    reached = _ratio(spectrum.map_fsc, ceiling)[1 : carried + 1]
    # half of what a right map reaches, and half of what it claims itself, where it shows more than there is
    wanted = np.maximum(ceiling, spectrum.claimed_fsc)[1 : carried + 1]
    lost = np.flatnonzero(spectrum.map_fsc[1 : carried + 1] < CONFIRMED * wanted)
    within = None
    if len(lost):
        # with a quarter of the signal's power or less a map is blurred there, and claims nothing
        unreached = slice(int(lost[0]) + 1, carried + 1)
        within = spectrum.share(spectrum.map_fsc, spectrum.claimed_fsc, unreached, CONFIRMED * ceiling)
    finer = slice(carried + 1, last)
    beyond = spectrum.share(spectrum.map_fsc, spectrum.claimed_fsc, finer)
    beyond_power = spectrum.share(spectrum.half_fsc, claimed_power, finer)
    carried_angstrom = spectrum.resolution_angstrom(spectrum.half_fsc, CARRIED_FSC)
    agreed_angstrom = spectrum.resolution_angstrom(spectrum.map_fsc, 0.5)
    warnings = []
    if within is not None and within.refuted and len(reached) - lost[0] >= max(2, LOST * carried):
        warnings.append(DISAGREES)
    if any(share is not None and share.refuted for share in (beyond, beyond_power)):
        warnings.append(UNSUPPORTED)
    calm = COARSE if agreed_angstrom > COARSER * carried_angstrom else SUPPORTED
    return MapQuality(
        spectrum.half_fsc,
        ceiling,
        spectrum.map_fsc,
        spectrum.claimed_fsc,
        carried_angstrom,
        agreed_angstrom,
        float(reached.mean()),
        within,
        beyond,
        beyond_power,
        tuple(warnings) or (calm,),
    )


def _carried_shells(half_fsc: Curve, voxels: Curve) -> int | None:
    """The last of the shells 1, 2 … that the particles carry; None where that is no more than chance does."""
    below = np.flatnonzero(half_fsc[1:-1] < CARRIED_FSC)
    carried = int(below[0]) if len(below) else len(half_fsc) - 2
    if carried < FEWEST_SHELLS:
        return None
    first = slice(1, FEWEST_SHELLS + 1)
    mean = float((half_fsc[first] * voxels[first]).sum() / voxels[first].sum())
    return carried if mean * float(voxels[first].sum()) ** 0.5 > 3 else None


def _ratio(above: Curve, below: Curve) -> Curve:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
