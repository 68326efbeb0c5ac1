# SPDX-License-Identifier: Apache-2.0
"""Modules of PyTorch, of the kinds that people meta-learn, each with a batch to train on and one to judge by."""

import torch
import torch.nn.functional as F
from torch import nn

ROWS = 6


def images(channels=1, side=8, classes=4):
    return torch.randn(ROWS, channels, side, side), torch.randint(0, classes, (ROWS,))


def rows(width=5, classes=4):
    return torch.randn(ROWS, width), torch.randint(0, classes, (ROWS,))


def sequences(width=5, length=6, classes=4):
    return torch.randn(ROWS, length, width), torch.randint(0, classes, (ROWS,))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(5, 8), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x):
        hidden = F.gelu(self.norm(self.first(x)))
        return self.last(hidden)


class Convolutions(nn.Module):
    """Batch norm with the statistics of the batch, strides, groups, pools."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)
        return self.last(F.adaptive_avg_pool2d(F.silu(self.second(x)), 1).flatten(1))


class Residual(nn.Module):
    """Group norm, average pools, a sum around two convolutions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding="same")
        self.norms = nn.ModuleList([nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True)])
        self.convs = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in range(2)])
        self.last = nn.Linear(64, 4)

    def forward(self, x):
        x = self.stem(x)
        y = x
        for norm, conv in zip(self.norms, self.convs):
            y = conv(F.leaky_relu(norm(y)))
        return self.last(F.avg_pool2d(x + y, 2).flatten(1))


class Recurrent(nn.Module):
    def __init__(self, kind, **settings):
        super().__init__()
        self.body = kind(5, 4, batch_first=True, **settings)
        self.last = nn.Linear(4 * (2 if settings.get("bidirectional") else 1), 4)

    def forward(self, x):
        return self.last(self.body(x)[0][:, -1])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.RMSNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.norms[0](x)).chunk(3, dim=-1)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norms[1](x)), approximate="tanh"))


class Language(nn.Module):
    """A decoder with learned positions and a tied embedding: logits of the next token."""

    def __init__(self, layers=6, vocab=11, width=8, length=6):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.positions = nn.Parameter(0.1 * torch.randn(length, width))
        self.blocks = nn.ModuleList(Block(width, 2) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        x = self.embed(tokens) + self.positions
        for block in self.blocks:
            x = block(x)
        return (self.norm(x) @ self.embed.weight.T).mean(dim=1)


class Encoder(nn.Module):
    """PyTorch's own layers of a transformer, with a mask."""

    def __init__(self):
        super().__init__()
        self.inside = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.into, self.last = nn.Linear(5, 8), nn.Linear(8, 4)
        self.register_buffer("mask", torch.ones(6, 6).triu(1).bool())

    def forward(self, x):
        return self.last(self.inside(self.into(x), src_mask=self.mask).mean(dim=1))


class Buffers(nn.Module):
    """Features that are not learned, a gate, shared weights, indices that data bring."""

    def __init__(self):
        super().__init__()
        self.register_buffer("frequencies", torch.arange(1.0, 5.0))
        self.shared, self.scale = nn.Linear(8, 8), nn.Parameter(torch.ones(8))
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        angles = x[:, :1] * self.frequencies
        y = torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)
        for _ in range(2):
            y = torch.where(y > 0, self.shared(y), y) * self.scale.clamp(-2, 2)
        best = y.argmax(dim=-1)
        return self.last(y) + y.gather(1, best[:, None])


def tokens(vocab=11, length=6):
    return torch.randint(0, vocab, (ROWS, length)), torch.randint(0, vocab, (ROWS,))


#: A model, and what draws its data.
MODELS = {
    "perceptron": (Perceptron, rows),
    "convolutions": (Convolutions, images),
    "residual": (Residual, lambda: images(3)),
    "lstm": (lambda: Recurrent(nn.LSTM), sequences),
    "lstm, two layers, both ways": (
        lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), sequences),
    "gru": (lambda: Recurrent(nn.GRU), sequences),
    "transformer": (Language, tokens),
    "encoder": (Encoder, sequences),
    "buffers": (Buffers, rows),
}  # fmt: skip
