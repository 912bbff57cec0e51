"""The one translator from configuration to networks."""

from __future__ import annotations

import torch
from torch import nn

from cryohype_model.config import ModelConfig
from cryohype_model.nets.basis import BasisVolumes, NetworkVolumes
from cryohype_model.nets.decoders import ConcatDecoder, ModulationDecoder, token_groups
from cryohype_model.nets.encoders import MlpEncoder, UnetEncoder, VitEncoder
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.nets.inr import Inr
from cryohype_model.nets.tokens import ImageTokenizer

UNET_MAP_PX = 16  # side of the U-Net's output maps: 256 numbers a layer


def build_model(config: ModelConfig, box_px: int, seed: int = 0) -> HyperNetwork:
    """The networks of a configuration, with initial weights that depend on ``seed`` alone.

    Parameters
    ----------
    config : the model section.
    box_px : side of the images that the encoder reads.

    Raises
    ------
    ConfigError : patch or group sizes that do not divide.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inr = Inr(box_px=box_px, **config.inr.model_dump())
        groups = token_groups(inr.weight_shapes, config.weight_tokens)
        encoder = _build_encoder(config, box_px, groups)
        return HyperNetwork(encoder, _build_decoder(config, inr, groups), inr, _build_basis(config, box_px))


def check_sizes(config: ModelConfig, box_px: int) -> None:
    """ConfigError where the networks cannot be built for this box; takes no memory and no time."""
    with torch.device("meta"):
        build_model(config, box_px)


def _build_encoder(config: ModelConfig, box_px: int, groups: list[int]) -> nn.Module:
    if config.encoder == "mlp":
        return MlpEncoder(box_px=box_px, groups=groups, dim=config.dim, depth=config.depth)
    if config.encoder == "unet":
        side = max(32, 1 << (box_px - 1).bit_length())
        channels = max(8, config.dim // 24 // 8 * 8)
        return UnetEncoder(side_px=side, map_px=UNET_MAP_PX, channels=channels, levels=min(config.depth, 4), layers=len(groups))
    tokenizer = None
    if config.image_tokens:
        tokenizer = ImageTokenizer(
            box_px=box_px,
            patch_px=config.patch_px,
            dim=config.dim,
            positional_embedding=config.positional_embedding,
            pose_token=config.pose_token,
            ctf_token=config.ctf_token,
        )
    return VitEncoder(
        tokenizer,
        config.basis_volumes,
        config.basis_classes,
        weight_tokens=1 if config.conditioning == "concat" else sum(groups),
        dim=config.dim,
        depth=config.depth,
        heads=config.heads,
        head_dim=config.head_dim,
        mlp_dim=config.mlp_dim,
    )


def _build_basis(config: ModelConfig, box_px: int) -> BasisVolumes | None:
    if not config.basis_volumes:
        return None
    if config.basis_form == "grid":
        return GridVolumes(
            box_px=box_px,
            count=config.basis_volumes,
            radius_px=config.basis_radius * box_px / 2,
            components=config.basis_components,
            classes=config.basis_classes,
        )
    return NetworkVolumes(
        box_px=box_px,
        count=config.basis_volumes,
        hidden=config.basis_hidden,
        frequencies=config.inr.frequencies,
        feature_sigma=config.inr.feature_sigma,
    )


def _build_decoder(config: ModelConfig, inr: Inr, groups: list[int]) -> nn.Module:
    if config.conditioning == "concat":
        return ConcatDecoder(inr.weight_shapes, token_width=config.dim, latent_width=config.concat_latent)
    unet = config.encoder == "unet"
    width = UNET_MAP_PX**2 if unet else config.dim
    return ModulationDecoder(inr.weight_shapes, groups, token_width=width, one_token_a_layer=unet)


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
