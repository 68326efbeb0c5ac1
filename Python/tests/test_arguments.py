# SPDX-License-Identifier: Apache-2.0
"""What may be given to an entry point, and the text of each refusal."""

import collections
import dataclasses

import numpy
import pytest

import mixfuse
from mixfuse import _arrays
from mixfuse._manifest import Array

WHERE = "maml_sinusoid.meta_gradient: "


def nested(inputs):
    eta = {name[4:]: array for name, array in inputs.items() if name.startswith("eta.")}
    return eta, {name: array for name, array in inputs.items() if "." not in name}


def refusal(call, *arguments, **keywords):
    with pytest.raises(mixfuse.ArgumentError) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


def test_all_structures_name_the_same_arrays(sinusoid, inputs):
    eta, data = nested(inputs)
    tuple_type = collections.namedtuple("Eta", eta)
    data_type = dataclasses.make_dataclass("Data", list(data))
    expected = sinusoid.meta_gradient(inputs)["grad"]["w1"].tobytes()
    for results in [
        sinusoid.meta_gradient(**inputs),
        sinusoid.meta_gradient(eta=eta, **data),
        sinusoid.meta_gradient({"eta": eta}, data),
        sinusoid.meta_gradient({"eta": tuple_type(**eta)}, data_type(**data)),
    ]:
        assert results["grad"]["w1"].tobytes() == expected


def test_unknown_name(sinusoid, inputs):
    text = refusal(sinusoid.meta_gradient, inputs, x_suport=inputs["x_support"])
    assert text == WHERE + "x_suport: no such input; did you mean x_support?"


def test_missing_name(sinusoid, inputs):
    given = {name: array for name, array in inputs.items() if name != "x_query"}
    text = refusal(sinusoid.meta_gradient, given)
    assert text == WHERE + "x_query: missing, expected f32 [25, 10, 1]"


def test_name_given_twice(sinusoid, inputs):
    text = refusal(sinusoid.meta_gradient, inputs, x_query=inputs["x_query"])
    assert text == WHERE + "x_query: given twice; give each array once"


def test_other_shape(sinusoid, inputs):
    text = refusal(sinusoid.meta_gradient, {**inputs, "x_query": inputs["x_query"][:3]})
    assert text == WHERE + "x_query: expected f32 [25, 10, 1], found f32 [3, 10, 1]"


def test_other_shape_is_refused_with_conversion_too(sinusoid, inputs):
    wrong = {**inputs, "x_query": inputs["x_query"].ravel()}
    text = refusal(sinusoid.meta_gradient, wrong, convert=True)
    assert text == WHERE + "x_query: expected f32 [25, 10, 1], found f32 [250]"


def test_other_type(sinusoid, inputs):
    wrong = {**inputs, "x_query": inputs["x_query"].astype(numpy.float64)}
    text = refusal(sinusoid.meta_gradient, wrong)
    assert text == (
        WHERE + "x_query: expected f32 [25, 10, 1], found f64 [25, 10, 1]; "
        "pass convert=True to accept it"
    )
    same = sinusoid.meta_gradient(inputs)["loss"]
    assert sinusoid.meta_gradient(wrong, convert=True)["loss"] == same


def test_lists_are_no_arrays_unless_asked_for(sinusoid, inputs):
    wrong = {**inputs, "eta.b3": [0.0]}
    text = refusal(sinusoid.meta_gradient, wrong)
    assert text == WHERE + "eta.b3: expected f32 [1], found list"
    sinusoid.meta_gradient(wrong, convert=True)


def test_something_without_names(sinusoid):
    text = refusal(sinusoid.meta_gradient, numpy.zeros(3, numpy.float32))
    assert text == WHERE + "expected arrays by name, found ndarray"


def step_inputs(inputs):
    theta = {f"theta.{name[4:]}": a for name, a in inputs.items() if name.startswith("eta.")}
    return {**theta, "x_support": inputs["x_support"][0], "y_support": inputs["y_support"][0]}


def test_python_numbers_are_taken_only_if_nothing_is_lost(sinusoid, inputs):
    arrays = step_inputs(inputs)
    step = sinusoid.inner_step(arrays, step=1)
    assert step["next"]["theta"]["w1"].shape == (1, 40)
    for wrong in (1.5, True, 2**40):
        assert "inner_step: step: expected i32 [], found" in refusal(
            sinusoid.inner_step, arrays, step=wrong
        )


def test_python_numbers_for_floating_point():
    infinity = float("inf")
    for value, fits in [(0.1, True), (3, True), (infinity, True), (1e300, False), (10**400, False)]:
        number = _arrays._number(value, Array("rate", numpy.dtype(numpy.float32), ()))
        assert (number is not None) == fits
        assert number is None or number == numpy.float32(value)


def test_conversion_refuses_numbers_that_the_type_lacks(sinusoid, inputs):
    text = refusal(sinusoid.inner_step, step_inputs(inputs), step=1.5, convert=True)
    assert "step: expected i32 [], found float64 numbers that this type does not have" in text


def test_refused_position(sinusoid, inputs):
    with pytest.raises(mixfuse.PositionError) as caught:
        sinusoid.inner_step(step_inputs(inputs), step=4)
    text = "maml_sinusoid.inner_step: step is 4, expected the number of a step from 1 to 1"
    assert str(caught.value) == text
    assert (caught.value.status, caught.value.element, caught.value.value) == (2, (), 4)


def test_strided_arrays_are_copied_and_right(sinusoid, inputs):
    twice = numpy.repeat(inputs["x_query"], 2, axis=1)[:, ::2]
    assert not twice.flags.c_contiguous
    results = sinusoid.meta_gradient({**inputs, "x_query": twice})
    assert results["loss"] == sinusoid.meta_gradient(inputs)["loss"]


def test_contiguous_arrays_are_not_copied(sinusoid, inputs):
    jnp = pytest.importorskip("jax.numpy")
    on_jax = jnp.asarray(inputs["x_query"])
    session = sinusoid.meta_gradient.session().bind(inputs).bind(x_query=on_jax)
    assert session.array("x_support") is inputs["x_support"]
    assert session.array("x_query").ctypes.data == on_jax.unsafe_buffer_pointer()


def test_dlpack_alone_is_enough(sinusoid, inputs):
    class Tensor:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **arguments):
            return self.array.__dlpack__(**arguments)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    session = sinusoid.meta_gradient.session().bind(inputs)
    session.bind(x_query=Tensor(inputs["x_query"]))
    assert session.array("x_query").ctypes.data == inputs["x_query"].ctypes.data


def test_arrays_of_other_devices_are_refused(sinusoid, inputs):
    class Tensor:
        def __dlpack__(self, **_):
            raise AssertionError("its memory was asked for")

        def __dlpack_device__(self):
            return (2, 0)

    text = refusal(sinusoid.meta_gradient, {**inputs, "x_query": Tensor()})
    assert "x_query: found an array on another device than the processor" in text


def test_unknown_entry_point(sinusoid):
    with pytest.raises(mixfuse.LibraryError, match="no entry point hpv; did you mean hvp?"):
        sinusoid.entry("hpv")
    with pytest.raises(AttributeError, match="did you mean meta_gradient?"):
        sinusoid.meta_gradiant
