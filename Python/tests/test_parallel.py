# SPDX-License-Identifier: Apache-2.0
"""Sessions, threads, executors: the same bits, no growing memory, errors that come through."""

import concurrent.futures
import ctypes
import pathlib
import re
import threading
import time

import numpy
import pytest
from conftest import EXAMPLES

import mixfuse
from mixfuse import _parallel
from mixfuse._call import Frame


def bits(results):
    return [results["loss"].tobytes(), *(g.tobytes() for g in results["grad"].values())]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_pool_gives_the_bits_of_one_thread(sinusoid, inputs, threads):
    assert bits(sinusoid.meta_gradient(inputs, threads=threads)) == bits(
        sinusoid.meta_gradient(inputs)
    )


@pytest.mark.parametrize("threads", [None, 1, 2, 7])
def test_executor_gives_the_bits_of_one_thread(sinusoid, inputs, threads):
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        results = sinusoid.meta_gradient(inputs, executor=executor, threads=threads)
    assert bits(results) == bits(sinusoid.meta_gradient(inputs))


def test_executor_does_work(sinusoid, inputs):
    class Counting(concurrent.futures.ThreadPoolExecutor):
        submitted = 0

        def submit(self, *arguments, **keywords):
            self.submitted += 1
            return super().submit(*arguments, **keywords)

    with Counting(2) as executor:
        sinusoid.meta_gradient(inputs, executor=executor)
        assert executor.submitted > 0


def test_a_call_on_a_thread_of_its_own_executor_ends(sinusoid, inputs):
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        call = executor.submit(sinusoid.meta_gradient, inputs, executor=executor, threads=4)
        assert bits(call.result(timeout=30)) == bits(sinusoid.meta_gradient(inputs))


def test_failures_of_an_executor_are_raised_once(sinusoid, inputs):
    executor = concurrent.futures.ThreadPoolExecutor(2)
    session = sinusoid.meta_gradient.session(executor=executor).bind(inputs)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        session.run()
    assert bits(sinusoid.meta_gradient(inputs, threads=2))


def test_other_executors_and_numbers_of_threads(sinusoid, inputs):
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        with pytest.raises(mixfuse.ArgumentError, match="expected one of threads, found one of"):
            sinusoid.meta_gradient(inputs, executor=executor)
    with pytest.raises(mixfuse.ArgumentError, match="expected a concurrent.futures.Executor"):
        sinusoid.meta_gradient(inputs, executor=3)
    with pytest.raises(mixfuse.ArgumentError, match="threads: expected at least 1, found 0"):
        sinusoid.meta_gradient(inputs, threads=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_threads_call_one_library(sinusoid, inputs, threads):
    scaled = [{**inputs, "eta.w1": inputs["eta.w1"] * (1 + i)} for i in range(6)]
    expected = [bits(sinusoid.meta_gradient(given)) for given in scaled]
    wrong = []

    def work(i):
        for _ in range(100):
            if bits(sinusoid.meta_gradient(scaled[i], threads=threads)) != expected[i]:
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert len({tuple(one) for one in expected}) == 6


def test_session_reads_and_writes_in_place(sinusoid, inputs):
    given = {name: array.copy() for name, array in inputs.items()}
    session = sinusoid.meta_gradient.session().bind(given)
    results = session.run()
    before = bits(results)
    session.array("eta.w1")[:] *= 2
    assert session.run() is results
    assert bits(results) != before
    assert bits(results) == bits(sinusoid.meta_gradient(given))


def test_a_session_that_lacks_inputs_or_gets_wrong_ones(sinusoid, inputs):
    session = sinusoid.meta_gradient.session()
    with pytest.raises(mixfuse.ArgumentError, match="eta.w1: missing, expected f32"):
        session.run()
    session.bind(inputs)
    before = bits(session.run())
    with pytest.raises(mixfuse.ArgumentError):
        session.bind(x_query=inputs["x_query"] * 2, y_query=inputs["y_query"][:2])
    assert bits(session.run()) == before


def test_a_session_in_use_is_refused_to_another_thread(sinusoid, inputs):
    session = sinusoid.meta_gradient.session().bind(inputs)
    with session._busy:
        with pytest.raises(mixfuse.CallError, match="in use by another thread"):
            session.run()
        with pytest.raises(mixfuse.CallError, match="in use by another thread"):
            session.bind(inputs)


def test_ten_thousand_calls_do_not_grow(sinusoid, inputs):
    session = sinusoid.inner_loss.session()
    arrays = {f"theta.{name[4:]}": a for name, a in inputs.items() if name.startswith("eta.")}
    arrays |= {name: inputs[name][0] for name in ("x_support", "y_support")}

    def calls(count):
        for _ in range(count):
            session(arrays)
            sinusoid.inner_loss(arrays)
        return resident_bytes()

    before = calls(500)
    # A page more is the allocator's; an arena (3200 bytes) a call would be 32 MB.
    assert calls(10_000) - before < 2_000_000


def resident_bytes():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_results_of_a_call_are_its_own(sinusoid, inputs):
    first = sinusoid.meta_gradient(inputs)
    kept = first["grad"]["w2"].copy()
    sinusoid.meta_gradient({**inputs, "eta.w1": inputs["eta.w1"] * 3})
    numpy.testing.assert_array_equal(first["grad"]["w2"], kept)


@pytest.mark.parametrize("kind", ["pool", "executor"])
def test_loops_keep_the_headers_promises(kind):
    """Every index once, workers in range, and one index at a time on each of them."""
    count, workers = 40, 3
    seen, busy, wrong = [], set(), []

    @_parallel.BODY
    def body(_, index, worker):
        if worker in busy or not 0 <= worker < workers:
            wrong.append((index, worker))
        busy.add(worker)
        time.sleep(0.001)
        seen.append((index, worker))
        busy.discard(worker)

    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        parallel = _parallel.choose(workers, executor if kind == "executor" else None)
        run = _parallel.RUN(parallel.structure.run)
        run(parallel.structure.context, count, ctypes.cast(body, ctypes.c_void_p), None)
    assert not wrong
    assert sorted(index for index, _ in seen) == list(range(count))
    assert {worker for _, worker in seen} == set(range(workers))


def test_a_loop_inside_of_an_executors_loop_stays_on_its_worker():
    outer_workers, wrong = {}, []

    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        parallel = _parallel.choose(2, executor)
        run = _parallel.RUN(parallel.structure.run)

        @_parallel.BODY
        def inner(_, index, worker):
            if outer_workers[threading.get_ident()] != worker:
                wrong.append((index, worker))

        @_parallel.BODY
        def outer(_, index, worker):
            outer_workers[threading.get_ident()] = worker
            time.sleep(0.001)
            run(None, 5, ctypes.cast(inner, ctypes.c_void_p), None)

        run(None, 10, ctypes.cast(outer, ctypes.c_void_p), None)
    assert not wrong and len(outer_workers) == 2


def test_arenas_are_as_large_as_the_header_says(tmp_path):
    library = mixfuse.build(EXAMPLES / "maml_sinusoid.mix", output=tmp_path)
    header = (tmp_path / "maml_sinusoid.h").read_text()
    for name, entry in library.entries.items():
        shared, each = (
            int(re.search(rf"_{name}_{what}ARENA_BYTES (\d+)\n", header)[1])
            for what in ("", "WORKER_")
        )
        for workers in (1, 5):
            frame = Frame(entry.description, workers)
            assert frame.arena.size >= shared + workers * each
            assert frame.arena_address % 64 == 0
