# SPDX-License-Identifier: Apache-2.0
"""`mixfuse.torch`: gradients, refusals, PyTorch's own checks of operators, torch.compile."""

import numpy
import pytest
from conftest import EXAMPLES

torch = pytest.importorskip("torch")

import mixfuse  # noqa: E402
import mixfuse.torch  # noqa: E402


@pytest.fixture
def eta(inputs):
    """Leaves that record gradients, new for each test."""
    return {
        name[4:]: torch.tensor(array, requires_grad=True)
        for name, array in inputs.items()
        if name.startswith("eta.")
    }


@pytest.fixture(scope="module")
def data(inputs):
    return {name: torch.from_numpy(array) for name, array in inputs.items() if "." not in name}


def test_backward_is_the_meta_gradient(sinusoid, inputs, eta, data):
    loss = mixfuse.torch.meta_loss(sinusoid)(data, eta=eta)
    (3 * loss).backward()
    results = sinusoid.meta_gradient(inputs)
    assert loss.item() == results["loss"]
    for name, tensor in eta.items():
        numpy.testing.assert_allclose(tensor.grad, 3 * results["grad"][name], rtol=1e-6)


def test_gradient_of_some(sinusoid, inputs, eta, data):
    only = {name: tensor if name == "w2" else tensor.detach() for name, tensor in eta.items()}
    (gradient,) = torch.autograd.grad(
        mixfuse.torch.meta_loss(sinusoid)(data, eta=only), [eta["w2"]]
    )
    assert gradient.numpy().tobytes() == sinusoid.meta_gradient(inputs)["grad"]["w2"].tobytes()


def test_optimizer_learns(sinusoid, eta, data):
    meta_loss = mixfuse.torch.meta_loss(sinusoid)
    optimizer = torch.optim.Adam(eta.values(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = meta_loss(data, eta=eta)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_compiled_functions_keep_the_operator_whole(sinusoid, inputs, eta, data):
    meta_loss = mixfuse.torch.meta_loss(sinusoid)
    compiled = torch.compile(
        lambda eta: 2 * meta_loss(data, eta=eta), backend="aot_eager", fullgraph=False
    )
    compiled(eta).backward()
    expected = sinusoid.meta_gradient(inputs)["grad"]["w2"]
    numpy.testing.assert_allclose(eta["w2"].grad, 2 * expected, rtol=1e-6)


def test_pytorchs_own_checks(sinusoid, eta, data):
    entry = sinusoid.meta_gradient
    tensors = mixfuse.torch._tensors(entry, [{"eta": eta}, data], False)
    operator = mixfuse.torch._operator(entry, None)
    torch.library.opcheck(operator, (tensors,), test_utils=["test_schema", "test_faketensor"])


def test_other_entry_points(sinusoid_f64):
    draw = numpy.random.default_rng(3)
    arrays = {a.name: draw.normal(size=a.shape) for a in sinusoid_f64.hvp.description.inputs}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    product = mixfuse.torch.function(sinusoid_f64.hvp, threads=2)(tensors)["hvp"]["theta"]["w2"]
    expected = sinusoid_f64.hvp(arrays)["hvp"]["theta"]["w2"]
    assert product.numpy().tobytes() == expected.tobytes()


def test_strided_tensors(sinusoid, inputs, eta, data):
    strided = torch.from_numpy(numpy.repeat(inputs["x_query"], 2, axis=1))[:, ::2]
    loss = mixfuse.torch.meta_loss(sinusoid)({**data, "x_query": strided}, eta=eta)
    assert loss.item() == sinusoid.meta_gradient(inputs)["loss"]


def test_refusals(sinusoid, eta, data):
    meta_loss = mixfuse.torch.meta_loss(sinusoid)
    for wrong, text in [
        ({"x_suport": data["x_support"]}, "x_suport: no such input; did you mean x_support?"),
        ({"x_query": data["x_query"][:2]}, r"expected f32 \[25, 10, 1\], found float32 \[2, 10, 1"),
        ({"x_query": data["x_query"].double()}, "found float64 .*; pass convert=True to accept"),
        ({"x_query": data["x_query"].clone().requires_grad_()}, "x_query: the library has no deri"),
    ]:
        with pytest.raises(mixfuse.ArgumentError, match=text):
            meta_loss({**data, **wrong}, eta=eta)


def test_plain_calls_refuse_tensors_that_record_gradients(sinusoid, eta, data):
    with pytest.raises(mixfuse.ArgumentError, match=r"records gradients; pass .detach\(\)"):
        sinusoid.meta_gradient(data, eta=eta)
    detached = {name: tensor.detach() for name, tensor in eta.items()}
    session = sinusoid.meta_gradient.session().bind(data, eta=detached)
    assert session.array("eta.w1").ctypes.data == eta["w1"].data_ptr()


def test_second_derivatives_are_refused(sinusoid, eta, data):
    loss = mixfuse.torch.meta_loss(sinusoid)(data, eta=eta)
    (gradient,) = torch.autograd.grad(loss, [eta["w2"]], create_graph=True)
    with pytest.raises(mixfuse.MixFuseError, match="the library has no second derivatives"):
        (loss + gradient.sum()).backward()


def test_refused_positions_have_the_runtimes_text():
    library = mixfuse.build(EXAMPLES / "mnist1d_lr.mix", sets={"steps": 2})
    arrays = {
        a.name: numpy.zeros(a.shape, a.dtype) for a in library.meta_gradient.description.inputs
    }
    arrays["y"][1, 7] = 12
    with pytest.raises(mixfuse.PositionError, match=r"element \[1, 7\] of y is 12, expected a lab"):
        mixfuse.torch.meta_loss(library)(arrays)
