"""Pre-norm transformer blocks (ViT: Dosovitskiy et al. 2021)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class TransformerBlock(nn.Module):
    """x + MHSA(LN x), then x + MLP(LN x) with GELU."""

    def __init__(self, dim: int, heads: int, head_dim: int, mlp_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, dim)
        self.mlp = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, mlp_dim), nn.GELU(), nn.Linear(mlp_dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, T, dim) to (b, T, dim)."""
        b, t, _ = tokens.shape
        q, k, v = self.qkv(self.attention_norm(tokens)).reshape(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, -1)
        tokens = tokens + self.out(mixed)
        return tokens + self.mlp(tokens)
