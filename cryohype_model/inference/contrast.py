"""Is density bright or dark in the images? A quick back-projection tells."""

from __future__ import annotations

import numpy as np

from cryohype_model.errors import InputFileError
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.inference.backproject import Reconstruction, backproject
from cryohype_model.io.table import ParticleTable
from cryohype_model.metrics.mask import sphere_mask

QUICK_BOX_PX = 48
SURE_SKEWNESS = 0.25  # below this the map's asymmetry is within what noise makes
SURE_FSC = 0.3  # mean half-map correlation of the inner shells


def detect_contrast(table: ParticleTable, max_images: int = 2000) -> tuple[int, str]:
    """Contrast of the particles from the skewness of a quick map: molecules are few bright voxels on a flat solvent.

    Parameters
    ----------
    table : particles with poses.
    max_images : random sample that is back-projected.

    Returns
    -------
    +1 bright, -1 dark, 0 undecided, and a sentence for the user.
    """
    quick = _quick_map(table, max_images)
    skewness = _skewness(quick)
    inner = float(np.mean(quick.fsc[1 : max(2, len(quick.fsc) // 4)]))
    facts = f"a quick back-projection of {quick.count} images has skewness {skewness:+.2f}, inner half-map FSC {inner:.2f}"
    if abs(skewness) < SURE_SKEWNESS or inner < SURE_FSC:
        return (
            0,
            f"Contrast: not certain ({facts}); density is taken as bright, set data.contrast = 'dark' if maps come out inverted.",
        )
    if skewness > 0:
        return 1, f"Contrast: density is bright in the images ({facts})."
    return -1, f"Contrast: density is dark in the images ({facts}); they are inverted on reading."


def known_contrast(table: ParticleTable, wanted: str) -> tuple[int, str]:
    """+1 bright or -1 dark, as configured, as the file says, or as a quick back-projection shows; and a sentence."""
    if wanted != "auto":
        return (1 if wanted == "bright" else -1), f"Contrast: density taken as {wanted}, as configured."
    if table.contrast_known:
        known = "bright" if table.contrast_known > 0 else "dark"
        return table.contrast_known, f"Contrast: density is {known} in the images, as the file says."
    sign, sentence = detect_contrast(table)
    return sign or 1, sentence


def _quick_map(table: ParticleTable, max_images: int) -> Reconstruction:
    particles = Particles(table)
    stored = particles.even_box_px
    if stored < 8:
        raise InputFileError(f"the images are {table.box_px} px wide, too small for a back-projection; at least 8 px are needed")
    box = min(QUICK_BOX_PX, stored)
    pixel_size = float(np.median(table.pixel_size_angstrom)) * stored / box
    scale = ImageScale(stored, box, pixel_size, 1, 1.0, 0.0, window_radius=0.7, window_softness=0.3)
    rows = np.random.default_rng(0).permutation(len(particles))[:max_images]
    return backproject(particles, scale, np.sort(rows), padding=1)


def _skewness(quick: Reconstruction) -> float:
    """Third standardised moment inside the sphere that the window leaves, after a low-pass to where the halves agree."""
    volume = quick.volume.astype(np.float64)
    inside = sphere_mask(volume.shape[0], 0.42 * volume.shape[0], soft_px=1.0) > 0.5
    values = volume[inside]
    values = values - values.mean()
    spread = float(values.std())
    return float(np.mean(values**3) / spread**3) if spread > 0 else 0.0
