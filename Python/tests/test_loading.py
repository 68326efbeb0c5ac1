# SPDX-License-Identifier: Apache-2.0
"""Building and loading, and what is refused."""

import json
import os
import pathlib
import shutil

import pytest
from conftest import EXAMPLES

import mixfuse
from mixfuse import _host, _manifest, _native


@pytest.fixture
def built(tmp_path):
    mixfuse.build(EXAMPLES / "maml_sinusoid.mix", output=tmp_path)
    return tmp_path / "maml_sinusoid.so"


def test_diagnostics_come_as_they_are(tmp_path):
    spec = tmp_path / "bad.mix"
    spec.write_text("spec bad\nmodel x {\n")
    with pytest.raises(mixfuse.CompileError) as caught:
        mixfuse.build(spec)
    assert caught.value.exit_code == 1
    assert "bad.mix:2:1: error: expected a declaration" in caught.value.text
    assert "^~~~~" in str(caught.value)


def test_unknown_dimension_is_the_compilers_word():
    with pytest.raises(mixfuse.CompileError, match="its dimensions are points, hidden"):
        mixfuse.build(EXAMPLES / "maml_sinusoid.mix", sets={"foo": 3})


def test_missing_executable(monkeypatch):
    monkeypatch.setenv("MIXFUSE", "/nowhere/mixfuse")
    with pytest.raises(mixfuse.BuildError, match="MIXFUSE is /nowhere/mixfuse, which is no"):
        mixfuse.build(EXAMPLES / "maml_sinusoid.mix")


def test_a_new_build_to_the_same_folder_is_the_one_that_is_loaded(tmp_path):
    for tasks in (2, 3):
        library = mixfuse.build(
            EXAMPLES / "maml_sinusoid.mix", sets={"tasks": tasks}, output=tmp_path
        )
        assert library.manifest.dims["tasks"] == tasks
        assert pathlib.Path(library.path).parent == tmp_path


def test_flags_reach_the_compiler():
    library = mixfuse.build(EXAMPLES / "maml_sinusoid.mix", derivation="standard")
    assert library.manifest.options["derivation"] == "standard"


def test_loading_what_was_built(built):
    library = mixfuse.load(built)
    assert "meta_gradient" in library.entries
    assert library.manifest.dims["points"] == 10


def test_sidecar_of_another_build(built):
    sidecar = built.with_suffix(".json")
    sidecar.write_text(sidecar.read_text().replace('"seed" : 1', '"seed" : 2'))
    with pytest.raises(mixfuse.LibraryError, match="manifest does not match"):
        mixfuse.load(built)


@pytest.mark.parametrize("kept", [0, 30, 5000, 60000])
def test_files_that_were_cut_off(built, tmp_path, kept):
    damaged = tmp_path / "cut.so"
    damaged.write_bytes(built.read_bytes()[:kept])
    with pytest.raises(mixfuse.LibraryError, match="cannot be loaded"):
        mixfuse.load(damaged)


def test_other_files(tmp_path):
    with pytest.raises(mixfuse.LibraryError, match="cannot be read: No such file"):
        mixfuse.load(tmp_path / "none.so")
    text = tmp_path / "text.so"
    text.write_text("not a library " * 20)
    with pytest.raises(mixfuse.LibraryError, match="it is not a shared library"):
        mixfuse.load(text)


def test_another_library(tmp_path):
    _native.library("pool", ("pool.c", "host.c"))
    other = next(_native.cache_folder().glob("pool-*.so"))
    shutil.copy(other, tmp_path / "other.so")
    with pytest.raises(mixfuse.LibraryError, match="it has no symbol mixfuse_manifest"):
        mixfuse.load(tmp_path / "other.so")


def changed(library, **changes):
    return json.dumps({**json.loads(library.manifest.text), **changes})


def test_other_versions_and_damaged_manifests(sinusoid):
    with pytest.raises(mixfuse.LibraryError, match="libraries of ABI 1, found ABI 2; build"):
        _manifest.parse(changed(sinusoid, mixfuse_abi=2, entry_points=None), "x.so")
    with pytest.raises(mixfuse.LibraryError, match="x.so: manifest cannot be used"):
        _manifest.parse("{", "x.so")
    text = sinusoid.manifest.text.replace('"abi_digest"', '"other"')
    with pytest.raises(mixfuse.LibraryError, match="it has no field 'abi_digest'"):
        _manifest.parse(text, "x.so")
    text = sinusoid.manifest.text.replace('"name" : "hvp"', '"name" : "inner_step"')
    with pytest.raises(mixfuse.LibraryError, match="two entry points are called inner_step"):
        _manifest.parse(text, "x.so")


def test_digest_of_other_code(built):
    # The manifest inside of the library, made to speak of another digest.
    code = built.read_bytes()
    digest = json.loads(built.with_suffix(".json").read_text())["abi_digest"].encode()
    assert code.count(digest) == 1
    other = built.with_name("other.so")
    other.write_bytes(code.replace(digest, b"0" * len(digest)))
    with pytest.raises(mixfuse.LibraryError, match=f"ABI digest {digest.decode()}, its manifest 0"):
        mixfuse.load(other)


def test_other_processors(sinusoid):
    target = sinusoid.manifest.target
    with pytest.raises(mixfuse.LibraryError, match="it was built for riscv64, this machine is"):
        _host.check_target({**target, "triple": "riscv64-unknown-linux"}, "x.so")
    if target["triple"].startswith("x86_64"):
        with pytest.raises(mixfuse.LibraryError, match="does not support amx-complex; build"):
            features = [*target["features"], "amx-complex"]
            _host.check_target({**target, "features": features}, "x.so")


def test_folders_that_others_can_write_to_hold_no_code(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = _native.cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    os.chmod(folder, 0o777)
    with pytest.raises(mixfuse.NativeError, match="others can write to this folder"):
        _native.cache_folder()


def test_native_sources_are_those_of_the_runtime():
    original = EXAMPLES.parent / "Sources" / "CMixFuseThreads"
    for path in original.rglob("*.[ch]"):
        copy = _native.SOURCES / path.relative_to(original)
        assert copy.read_bytes() == path.read_bytes(), f"copy {path} to {copy} again"
