#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls a generated library from Python with ctypes alone: everything it needs to know is in the
manifest that the library holds.

    client.py LIBRARY INPUTS OUTPUTS

INPUTS holds the arrays of the entry point `meta_gradient`, OUTPUTS gets its results: their bytes, one
array after the other.
"""

import ctypes
import json
import math
import sys

BYTES = {"f32": 4, "f64": 8, "i32": 4}


def sizes(arrays):
    return [math.prod(array["shape"]) * BYTES[array["dtype"]] for array in arrays]


def main():
    library_path, inputs_path, outputs_path = sys.argv[1:]
    library = ctypes.CDLL(library_path)
    library.mixfuse_manifest.restype = ctypes.c_char_p
    manifest = json.loads(library.mixfuse_manifest())
    entry = next(e for e in manifest["entry_points"] if e["name"] == "meta_gradient")

    with open(inputs_path, "rb") as file:
        inputs = [
            ctypes.create_string_buffer(file.read(size), size) for size in sizes(entry["inputs"])
        ]
    outputs = [ctypes.create_string_buffer(size) for size in sizes(entry["outputs"])]
    # The arena wants to be aligned to 64 bytes.
    arena = ctypes.create_string_buffer(entry["arena_bytes"] + entry["arena_bytes_per_worker"] + 64)
    start = (ctypes.addressof(arena) + 63) // 64 * 64

    def pointers(buffers):
        return (ctypes.c_void_p * len(buffers))(*[ctypes.addressof(b) for b in buffers])

    function = library[entry["symbol"]]
    function.restype = ctypes.c_int32
    status = function(pointers(inputs), pointers(outputs), ctypes.c_void_p(start), None)
    if status != 0:
        sys.exit(f"the library returned status {status}")
    with open(outputs_path, "wb") as file:
        for output in outputs:
            file.write(output.raw)


if __name__ == "__main__":
    main()
