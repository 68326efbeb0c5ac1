# SPDX-License-Identifier: Apache-2.0
"""flax.linen."""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from .case import Case, Draw


def flax_mlp() -> Case:
    class Classifier(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(16)(x))
            x = nn.LayerNorm()(nn.gelu(nn.Dense(12)(x)))
            return nn.Dense(5)(x)

    draw, model = Draw("flax_mlp"), Classifier()
    x, y = draw.normal(6, 8), draw.labels(5, 6)

    def loss(theta, eta, x, y):
        logits = model.apply(theta, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return Case(loss, draw.like(model.init(jax.random.key(0), x)), (x, y))


def flax_cnn() -> Case:
    """Convolutions, batch norm with the statistics of the batch, max pooling."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            for channels in (4, 6):
                x = nn.Conv(channels, (3, 3))(x)
                x = nn.BatchNorm(use_running_average=False)(x)
                x = nn.max_pool(nn.relu(x), (2, 2), strides=(2, 2))
            return nn.Dense(5)(x.reshape((x.shape[0], -1)))

    draw, model = Draw("flax_cnn"), Net()
    x, y = draw.normal(4, 8, 8, 2), draw.labels(5, 4)
    variables = model.init(jax.random.key(0), x)
    statistics = variables["batch_stats"]

    def loss(theta, eta, x, y):
        parts = {"params": theta, "batch_stats": statistics}
        logits, _ = model.apply(parts, x, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return Case(loss, draw.like(variables["params"]), (x, y))


def flax_strided_cnn() -> Case:
    """Strides, dilation, groups, SAME padding and average pooling."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.tanh(nn.Conv(4, (3, 3), strides=(2, 2), padding="SAME")(x))
            x = nn.tanh(nn.Conv(4, (3, 3), kernel_dilation=(2, 2), feature_group_count=2)(x))
            x = nn.avg_pool(x, (2, 2), strides=(2, 2), padding="SAME")
            x = nn.ConvTranspose(3, (2, 2), strides=(2, 2))(x)
            return nn.Dense(3)(x.reshape((x.shape[0], -1)))

    draw, model = Draw("flax_strided_cnn"), Net()
    x, y = draw.normal(3, 9, 9, 2), draw.normal(3, 3)
    theta = draw.like(model.init(jax.random.key(0), x))
    return Case(lambda t, e, x, y: jnp.mean((model.apply(t, x) - y) ** 2), theta, (x, y))


def flax_transformer() -> Case:
    """A causal transformer, a scan over its layers, tied embeddings."""

    class Block(nn.Module):
        @nn.compact
        def __call__(self, h, _):
            x = nn.LayerNorm()(h)
            mask = nn.make_causal_mask(jnp.zeros(h.shape[:2]))
            h = h + nn.MultiHeadDotProductAttention(num_heads=2)(x, x, mask=mask)
            x = nn.LayerNorm()(h)
            return h + nn.Dense(16)(nn.gelu(nn.Dense(32)(x))), None

    class Model(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            embedding = nn.Embed(130, 16)
            h = embedding(tokens)
            h = h + self.param("pos", nn.initializers.normal(0.02), (tokens.shape[1], 16))
            layers = nn.scan(
                Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=2
            )
            h, _ = layers()(h, None)
            return embedding.attend(nn.LayerNorm()(h))

    draw, model = Draw("flax_transformer"), Model()
    tokens = draw.labels(130, 2, 9)

    def loss(theta, eta, tokens):
        logits = model.apply(theta, tokens[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()

    return Case(loss, draw.like(model.init(jax.random.key(0), tokens[:, :-1])), (tokens,))


ALL = [flax_mlp, flax_cnn, flax_strided_cnn, flax_transformer]
