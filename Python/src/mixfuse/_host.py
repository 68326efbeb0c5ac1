# SPDX-License-Identifier: Apache-2.0
"""Can this machine run that library? Answered before its code runs.

The wrong answer is a crash of the whole process: the dynamic loader reads past the end of a file
that was cut off, and a processor stops at instructions that it does not have.
"""

from __future__ import annotations

import functools
import os
import pathlib
import platform
import struct
from typing import Any

from mixfuse._errors import LibraryError

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
ELF_SEGMENT = struct.Struct("<IIQQQQQQ")
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}

# Linux calls some instruction set extensions otherwise than LLVM does.
LINUX_NAMES = {
    "avx512bf16": "avx512_bf16",
    "avx512bitalg": "avx512_bitalg",
    "avx512fp16": "avx512_fp16",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512vp2intersect": "avx512_vp2intersect",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avxifma": "avx_ifma",
    "avxneconvert": "avx_ne_convert",
    "avxvnni": "avx_vnni",
    "avxvnniint16": "avx_vnni_int16",
    "avxvnniint8": "avx_vnni_int8",
    "bmi": "bmi1",
    "crc32": "sse4_2",
    "lzcnt": "abm",
    "pclmul": "pclmulqdq",
    "prfchw": "3dnowprefetch",
    "rdrnd": "rdrand",
    "sahf": "lahf_lm",
    "sha": "sha_ni",
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
}


def check_file(path: str) -> None:
    """Refuse what the dynamic loader must not be given; other systems than Linux judge alone."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(ELF_HEADER.size)
            if platform.system() == "Linux":
                _check_elf(path, file, header, size)
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read: {error.strerror}") from None


def _check_elf(path: str, file: Any, header: bytes, size: int) -> None:
    if len(header) < ELF_HEADER.size or header[:4] != b"\x7fELF":
        raise LibraryError(f"{path}: cannot be loaded: it is not a shared library")
    _, kind, _, _, _, start, _, _, _, step, count, *_ = ELF_HEADER.unpack(header)
    if kind != 3:
        raise LibraryError(f"{path}: cannot be loaded: it is not a shared library")
    for position in range(count):
        file.seek(start + position * step)
        segment = file.read(ELF_SEGMENT.size)
        is_whole = len(segment) == ELF_SEGMENT.size
        if is_whole:
            _, _, offset, _, _, length, _, _ = ELF_SEGMENT.unpack(segment)
            is_whole = offset + length <= size
        if not is_whole:
            raise LibraryError(f"{path}: cannot be loaded: the file was cut off")


def check_target(target: dict[str, Any], path: str) -> None:
    """Refuse a library for another architecture, or for extensions that this machine lacks."""
    machine = platform.machine().lower()
    machine = ARCHITECTURES.get(machine, machine)
    built = str(target["triple"]).split("-")[0]
    if built != machine:
        raise LibraryError(
            f"{path}: cannot be loaded: it was built for {built}, this machine is {machine}"
        )
    known = _processor_flags()
    if machine != "x86_64" or not known:
        return
    missing = [name for name in target["features"] if LINUX_NAMES.get(name, name) not in known]
    if missing:
        raise LibraryError(
            f"{path}: built for {target['cpu']}, but this machine does not support "
            f"{', '.join(missing)}; build it again for this machine"
        )


@functools.cache
def _processor_flags() -> frozenset[str]:
    """What Linux says the first processor has; empty where that cannot be found out."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
