"""What a simulated data set is asked to be."""

from __future__ import annotations

from dataclasses import dataclass

from cryohype_model.errors import ConfigError


@dataclass(frozen=True)
class MixtureConfig:
    """The recipe of a mixture; the defaults are Sim2Struct's (arXiv 2512.06332, appendix C).

    Attributes
    ----------
    images_per_structure : projections of each structure.
    box_px, pixel_size_angstrom : of the images and of the true maps.
    resolution_angstrom : of the density, see :func:`cryohype_model.simulate.density.atoms_to_density`.
    snr : variance of the clean images (CTF applied, whole image, mean over the data set) / variance of the noise; inf: no noise.
    max_shift_px : shifts are uniform in ± this along x and y.
    defocus_angstrom : the range from which the mean defocus is drawn uniformly.
    voltage_kv, cs_mm, amplitude_contrast : of the microscope.
    ctf : False leaves the CTF out of images and table.
    oversampling : of the grid on which atoms become density; 2 is the paper's 256 px for 128 px images.
    seed : of everything random.
    batch : images made at a time.
    """

    images_per_structure: int = 1000
    box_px: int = 128
    pixel_size_angstrom: float = 3.0
    resolution_angstrom: float = 3.0
    snr: float = 0.01
    max_shift_px: float = 5.0
    defocus_angstrom: tuple[float, float] = (8000.0, 25000.0)
    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    ctf: bool = True
    oversampling: int = 2
    seed: int = 0
    batch: int = 128

    def __post_init__(self) -> None:
        if self.box_px < 8 or self.box_px % 2:
            raise ConfigError(f"the box must be an even number of at least 8 pixels, not {self.box_px}")
        for name in (
            "images_per_structure",
            "pixel_size_angstrom",
            "resolution_angstrom",
            "snr",
            "oversampling",
            "batch",
            "voltage_kv",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.max_shift_px < self.box_px / 2:
            raise ConfigError(f"max_shift_px must be from 0 to half the box ({self.box_px // 2}), not {self.max_shift_px}")
        low, high = self.defocus_angstrom
        if not 0 <= low <= high:
            raise ConfigError(f"the defocus range must be 0 <= least <= most, in Å, not {low} to {high}")
        if not 0 <= self.amplitude_contrast <= 1:
            raise ConfigError(f"amplitude_contrast must be from 0 to 1, not {self.amplitude_contrast}")
        if self.seed < 0:
            raise ConfigError(f"the seed must be 0 or above, not {self.seed}")

    @property
    def box_angstrom(self) -> float:
        """Side of the box."""
        return self.box_px * self.pixel_size_angstrom
