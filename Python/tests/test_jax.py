# SPDX-License-Identifier: Apache-2.0
"""`mixfuse.jax` in jit, scan, vmap, grad, threads and Optax."""

import collections
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import textwrap

import numpy
import pytest
from conftest import EXAMPLES

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import mixfuse  # noqa: E402
import mixfuse.jax  # noqa: E402
from mixfuse import _native  # noqa: E402


@pytest.fixture(scope="module")
def eta(inputs):
    return {n[4:]: jnp.asarray(array) for n, array in inputs.items() if n.startswith("eta.")}


@pytest.fixture(scope="module")
def data(inputs):
    return {name: jnp.asarray(array) for name, array in inputs.items() if "." not in name}


@pytest.fixture(scope="module")
def loss_of(sinusoid, data):
    """The meta-loss as a function of `eta` alone."""
    meta_loss = mixfuse.jax.meta_loss(sinusoid)
    return lambda eta: meta_loss(data, eta=eta)


def same(gradient, results):
    return all(
        numpy.asarray(array).tobytes() == results["grad"][name].tobytes()
        for name, array in gradient.items()
    )


@pytest.mark.parametrize("jitted", [False, True])
def test_gradient_is_the_meta_gradient(sinusoid, inputs, eta, loss_of, jitted):
    call = jax.value_and_grad(loss_of)
    loss, gradient = (jax.jit(call) if jitted else call)(eta)
    results = sinusoid.meta_gradient(inputs)
    assert loss == results["loss"] and same(gradient, results)
    assert jax.tree.structure(gradient) == jax.tree.structure(eta)


def test_adjoint_scales_the_gradient(eta, loss_of):
    tripled = jax.grad(lambda eta: 3 * loss_of(eta))(eta)
    for name, gradient in jax.grad(loss_of)(eta).items():
        numpy.testing.assert_allclose(tripled[name], 3 * gradient, rtol=1e-6)


def test_gradient_of_jaxs_own_program(eta, data, loss_of):
    def predict(p, x):
        hidden = jax.nn.relu(x @ p["w1"] + p["b1"])
        return jax.nn.relu(hidden @ p["w2"] + p["b2"]) @ p["w3"] + p["b3"]

    def task_loss(p, x, y):
        return jnp.mean((predict(p, x) - y) ** 2)

    def adapted(eta, xs, ys, xq, yq):
        gradient = jax.grad(task_loss)(eta, xs, ys)
        return task_loss(jax.tree.map(lambda p, g: p - 0.01 * g, eta, gradient), xq, yq)

    names = ["x_support", "y_support", "x_query", "y_query"]

    def whole(eta):
        tasks = jax.vmap(lambda *task: adapted(eta, *task))
        return tasks(*(data[name] for name in names)).mean()

    for ours, theirs in zip(jax.grad(loss_of)(eta).values(), jax.grad(whole)(eta).values()):
        numpy.testing.assert_allclose(ours, theirs, atol=1e-5 * float(jnp.abs(theirs).max()))


def test_scan_is_the_loop(eta, loss_of):
    def step(eta, _):
        loss, gradient = jax.value_and_grad(loss_of)(eta)
        return jax.tree.map(lambda p, g: p - 1e-3 * g, eta, gradient), loss

    _, losses = jax.jit(lambda eta: jax.lax.scan(step, eta, None, length=20))(eta)
    expected, current, jitted = [], eta, jax.jit(step)
    for _ in range(20):
        current, loss = jitted(current, None)
        expected.append(loss)
    numpy.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert (jnp.diff(losses) < 0).all()


def test_vmap_is_one_call_after_another(eta, loss_of):
    scales = jnp.asarray([0.5, 1.0, 2.0])

    def scaled(scale):
        return loss_of({**eta, "w1": eta["w1"] * scale})

    losses, slopes = jax.vmap(jax.value_and_grad(scaled))(scales)
    for scale, loss, slope in zip(scales, losses, slopes):
        one, other = jax.value_and_grad(scaled)(scale)
        assert loss == one
        numpy.testing.assert_allclose(slope, other, rtol=1e-5)


def test_optax_learns_as_with_gradients_from_outside_of_jax(sinusoid, eta, data, loss_of):
    optax = pytest.importorskip("optax")
    optimizer = optax.adam(1e-2)

    def applied(eta, state, gradient):
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(eta, updates), state

    @jax.jit
    def step(eta, state):
        loss, gradient = jax.value_and_grad(loss_of)(eta)
        return *applied(eta, state, gradient), loss

    inside, outside = (eta, optimizer.init(eta)), (eta, optimizer.init(eta))
    losses, expected = [], []
    for _ in range(60):
        *inside, loss = step(*inside)
        losses.append(float(loss))
        results = sinusoid.meta_gradient(data, eta=outside[0])
        outside = applied(*outside, results["grad"])
        expected.append(float(results["loss"]))
    numpy.testing.assert_allclose(losses, expected, rtol=1e-3)
    assert losses[-1] < losses[0] / 2


def test_named_tuples_keep_their_type(eta, data, sinusoid):
    tuple_type = collections.namedtuple("Eta", eta)
    meta_loss = mixfuse.jax.meta_loss(sinusoid)
    gradient = jax.grad(lambda eta: meta_loss({"eta": eta}, data))(tuple_type(**eta))
    assert isinstance(gradient, tuple_type)


def test_all_outputs_by_name(sinusoid, inputs):
    call = jax.jit(mixfuse.jax.function(sinusoid.meta_gradient))
    results = call({name: jnp.asarray(array) for name, array in inputs.items()})
    expected = sinusoid.meta_gradient(inputs)
    assert same(results["grad"], expected) and results["loss"] == expected["loss"]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_give_the_same_bits(sinusoid, inputs, eta, data, threads):
    meta_loss = mixfuse.jax.meta_loss(sinusoid, threads=threads)
    gradient = jax.jit(jax.grad(lambda eta: meta_loss(data, eta=eta)))(eta)
    assert same(gradient, sinusoid.meta_gradient(inputs))


def test_an_executors_calls_go_through_python(tmp_path, inputs, eta, data):
    path = mixfuse.build(EXAMPLES / "maml_sinusoid.mix", output=tmp_path).path
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        library = mixfuse.load(path, executor=executor)
        meta_loss = mixfuse.jax.meta_loss(library)
        gradient = jax.jit(jax.grad(lambda eta: meta_loss(data, eta=eta)))(eta)
        assert same(gradient, mixfuse.load(path).meta_gradient(inputs))


def test_calls_from_several_threads(eta, loss_of):
    call = jax.jit(loss_of)
    variants = [{**eta, "w1": eta["w1"] * (1 + i)} for i in range(4)]
    expected = [float(call(variant)) for variant in variants]

    def work(i):
        return all(float(call(variants[i])) == expected[i] for _ in range(100))

    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        assert all(executor.map(work, range(4)))
    assert len(set(expected)) == 4


def test_ten_thousand_calls_do_not_grow(sinusoid, eta, data):
    call = jax.jit(mixfuse.jax.function(sinusoid.inner_loss))
    one = {"theta": eta} | {name: data[name][0] for name in ("x_support", "y_support")}

    def calls(count):
        for _ in range(count):
            call(one)["loss"].block_until_ready()
        status = pathlib.Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    before = calls(1000)
    assert calls(10_000) - before < 4_000_000


def test_other_derivatives_are_refused(sinusoid, eta, data):
    meta_loss = mixfuse.jax.meta_loss(sinusoid)
    with pytest.raises(mixfuse.ArgumentError) as caught:
        jax.grad(lambda data: meta_loss(data, eta=eta))(data)
    assert "x_support: the library has no derivative with respect to this input" in str(
        caught.value
    )


def test_second_derivatives_are_refused(eta, loss_of):
    with pytest.raises(Exception, match="(?i)ffi.*differentiat|differentiat.*ffi"):
        jax.hessian(lambda b3: loss_of({**eta, "b3": b3}))(eta["b3"])


@pytest.mark.parametrize("jitted", [False, True])
def test_wrong_arrays_are_refused_while_tracing(sinusoid, eta, data, jitted):
    call = mixfuse.jax.meta_loss(sinusoid)
    call = jax.jit(call) if jitted else call
    where = "maml_sinusoid.meta_gradient: "
    for wrong, text in [
        ({"x_suport": 1.0}, "x_suport: no such input; did you mean x_support?"),
        ({"x_query": data["x_query"][:2]}, r"x_query: expected f32 \[25, 10, 1\], found f32 \[2,"),
        ({"x_query": data["x_query"].astype("int32")}, "found i32 .*; pass convert=True to accept"),
        ({"eta": {"w1": eta["w1"]}}, "eta.b1: missing, expected f32"),
    ]:
        with pytest.raises(mixfuse.ArgumentError, match=where + ".*" + text):
            call({"eta": eta, **data, **wrong})


def test_f64_needs_jaxs_own_switch(sinusoid_f64, eta, data):
    with pytest.raises(mixfuse.ArgumentError, match="computes in f64, which JAX has switched off"):
        mixfuse.jax.meta_loss(sinusoid_f64)(data, eta=eta)


def test_refused_positions_have_the_runtimes_text():
    library = mixfuse.build(EXAMPLES / "mnist1d_lr.mix", sets={"steps": 2})
    call = mixfuse.jax.function(library.meta_gradient)
    arrays = {a.name: jnp.zeros(a.shape, a.dtype) for a in library.meta_gradient.description.inputs}
    arrays["y"] = arrays["y"].at[1, 7].set(12)
    with pytest.raises(mixfuse.PositionError) as caught:
        library.meta_gradient(arrays)
    assert "element [1, 7] of y is 12, expected a label from 0 to 9" in str(caught.value)
    with pytest.raises(jax.errors.JaxRuntimeError) as from_jax:
        jax.block_until_ready(jax.jit(call)(arrays))
    assert str(caught.value) in str(from_jax.value)


def test_without_a_compiler_calls_go_through_python(tmp_path):
    """In a process of its own, which has no compiler and nothing that was compiled before."""
    library = mixfuse.build(EXAMPLES / "maml_sinusoid.mix", output=tmp_path).path
    program = """
        import sys, warnings, numpy, jax, mixfuse, mixfuse.jax
        library = mixfuse.load(sys.argv[1])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            meta_loss = mixfuse.jax.meta_loss(library)
        assert any("go through Python" in str(one.message) for one in caught), caught
        draw = numpy.random.default_rng(1)
        inputs = {
            a.name: draw.normal(size=a.shape).astype(a.dtype)
            for a in library.meta_gradient.description.inputs
        }
        loss, gradient = jax.jit(jax.value_and_grad(meta_loss, allow_int=True))(
            {k: v for k, v in inputs.items() if k.startswith("eta.")},
            **{k: v for k, v in inputs.items() if "." not in k},
        )
        expected = library.meta_gradient(inputs)
        assert loss == expected["loss"]
        assert (gradient["eta.w2"] == expected["grad"]["w2"]).all()
        print("same")
    """
    environment = {**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("CC", None)
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), library],
        env=environment, capture_output=True, text=True, check=False,
    )
    assert result.stdout == "same\n", result.stderr


def test_a_program_whose_library_is_not_loaded_says_so(sinusoid):
    mixfuse.jax.function(sinusoid.inner_loss)
    shape = jax.ShapeDtypeStruct((), jnp.float32)
    stranger = jax.ffi.ffi_call("mixfuse_call", shape)
    with pytest.raises(jax.errors.JaxRuntimeError, match="calls a library that is not loaded"):
        jax.block_until_ready(stranger(jnp.float32(1), key=numpy.int64(12345)))


def test_the_handler_compiles_without_warnings():
    sources = [str(_native.SOURCES / "jax_call.c"), f"-I{jax.ffi.include_dir()}"]
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    result = subprocess.run(
        [*_native.compiler(), *flags, *sources], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_compiled_programs_in_files_find_the_library_in_another_process(tmp_path):
    """Two processes share JAX's cache: the second calls the entry point that it loaded itself."""
    program = """
        import sys, jax, numpy, mixfuse, mixfuse.jax
        jax.config.update("jax_compilation_cache_dir", sys.argv[2])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        library = mixfuse.load(sys.argv[1])
        call = jax.jit(mixfuse.jax.function(library.inner_loss))
        inputs = {
            a.name: numpy.ones(a.shape, a.dtype) for a in library.inner_loss.description.inputs
        }
        print(call(inputs)["loss"] == library.inner_loss(inputs)["loss"])
    """
    library = mixfuse.build(EXAMPLES / "maml_sinusoid.mix", output=tmp_path).path
    folder = tmp_path / "cache"
    counts = []
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), library, str(folder)],
            capture_output=True, text=True, check=False,
        )
        assert result.stdout == "True\n", result.stderr
        counts.append(len(list(folder.glob("*-cache"))))
    # The second process compiled nothing anew: its programs have the same keys.
    assert counts[0] == counts[1] > 0
