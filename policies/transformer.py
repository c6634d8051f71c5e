"""A BERT encoder with low-rank adapters, in torch: the packed weights stay as they are, what was learnt lies beside.

Source of the adapters: Hu et al., LoRA (arXiv:2106.09685). The arithmetic is that of ``transformers``' ``BertModel``
(layer normalisation after each sum, exact GELU).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from policies.encoder import HEADS, INNER, LAYERS, SIZE, Encoder
from policies.quantised import QuantisedLinear

Arrays = Mapping[str, NDArray[np.float16]]
Attention = Callable[[Tensor], Tensor]
"""From queries, keys and values side by side (..., 3 * size) to what each token reads (..., size)."""
RANK = 32
SCALE = 2.0
"""What the product of an adapter's two matrices is multiplied by."""
ADAPTED = {"qkv": (SIZE, 3 * SIZE), "attended": (SIZE, SIZE), "inner": (SIZE, INNER), "outer": (INNER, SIZE)}
"""The matrices of a layer that have adapters: numbers that go in and that come out."""
_EPSILON = 1e-12


class Transformer(nn.Module):
    """The layers of the encoder.

    Args:
        encoder: The weights as they are, and which of the last states are the vector of a text.
        adapted: How many layers, from the last on, have adapters.
    """

    def __init__(self, encoder: Encoder, adapted: int = LAYERS) -> None:
        super().__init__()
        self._encoder = encoder
        self._positions = _tensor(
            encoder.vector("emb.pos").reshape(-1, SIZE) + encoder.vector("emb.type")[:SIZE]
        )
        self._norm = _tensor(encoder.vector("emb.ln.w")), _tensor(encoder.vector("emb.ln.b"))
        self.start = LAYERS - adapted
        self.layers = nn.ModuleList(_Layer(encoder, k, adapted=k >= self.start) for k in range(LAYERS))

    @property
    def _stack(self) -> "list[_Layer]":
        return [cast(_Layer, layer) for layer in self.layers]

    def embed(self, tokens: Tensor, places: Tensor) -> Tensor:
        """States (..., size) before the first layer, of tokens (...) and their places (...) in their texts."""
        distinct, which = np.unique(tokens.numpy(), return_inverse=True)
        words = _tensor(self._encoder.matrix("emb.word", SIZE, distinct))[
            torch.from_numpy(which.reshape(tokens.shape))
        ]
        return functional.layer_norm(words + self._positions[places], (SIZE,), *self._norm, _EPSILON)

    def run(self, states: Tensor, attend: Attention, layers: range, dropout: float = 0.0) -> Tensor:
        """States after some layers."""
        for layer in self._stack[layers.start : layers.stop]:
            states = layer(states, attend, dropout)
        return states

    def forward(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Vectors (texts, size) of the tokens of each text, which lie behind one another without padding."""
        lengths = [len(text) for text in texts]
        tokens = torch.tensor([token for text in texts for token in text])
        places = torch.cat([torch.arange(length) for length in lengths])
        states = self.run(self.embed(tokens, places), _of_each(lengths), range(LAYERS))
        first = self._encoder.pooling == "first"
        return torch.stack([one[0] if first else one.mean(0) for one in states.split(lengths)])

    def adapters(self, kept: float = 1.0) -> dict[str, NDArray[np.float16]]:
        """What was learnt, by name; layers first. ``kept`` is the share of it that is added to the weights."""
        learnt = [layer.learnt() for layer in self._stack[self.start :]]
        found = {
            name: np.stack([tensors[name].detach().cpu().numpy() for tensors in learnt])
            for name in sorted(learnt[0])
        }
        return {
            name: (array * kept if name.endswith("_up") else array).astype(np.float16)
            for name, array in found.items()
        }

    def adapt(self, arrays: Arrays) -> None:
        """Add what was learnt before to the weights and round these: for judging, not for learning on."""
        for k, layer in enumerate(self._stack[self.start :]):
            layer.adapt({name: _tensor(array[k].astype(np.float32)) for name, array in arrays.items()})
        self.requires_grad_(False)
        self.eval()


def attention(mask: Tensor | None = None) -> Attention:
    """Every token reads its own text; ``mask`` (texts, tokens) is true where there is a token."""

    def attend(joined: Tensor) -> Tensor:
        texts, tokens, _ = joined.shape
        query, key, value = joined.view(texts, tokens, 3, HEADS, SIZE // HEADS).permute(2, 0, 3, 1, 4)
        there = None if mask is None else mask[:, None, None]
        read = functional.scaled_dot_product_attention(query, key, value, attn_mask=there)
        return read.transpose(1, 2).reshape(texts, tokens, SIZE)

    return attend


def _of_each(lengths: list[int]) -> Attention:
    """The same for texts that lie behind one another."""
    of_one = attention()
    return lambda joined: torch.cat([of_one(part[None])[0] for part in joined.split(lengths)])


class _Layer(nn.Module):
    def __init__(self, encoder: Encoder, number: int, *, adapted: bool) -> None:
        super().__init__()

        def joined(*names: str, columns: int = SIZE) -> "_Adapted":
            matrix = np.concatenate([encoder.matrix(f"l{number}.{name}.w", columns) for name in names])
            bias = np.concatenate([encoder.vector(f"l{number}.{name}.b") for name in names])
            return _Adapted(_tensor(matrix), _tensor(bias), adapted=adapted)

        def norm(name: str) -> nn.LayerNorm:
            made = nn.LayerNorm(SIZE, _EPSILON)
            made.weight.data = _tensor(encoder.vector(f"l{number}.{name}.w"))
            made.bias.data = _tensor(encoder.vector(f"l{number}.{name}.b"))
            return made.requires_grad_(adapted)

        self.qkv, self.attended = joined("q", "k", "v"), joined("ao")
        self.inner, self.outer = joined("fi"), joined("fo", columns=INNER)
        self.first_norm, self.second_norm = norm("aln"), norm("oln")

    def forward(self, states: Tensor, attend: Attention, dropout: float) -> Tensor:
        read = self.attended(attend(self.qkv(states)))
        states = self.first_norm(states + functional.dropout(read, dropout, self.training))
        read = self.outer(functional.gelu(self.inner(states)))
        return self.second_norm(states + functional.dropout(read, dropout, self.training))  # type: ignore[no-any-return]

    def learnt(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in ADAPTED:
            adapted = getattr(self, name)
            found |= {f"{name}_down": adapted.down, f"{name}_up": adapted.up}
        for name in ("first_norm", "second_norm"):
            norm = getattr(self, name)
            found |= {f"{name}_weight": norm.weight, f"{name}_bias": norm.bias}
        return found

    def adapt(self, tensors: dict[str, Tensor]) -> None:
        for name in ADAPTED:
            merged = getattr(self, name).merged(tensors[f"{name}_down"], tensors[f"{name}_up"])
            setattr(self, name, merged)
        for name in ("first_norm", "second_norm"):
            norm = getattr(self, name)
            norm.weight.data, norm.bias.data = tensors[f"{name}_weight"], tensors[f"{name}_bias"]


class _Adapted(nn.Module):
    """A linear map that stays as it is, and a narrow one beside it that learns."""

    def __init__(self, weight: Tensor, bias: Tensor, *, adapted: bool) -> None:
        super().__init__()
        self.weight, self.bias = nn.Buffer(weight), nn.Buffer(bias)
        self.down = self.up = None
        if adapted:
            wide = weight.shape[1]
            self.down = nn.Parameter(torch.randn(RANK, wide) / wide**0.5)
            self.up = nn.Parameter(torch.zeros(len(weight), RANK))

    def forward(self, states: Tensor) -> Tensor:
        plain = functional.linear(states, self.weight, self.bias)
        if self.down is None or self.up is None:
            return plain
        return plain + SCALE * functional.linear(functional.linear(states, self.down), self.up)

    def merged(self, down: Tensor, up: Tensor) -> QuantisedLinear:
        return QuantisedLinear(self.weight + SCALE * (up @ down), self.bias)


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
