# SPDX-License-Identifier: Apache-2.0
"""Tries a wheel where nothing else is: `make test-wheel`, as root.

Makes a root folder with Python, NumPy and the wheel, the libraries of C and C++, /proc and an empty /tmp, goes there by chroot
in a mount namespace of its own, and lets a spec be built, called and verified. There is no shell, no
compiler, no linker, no Swift and no LLVM but what the wheel brings.
"""

import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SESSION = '''
import os, subprocess, sys
import numpy as np
import mixfuse

for program in ("sh", "swift", "clang", "clang-19", "gcc", "ld", "ld.bfd"):
    assert not any(os.access(f"{folder}/{program}", os.X_OK) for folder in ("/bin", "/usr/bin")), program
library = mixfuse.build("/maml_sinusoid.mix")
draw = np.random.default_rng(0)
arrays = library.meta_gradient.description.inputs
inputs = {a.name: (0.3 * draw.normal(size=a.shape)).astype(a.dtype) for a in arrays}
results = library.meta_gradient(inputs)
assert np.isfinite(results["loss"]) and np.abs(results["grad"]["w1"]).max() > 0
command = [mixfuse._build.executable(), "verify", "/maml_sinusoid.mix"]
print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
'''


def copy_program(program, root):
    """Copy a program and the libraries it loads, under the same paths."""
    lines = subprocess.run(["ldd", program], check=True, text=True, stdout=subprocess.PIPE).stdout
    words = [word for word in lines.split() if word.startswith("/")]
    for path in [str(program), *words]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def fill(root, wheel):
    """Python, NumPy, the wheel and a spec."""
    python = pathlib.Path(sys._base_executable).resolve()
    copy_program(python, root)
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    ignored = shutil.ignore_patterns("test", "__pycache__", "dist-packages", "config-*", "*.pyc")
    shutil.copytree(library, root / str(library).lstrip("/"), ignore=ignored)
    for extension in (root / str(library).lstrip("/") / "lib-dynload").glob("*.so"):
        copy_program("/" + str(extension.relative_to(root)), root)
    # What NumPy's own libraries load from the system.
    for name in ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6"):
        file = pathlib.Path("/lib") / sysconfig.get_config_var("MULTIARCH") / name
        if file.exists():
            shutil.copy(file, root / str(file).lstrip("/"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", root / "site"]
    subprocess.run([*pip, wheel], check=True)
    shutil.copy(ROOT / "Examples/maml_sinusoid.mix", root)
    (root / "session.py").write_text(SESSION)
    for folder in ("proc", "tmp", "dev"):
        (root / folder).mkdir()
    (root / "dev/fd").symlink_to("/proc/self/fd")
    (root / "dev/null").write_bytes(b"")
    return python


def main():
    """Fill a root and run the session in it."""
    wheels = sorted(pathlib.Path(sys.argv[1]).glob("mixfuse-*.whl"))
    if len(wheels) != 1:
        sys.exit(f"error: {sys.argv[1]} has {len(wheels)} wheels of mixfuse, expected one")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        python = fill(root, wheels[0])
        script = 'mount -t proc proc "$1/proc" && exec chroot "$1" "$2" /session.py'
        command = ["unshare", "--mount", "--pid", "--fork", "bash", "-c", script, "bash"]
        environment = {"PYTHONPATH": "/site", "HOME": "/tmp", "PATH": "/usr/sbin:/usr/bin:/bin"}
        result = subprocess.run([*command, root, python], env=environment, check=False)
    if result.returncode:
        sys.exit(f"FAILED: {wheels[0].name} in a root of its own, exit code {result.returncode}")
    print(f"passed: {wheels[0].name} builds, runs and verifies in a root of its own")


if __name__ == "__main__":
    main()
