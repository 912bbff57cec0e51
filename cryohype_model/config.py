"""The configuration of a run: one typed schema behind the command line, the app's form and the docs.

Frozen, extra keys forbidden, TOML on disk. A misspelt key is answered with its path and the nearest valid key.
"""

from __future__ import annotations

import difflib
import sys
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cryohype_model.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT_VERSION = 1


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Section):
    """Which particles, and how an image becomes what the network sees."""

    particles: str = Field(
        "", description="particle file: RELION .star, cryoSPARC .cs, stack, list of stacks, or CryoBench folder"
    )
    datadir: str | None = Field(None, description="folder that the image paths in the file are relative to")
    poses: str | None = Field(None, description="cryoDRGN poses.pkl, for stacks without a table")
    ctf: str | None = Field(None, description="cryoDRGN ctf.pkl, for stacks without a table")
    indices: str | None = Field(None, description="cryoDRGN indices.pkl: train on these images only")
    labels: str | None = Field(None, description="known class of each particle, one integer each (.pkl, .npy or .csv)")
    optics_group: int | None = Field(None, description="only the particles of this optics group")
    box_px: int | None = Field(
        None, ge=8, description="Fourier-downsample the images to this even box; none keeps the stored box"
    )
    contrast: Literal["auto", "bright", "dark"] = Field(
        "auto", description="is density bright or dark in the images; auto asks the file, then a quick back-projection"
    )
    window_radius: float = Field(
        0.7, gt=0, le=1.5, description="radius of the soft circular window, as a fraction of the half box"
    )
    window_softness: float = Field(
        0.3, ge=0, le=1, description="width of the window's cosine edge, as a fraction of the half box"
    )


class InrConfig(_Section):
    """The small network that is the molecule (paper 2.2, step 4 of docs/model.md)."""

    layers: int = Field(5, ge=2, description="linear layers")
    hidden: int = Field(1024, ge=8, description="width of the hidden layers")
    frequencies: int = Field(192, ge=4, description="random Fourier features: this many sines and as many cosines")
    feature_sigma: float = Field(
        0.25,
        gt=0,
        description="spread of the feature frequencies, in half boxes: 0.25 suits molecules that fill half of the box",
    )
    residual: bool = Field(True, description="residual connections between layers of equal width")
    output: Literal["complex", "hartley"] = Field(
        "complex", description="complex values on half the disc, or one Hartley value on the whole disc as the paper has it"
    )
    fold: bool = Field(True, description="evaluate only in one half-space and conjugate (complex output only)")


class ModelConfig(_Section):
    """The hypernetwork (paper section 2, appendices A and E)."""

    conditioning: Literal["hypernet", "concat"] = Field(
        "hypernet", description="predict the weights, or concatenate a latent vector"
    )
    encoder: Literal["vit", "unet", "mlp"] = Field("vit", description="the network that reads the image")
    patch_px: int = Field(16, ge=1, description="side of a token's patch")
    dim: int = Field(768, ge=8, description="width of the tokens")
    depth: int = Field(6, ge=1, description="transformer blocks (vit), levels (unet) or hidden layers (mlp)")
    heads: int = Field(12, ge=1, description="attention heads")
    head_dim: int = Field(64, ge=4, description="width of a head")
    mlp_dim: int = Field(3072, ge=8, description="hidden width of the transformer's MLP")
    weight_tokens: int = Field(32, ge=1, description="most weight tokens for one INR layer (G)")
    input_domain: Literal["fourier", "real"] = Field(
        "fourier", description="the encoder reads the Hartley transform or the image"
    )
    image_tokens: bool = Field(True, description="the encoder (vit) reads patches of the image; false needs basis_volumes")
    basis_volumes: int = Field(
        0,
        ge=0,
        le=1024,
        description="learnt volumes; the encoder (vit) reads their coefficients, fitted to the image at its pose",
    )
    basis_form: Literal["network", "grid"] = Field(
        "network",
        description="the basis volumes are a small network that learns with the rest, or values on a grid, fitted before by "
        "expectation maximisation",
    )
    basis_components: int = Field(
        1,
        ge=1,
        le=1024,
        description="Gaussians of the distribution of their coefficients over the particles, fitted with a grid: more than there "
        "are structures, twice as many say",
    )
    basis_classes: int = Field(
        0,
        ge=0,
        le=4096,
        description="classes of particles with volumes of their own, fitted after a grid at the known poses; the encoder reads "
        "the probability of each: somewhat more than there are structures, where these are many",
    )
    basis_hidden: int = Field(64, ge=8, description="width of the network of basis_form = 'network'")
    basis_radius: float = Field(
        0.625, gt=0, le=1, description="the basis volumes are fitted to the shells below this fraction of the half box"
    )
    positional_embedding: bool = Field(True, description="learnt position added to image tokens (the paper's code has none)")
    pose_token: bool = Field(False, description="a token made of the rotation matrix")
    ctf_token: bool = Field(False, description="a token made of defocus, astigmatism and phase shift")
    token_low_pass_px: float | None = Field(
        None, gt=0, description="Gaussian low-pass of the encoder's input, cutoff in Fourier pixels"
    )
    concat_latent: int = Field(64, ge=1, description="length of the latent vector of the concat conditioning")
    inr: InrConfig = Field(default_factory=lambda: InrConfig(), description="the network that is the molecule")

    @model_validator(mode="after")
    def _encoder_reads_something(self) -> ModelConfig:
        if self.basis_volumes and self.encoder != "vit":
            raise ValueError(
                f"model.basis_volumes are read by encoder = 'vit' only; with encoder = '{self.encoder}' set basis_volumes to 0 "
                "and image_tokens to true"
            )
        if not self.image_tokens and not self.basis_volumes:
            raise ValueError("model.image_tokens = false leaves the encoder nothing to read; set model.basis_volumes, to 32 say")
        if self.basis_components > 1 and not (self.basis_volumes and self.basis_form == "grid"):
            raise ValueError("model.basis_components > 1 are fitted with a grid; set model.basis_form to 'grid', or this to 1")
        if self.basis_classes and not (self.basis_volumes and self.basis_form == "grid"):
            raise ValueError("model.basis_classes are fitted after a grid; set model.basis_form to 'grid', or this to 0")
        if not self.image_tokens and (self.pose_token or self.ctf_token):
            raise ValueError("model.pose_token and model.ctf_token stand beside image tokens; set model.image_tokens = true")
        return self

    @model_validator(mode="after")
    def _concat_needs_vit(self) -> ModelConfig:
        if self.conditioning == "concat" and self.encoder != "vit":
            raise ValueError("conditioning = 'concat' is built on encoder = 'vit'; set model.encoder to 'vit'")
        return self


class TrainingConfig(_Section):
    """How the networks are fitted."""

    epochs: int = Field(50, ge=1, description="passes over the particles")
    batch_size: int = Field(64, ge=1, description="images a step, over all devices together")
    learning_rate: float = Field(1e-4, gt=0, description="peak of Adam's learning rate")
    warmup_epochs: float = Field(5.0, ge=0, description="linear warm-up")
    final_learning_rate: float = Field(0.0, ge=0, description="end of the cosine, as a fraction of the peak")
    adam_beta2: float = Field(0.999, gt=0, lt=1, description="memory of Adam for squared gradients; short trainings want less")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay (AdamW when above 0)")
    gradient_clip: float = Field(1.0, ge=0, description="largest norm of the gradient; 0 switches clipping off")
    coordinate_fraction: float = Field(1.0, gt=0, le=1, description="random fraction of the coordinates used at each step")
    coarse_to_fine_epochs: float = Field(
        0.0, ge=0, description="grow the radius from a quarter to the whole over this many epochs"
    )
    input_mask_fraction: float = Field(
        0.0, ge=0, lt=1, description="fraction of image tokens hidden from the encoder at each step"
    )
    held_out_fraction: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="fraction of an image's coefficients hidden from the encoder at each step; the loss is taken over these, "
        "so that noise cannot be copied",
    )
    basis_loss: float = Field(1.0, ge=0, description="weight of the loss of a basis network's own prediction")
    basis_passes: int = Field(18, ge=1, description="passes of expectation maximisation over a grid of basis volumes")
    basis_particles: int = Field(10000, ge=2, description="random particles that a grid of basis volumes is fitted to")
    class_passes: int = Field(6, ge=1, description="passes of expectation maximisation over the volumes of model.basis_classes")
    class_particles: int = Field(20000, ge=2, description="random particles that these are fitted to")
    class_particles_last: int = Field(200000, ge=2, description="and in the last two passes")
    images_at_once: int | None = Field(
        None,
        ge=1,
        description="images of a step that one device computes at a time; none: as many as its memory has room for. "
        "The gradient is that of the whole batch",
    )
    recompute: Literal["auto", "never", "always"] = Field(
        "auto",
        description="compute the INR's activations twice instead of keeping them: a third more time, a fraction of the memory; "
        "auto: where fewer than four images fit",
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "32-true",
        description="of the networks' products; a CPU without instructions for bfloat16 (AMX, AVX-512 BF16) "
        "computes in single precision anyway",
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where to compute")
    devices: int = Field(1, ge=1, description="GPUs (or CPU processes) of each node")
    nodes: int = Field(1, ge=1, description="machines, under torchrun or SLURM")
    seed: int = Field(0, ge=0, description="of everything random")
    checkpoint_epochs: int = Field(1, ge=1, description="write a checkpoint every so many epochs")
    checkpoint_minutes: float = Field(15.0, gt=0, description="and at the latest after so many minutes")
    keep_checkpoints: int = Field(3, ge=1, description="older ones are deleted, but for the best")


class AnalysisConfig(_Section):
    """How latents are reduced and clustered."""

    pca_components: int = Field(32, ge=2, description="q: kept for every particle, float32")
    pca_fit_particles: int = Field(20000, ge=10, description="random particles that the principal components are fitted on")
    umap_neighbors: int = Field(15, ge=2, description="UMAP's neighbourhood")
    umap_min_dist: float = Field(0.1, ge=0, description="UMAP's smallest distance")
    umap_fit_particles: int = Field(50000, ge=10, description="UMAP is fitted on this many; the rest are placed")
    cluster_method: Literal["kmeans", "gmm", "hdbscan"] = Field("kmeans", description="clusters in PCA space")
    clusters: int | None = Field(None, ge=1, description="number of clusters; none: the number of known labels, or by the BIC")
    seed: int = Field(0, ge=0, description="of PCA, UMAP and clustering")


class RunConfig(_Section):
    """Everything that defines a run; written complete into its config.toml."""

    format_version: int = Field(FORMAT_VERSION, description="of this schema")
    data: DataConfig = Field(default_factory=lambda: DataConfig(), description="particles")
    model: ModelConfig = Field(default_factory=lambda: ModelConfig(), description="networks")
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig(), description="training")
    analysis: AnalysisConfig = Field(default_factory=lambda: AnalysisConfig(), description="analysis")

    @model_validator(mode="after")
    def _tokens_need_vit(self) -> RunConfig:
        model = self.model
        asked = {
            "model.pose_token": model.pose_token,
            "model.ctf_token": model.ctf_token,
            "training.input_mask_fraction": self.training.input_mask_fraction > 0,
        }
        wrong = [name for name, used in asked.items() if used]
        if wrong and model.encoder != "vit":
            raise ValueError(f"{wrong[0]} works on the tokens of encoder = 'vit'; model.encoder is '{model.encoder}'")
        if self.training.input_mask_fraction > 0 and not model.image_tokens:
            raise ValueError("training.input_mask_fraction hides image tokens, and model.image_tokens is false; set it to 0")
        return self

    @model_validator(mode="after")
    def _known_version(self) -> RunConfig:
        if self.format_version != FORMAT_VERSION:
            raise ValueError(f"format_version {self.format_version} is not {FORMAT_VERSION}, the one this release reads")
        return self


def preset_names() -> list[str]:
    """Names of the presets that ship with the package."""
    return sorted(path.name.removesuffix(".toml") for path in _preset_folder().iterdir() if path.name.endswith(".toml"))


def _preset_folder() -> Any:
    return resources.files("cryohype_model") / "presets"


def preset_text(name: str) -> str:
    """The TOML of a preset, with its opening comment.

    Raises
    ------
    ConfigError : no preset of that name.
    """
    if name not in preset_names():
        raise ConfigError(f"there is no preset {name!r}; the presets are {', '.join(preset_names())}")
    return (_preset_folder() / f"{name}.toml").read_text(encoding="utf-8")


def load_config(path: Path | None = None, *, preset: str | None = None, overrides: list[str] | None = None) -> RunConfig:
    """Defaults, then the preset, then the file, then ``key=value`` overrides, validated once.

    Parameters
    ----------
    path : a TOML file.
    preset : name of a preset.
    overrides : ``section.key=value`` in TOML syntax; a bare word is taken as a string.

    Raises
    ------
    ConfigError : unknown key (with its path and the nearest valid key), impossible value, unreadable file.
    """
    tree: dict[str, Any] = {}
    if preset is not None:
        _merge(tree, tomllib.loads(preset_text(preset)))
    if path is not None:
        _merge(tree, _read_toml(path))
    for override in overrides or []:
        _merge(tree, _parse_override(override))
    return validate_config(tree)


def validate_config(tree: dict[str, Any]) -> RunConfig:
    """A nested dictionary to a :class:`RunConfig`; ConfigError names the first wrong key."""
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def dump_config(config: RunConfig) -> str:
    """The complete configuration as TOML, each key with its description as a comment."""
    document = tomlkit.document()
    document.add("format_version", tomlkit.item(config.format_version))
    for name in ("data", "model", "training", "analysis"):
        document.add(name, _toml_table(getattr(config, name)))
    return tomlkit.dumps(document)


def _toml_table(section: _Section) -> Any:
    table = tomlkit.table()
    for key, info in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, _Section):
            table.add(key, _toml_table(value))
        elif value is None:
            table.add(tomlkit.comment(f"{key} is not set: {info.description}"))
        else:
            item = tomlkit.item(value)
            item.comment(info.description or "")
            table.add(key, item)
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, raw = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set wants section.key=value, not {text!r}")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except (ValueError, RecursionError):  # no TOML, a number of thousands of digits, brackets without end
        value = raw
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    return dict(value)


def _merge(tree: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


def _explain(error: ValidationError) -> str:
    """The first problem as a sentence."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, _all_keys(RunConfig), n=1, cutoff=0.0)
        return f"unknown configuration key '{where}'; the nearest valid key is '{near[0]}'"
    message = problem["msg"].removeprefix("Value error, ")
    if not where or problem["type"] == "value_error":  # of keys that contradict each other: the sentence names them
        return message
    return f"configuration key '{where}' = {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _all_keys(section: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of every key below a section, sections included."""
    keys = []
    for name, info in section.model_fields.items():
        keys.append(prefix + name)
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += _all_keys(inner, f"{prefix}{name}.")
    return keys


def allowed_values(section: type[BaseModel], key: str) -> tuple[Any, ...]:
    """The values that a key with a closed list may take, or ()."""
    return tuple(value for value in get_args(section.model_fields[key].annotation) if isinstance(value, str))
