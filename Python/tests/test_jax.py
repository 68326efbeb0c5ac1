# SPDX-License-Identifier: Apache-2.0
"""Libraries inside of JAX programs."""

import mixfuse
import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
import mixfuse.jax  # noqa: E402
from mixfuse import native  # noqa: E402


@pytest.fixture
def problem(sinusoid, inputs):
    metas = {"eta": {n[4:]: jnp.asarray(a) for n, a in inputs.items() if n.startswith("eta.")}}
    data = {n: jnp.asarray(a) for n, a in inputs.items() if not n.startswith("eta.")}
    return mixfuse.jax.meta_loss(sinusoid), metas, data


def reference(metas, data):
    """The same loss in JAX."""

    def network(p, x):
        h = jax.nn.relu(jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])
        return h @ p["w3"] + p["b3"]

    def task(xs, ys, xq, yq):
        def loss(p, x, y):
            return jnp.mean((network(p, x) - y) ** 2)

        eta = metas["eta"]
        gradient = jax.grad(loss)(eta, xs, ys)
        return loss(jax.tree.map(lambda p, g: p - 0.01 * g, eta, gradient), xq, yq)

    names = ("x_support", "y_support", "x_query", "y_query")
    return jnp.mean(jax.vmap(task)(*(data[name] for name in names)))


def test_the_gradient_is_jax_s(problem):
    loss, metas, data = problem
    value, gradient = jax.jit(jax.value_and_grad(loss))(metas, data)
    right_value, right = jax.value_and_grad(reference)(metas, data)
    assert abs(value - right_value) <= 1e-6 * abs(right_value)
    for name, array in right["eta"].items():
        error = jnp.linalg.norm(gradient["eta"][name] - array)
        assert error <= 1e-5 * jnp.linalg.norm(array), name


def test_cotangents_scale_it(problem):
    loss, metas, data = problem
    plain = jax.grad(loss)(metas, data)["eta"]["w2"]
    scaled = jax.grad(lambda m: 3.0 * loss(m, data) ** 2)(metas)["eta"]["w2"]
    np.testing.assert_allclose(scaled, 6 * loss(metas, data) * plain, rtol=1e-5)


def test_it_runs_inside_scan_with_optax(problem):
    optax = pytest.importorskip("optax")
    loss, metas, data = problem
    optimizer = optax.adam(1e-2)

    def step(carry, _):
        metas, state = carry
        value, gradient = jax.value_and_grad(loss)(metas, data)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(metas, updates), state), value

    run = jax.jit(lambda m: jax.lax.scan(step, (m, optimizer.init(m)), length=60))
    losses = run(metas)[1]
    assert losses[-1] < 0.5 * losses[0]


def test_vmap_is_one_call_after_another(problem):
    loss, metas, data = problem
    several = {n: jnp.stack([a, 2 * a, a + 1]) for n, a in data.items()}
    values = jax.jit(jax.vmap(loss, in_axes=(None, 0)))(metas, several)
    for place in range(3):
        alone = loss(metas, {n: a[place] for n, a in several.items()})
        assert values[place] == alone


def test_any_entry_point_is_a_function(sinusoid, inputs):
    run = jax.jit(mixfuse.jax.function(sinusoid.inner_gradient))
    arrays = {a.name: jnp.ones(a.shape, a.dtype) / 8 for a in sinusoid.inner_gradient.facts.inputs}
    found = run(arrays)
    right = sinusoid.inner_gradient({n: np.asarray(a) for n, a in arrays.items()})
    assert found["loss"] == right["loss"]


def test_threads_give_the_same_bits(sinusoid, problem):
    loss, metas, data = problem
    two = mixfuse.jax.meta_loss(sinusoid, threads=2)
    one = jax.grad(loss)(metas, data)["eta"]["w1"]
    assert np.array_equal(one, jax.jit(jax.grad(two))(metas, data)["eta"]["w1"])


def test_faults_are_said_when_tracing(problem):
    loss, metas, data = problem
    with pytest.raises(mixfuse.InputError, match="x_query is missing"):
        jax.jit(loss)(metas, {n: a for n, a in data.items() if n != "x_query"})
    wrong = data | {"x_query": data["x_query"][:2]}
    with pytest.raises(mixfuse.InputError, match=r"x_query is float32 \[2, 10, 1\]"):
        jax.jit(loss)(metas, wrong)


def test_positions_out_of_range_are_errors(labels):
    run = jax.jit(mixfuse.jax.function(labels.meta_gradient))
    arrays = {a.name: jnp.zeros(a.shape, a.dtype) for a in labels.meta_gradient.facts.inputs}
    jax.block_until_ready(run(arrays))
    with pytest.raises(Exception, match="is 77, which is out of range"):
        jax.block_until_ready(run(arrays | {"y": arrays["y"].at[1, 2].set(77)}))


def test_without_a_compiler_jax_calls_back(sinusoid, problem, monkeypatch):
    loss, metas, data = problem

    def missing():
        raise native.NoCompilerError("there is no C compiler")

    monkeypatch.setattr(native, "compiler", missing)
    monkeypatch.setattr(mixfuse.jax, "_is_registered", False)
    with pytest.warns(UserWarning, match="through Python"):
        slow = mixfuse.jax.meta_loss(sinusoid)
    assert jax.jit(slow)(metas, data) == loss(metas, data)
