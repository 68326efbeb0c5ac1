# SPDX-License-Identifier: Apache-2.0
"""Puts the compiler and what it needs into a wheel: `make wheel`.

The wheel holds, beside the package, a folder `compiler` with the executable (Swift's runtime linked into
it), the libraries of LLVM that it loads, clang's front end, a linker, and whatever these need that is not
part of glibc. All find each other by paths relative to themselves; the machine that runs them needs glibc
of this machine's version or later, and neither Swift nor LLVM nor a C compiler.
"""

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
LLVM = pathlib.Path("/usr/lib/llvm-19")
# What belongs to the system's C library has to be the system's.
OF_THE_SYSTEM = re.compile(r"(linux-vdso|ld-linux.*|lib(c|m|dl|pthread|rt|util|resolv))\.so.*")
# Debian packages that files come from, whose licences go along.
PACKAGES = re.compile(r"^(\S+?)(:\S+)?: ")


def run(*command, **options):
    """Run a command and return what it printed; stop if it fails."""
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def needed_libraries(programs):
    """The shared libraries that programs load, other than glibc's: names to files."""
    found = {}
    for program in programs:
        for line in run("ldd", program).splitlines():
            name, _, rest = line.strip().partition(" => ")
            path = rest.partition(" (")[0]
            if path and not OF_THE_SYSTEM.fullmatch(name):
                found[name] = pathlib.Path(path).resolve()
    return found


def copy_compiler(executable, folder):
    """Fill the folder `compiler` of the package."""
    binaries, libraries = folder / "bin", folder / "lib"
    binaries.mkdir(parents=True)
    libraries.mkdir()
    linker = pathlib.Path(shutil.which("ld.bfd") or sys.exit("error: ld.bfd is missing"))
    programs = {"mixfuse": executable, "clang-19": LLVM / "bin/clang-19", "ld.bfd": linker}
    found = needed_libraries(programs.values())
    for name, file in programs.items():
        shutil.copy(file.resolve(), binaries / name)
        run("patchelf", "--set-rpath", "$ORIGIN/../lib", binaries / name)
    for name, file in found.items():
        shutil.copy(file, libraries / name)
        run("patchelf", "--set-rpath", "$ORIGIN", libraries / name)
    run("strip", binaries / "mixfuse")
    copy_licences([*programs.values(), *found.values()], folder / "licences")


def copy_licences(files, folder):
    """The copyright file of every Debian package that one of the files comes from."""
    folder.mkdir()
    for file in files:
        owner = subprocess.run(
            ["dpkg", "-S", file.resolve()], text=True, capture_output=True, check=False
        )
        match = PACKAGES.match(owner.stdout)
        if match:
            source = pathlib.Path("/usr/share/doc") / match[1] / "copyright"
            shutil.copy(source, folder / f"{match[1]}.txt")


def stage(executable, folder):
    """A copy of the Python project with the compiler in it."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT / "Python", folder, ignore=ignored)
    shutil.copy(ROOT / "LICENSE", folder)
    copy_compiler(executable, folder / "src/mixfuse/compiler")
    project = (folder / "pyproject.toml").read_text()
    data = 'mixfuse = ["py.typed", '
    if data not in project:
        sys.exit(f"error: {folder}/pyproject.toml has no line that begins with {data}")
    project = project.replace(data, data + '"compiler/**/*", ')
    project += '\n[project.scripts]\nmixfuse = "mixfuse._build:run_compiler"\n'
    (folder / "pyproject.toml").write_text(project)
    system, version = platform.libc_ver()
    if system != "glibc":
        sys.exit(f"error: wheels are built on glibc, and this is {system or 'no libc known'}")
    tag = f"manylinux_{version.replace('.', '_')}_{platform.machine()}"
    (folder / "setup.cfg").write_text(f"[bdist_wheel]\nplat_name = {tag}\n")
    return tomllib.loads(project)["project"]["version"]


def main():
    """Stage the project and build its wheel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("executable", type=pathlib.Path, help="mixfuse with Swift's runtime in it")
    parser.add_argument("output", type=pathlib.Path, help="the folder for the wheel")
    arguments = parser.parse_args()
    folder = arguments.output / "stage"
    version = stage(arguments.executable, folder)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    run(*pip, "--wheel-dir", arguments.output, folder)
    shutil.rmtree(folder)
    for wheel in sorted(arguments.output.glob(f"mixfuse-{version}-*.whl")):
        print(f"{wheel}  {wheel.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
