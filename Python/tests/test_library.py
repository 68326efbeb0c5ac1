# SPDX-License-Identifier: Apache-2.0
"""Libraries are built, loaded and called; what does not fit is said."""

import gc
import re
import resource
import subprocess
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import mixfuse
import numpy as np
import pytest
from mixfuse import native
from mixfuse.trees import flatten, nest

from conftest import ROOT


def meta_arrays(inputs):
    return {name: array for name, array in inputs.items() if name.startswith("eta.")}


@pytest.mark.parametrize("name", ["hyperparameters", "lstm_copy", "anil"])
def test_meta_gradients_are_those_of_jax(name):
    library = mixfuse.build(ROOT / "Examples" / f"{name}.mix", dtype="f64")
    with np.load(ROOT / "Tests" / "Data" / "models" / f"{name}.npz") as file:
        arrays = dict(file)
    wanted = {n: a for n, a in arrays.items() if n == "loss" or n.startswith("grad.")}
    given = {n: a for n, a in arrays.items() if n not in wanted}
    found = flatten(library.meta_gradient(given, convert=True))
    assert set(wanted) <= set(found)
    for key, right in wanted.items():
        assert np.linalg.norm(found[key] - right) <= 1e-11 * np.linalg.norm(right), key


def test_inputs_come_in_any_container(sinusoid, inputs):
    Layers = namedtuple("Layers", "w1 b1 w2 b2 w3 b3")

    @dataclass
    class Tree:
        w1: object
        b1: object
        w2: object
        b2: object
        w3: object
        b3: object

    parts = {name[4:]: array for name, array in meta_arrays(inputs).items()}
    data = {n: a for n, a in inputs.items() if not n.startswith("eta.")}
    flat = sinusoid.meta_gradient(inputs)
    for eta in (parts, Layers(**parts), Tree(**parts)):
        nested = sinusoid.meta_gradient(data, eta=eta)
        assert nested["loss"] == flat["loss"]
        for name, gradient in flat["grad"].items():
            assert np.array_equal(gradient, nested["grad"][name])


def test_trees_are_named_by_their_paths():
    array = np.ones(2)
    tree = {"a": [{"b": array}, (array, array)], "c": 1.0, "d": [1, 2]}
    assert list(flatten(tree)) == ["a.0.b", "a.1.0", "a.1.1", "c", "d"]
    assert nest({"grad.w.x": 1, "loss": 2}) == {"grad": {"w": {"x": 1}}, "loss": 2}
    assert nest({"grad": 1, "grad.w": 2}) == {"grad": 1, "grad.w": 2}
    with pytest.raises(mixfuse.InputError, match="a.b was given twice"):
        flatten({"a.b": 1, "a": {"b": 2}})


@pytest.mark.parametrize("threads", [2, 3])
def test_results_are_the_same_bits_for_any_threads(sinusoid, inputs, threads):
    one = flatten(sinusoid.meta_gradient(inputs))
    pool = flatten(sinusoid.meta_gradient(inputs, threads=threads))
    with ThreadPoolExecutor(threads) as executor:
        executed = flatten(sinusoid.meta_gradient(inputs, threads=executor))
    for name, array in one.items():
        assert array.tobytes() == pool[name].tobytes() == executed[name].tobytes(), name


def test_without_a_compiler_threads_are_python_s(sinusoid, inputs, monkeypatch):
    def missing():
        raise native.NoCompilerError("none")

    monkeypatch.setattr(native, "compiler", missing)
    monkeypatch.setattr("mixfuse.threads._pools", {})
    one, four = sinusoid.meta_gradient(inputs), sinusoid.meta_gradient(inputs, threads=4)
    assert np.array_equal(one["grad"]["w1"], four["grad"]["w1"])


def test_a_library_is_called_from_several_threads_at_once(sinusoid, inputs):
    right = sinusoid.meta_gradient(inputs)["grad"]["w2"]
    with ThreadPoolExecutor(4) as executor:
        calls = [executor.submit(sinusoid.meta_gradient, inputs) for _ in range(60)]
        assert all(np.array_equal(call.result()["grad"]["w2"], right) for call in calls)


def test_a_session_reads_arrays_where_they_are(sinusoid, inputs):
    mine = {name: array.copy() for name, array in inputs.items()}
    session = sinusoid.meta_gradient.session()
    session.set(mine)
    before = session.run()["loss"].copy()
    mine["eta.w3"] *= 2
    after = session.run()["loss"]
    assert before == sinusoid.meta_gradient(inputs)["loss"]
    assert after == sinusoid.meta_gradient(mine)["loss"] != before
    session.set({"eta.w3": inputs["eta.w3"]})
    assert session.run()["loss"] == before


def test_many_calls_keep_no_memory(sinusoid, inputs):
    def largest():
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    zeros = {a.name: np.zeros(a.shape, a.dtype) for a in sinusoid.inner_loss.facts.inputs}
    for _ in range(500):
        sinusoid.meta_gradient(inputs)
    before = largest()
    for _ in range(10_000):
        sinusoid.inner_loss(zeros)
    assert largest() - before < 4096, "KiB"


def test_a_meta_gradient_of_another_type_is_refused_unless_asked(sinusoid, inputs):
    doubles = {name: array.astype(np.float64) for name, array in inputs.items()}
    text = re.escape("eta.w1 is float64, expected float32; convert=True converts")
    with pytest.raises(mixfuse.InputError, match=text):
        sinusoid.meta_gradient(doubles)
    assert sinusoid.meta_gradient(doubles, convert=True)["loss"] > 0
    doubles["eta.w1"][0, 0] = 1e300
    with pytest.raises(mixfuse.InputError, match=r"eta.w1 holds 1e\+300, which no float32"):
        sinusoid.meta_gradient(doubles, convert=True)


def test_faults_of_inputs_name_what_was_found_and_expected(sinusoid, inputs):
    cases = [
        ({"eta.w1": None}, r"eta.w1 is a NoneType|eta.w1 is object"),
        ({"eta.w1": np.ones((40, 1), np.float32)}, r"\[40, 1\], expected float32 \[1, 40\]"),
        ({"eta.w4": 1.0}, r"there is no input eta.w4; did you mean eta.w"),
        ({"eta.w1": [[1.0, 2.0]]}, r"\[1, 2\], expected float32 \[1, 40\]"),
    ]
    for change, text in cases:
        with pytest.raises(mixfuse.InputError, match=text):
            sinusoid.meta_gradient(inputs | change)
    few = dict(list(inputs.items())[1:])
    with pytest.raises(mixfuse.InputError, match=r"eta.w1 is missing, float32 \[1, 40\]"):
        sinusoid.meta_gradient(few)
    with pytest.raises(mixfuse.InputError, match="threads is 0"):
        sinusoid.meta_gradient(inputs, threads=0)


def test_a_position_out_of_range_is_an_index_error_with_its_place(labels):
    arrays = labels.meta_gradient.facts.inputs
    given = {a.name: np.zeros(a.shape, a.dtype) for a in arrays}
    given["y"][3, 7] = 12
    with pytest.raises(IndexError, match=r"\[3, 7\] of y is 12, expected a label from 0 to 9"):
        labels.meta_gradient(given)
    given["y"][3, 7] = 9
    assert np.isfinite(labels.meta_gradient(given)["loss"])


def test_strided_and_read_only_arrays_are_read_right(sinusoid, inputs):
    right = sinusoid.meta_gradient(inputs)
    wide = np.zeros((6, 10, 2), np.float32)
    wide[:, :, :1] = inputs["x_support"]
    frozen = inputs["y_support"].copy()
    frozen.flags.writeable = False
    found = sinusoid.meta_gradient(inputs | {"x_support": wide[:, :, :1], "y_support": frozen})
    assert found["loss"] == right["loss"]


def test_a_spec_with_a_fault_raises_the_compiler_s_message(tmp_path):
    spec = tmp_path / "wrong.mix"
    spec.write_text("spec wrong\nparams theta { w: [n] }\n")
    with pytest.raises(mixfuse.CompileError, match="there is nothing called n here") as fault:
        mixfuse.build(spec)
    assert fault.value.code == 1
    with pytest.raises(mixfuse.CompileError, match="dimension"):
        mixfuse.build(ROOT / "Examples" / "maml_sinusoid.mix", sets={"width": 3})


def test_files_that_are_no_libraries_are_refused(tmp_path):
    other = tmp_path / "other.so"
    other.write_bytes(b"\x7fELF")
    with pytest.raises(mixfuse.LibraryError, match="no library of MixFuse"):
        mixfuse.load(other)
    source = tmp_path / "old.c"
    source.write_text('const char *mixfuse_manifest(void) { return "{\\"mixfuse_abi\\": 99}"; }')
    old = tmp_path / "old.so"
    command = [*native.compiler(), "-shared", "-fPIC", str(source), "-o", str(old)]
    subprocess.run(command, check=True)
    with pytest.raises(mixfuse.LibraryError, match="version 99 of the ABI"):
        mixfuse.load(old)


def test_unknown_functions_are_named(sinusoid):
    with pytest.raises(AttributeError, match="has no function meta_gradients; it has inner_loss"):
        sinusoid.meta_gradients
    assert "meta_gradient" in dir(sinusoid)


def test_a_cache_that_others_can_write_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "mixfuse-python"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(mixfuse.MixFuseError, match="only you can write"):
        native.library("pool", ["pool.c", "host.c"])


def test_the_pool_is_the_runtime_s():
    sources = ROOT / "Sources" / "CMixFuseThreads"
    folder = ROOT / "Python" / "src" / "mixfuse" / "native"
    files = [*sources.glob("*.[ch]"), *sources.glob("include/*.h")]
    assert len(files) == 6
    for file in files:
        assert (folder / file.name).read_bytes() == file.read_bytes(), file.name
