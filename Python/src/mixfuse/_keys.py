# SPDX-License-Identifier: Apache-2.0
"""Names of entry points that mean the same in every process."""

from __future__ import annotations

import hashlib

from mixfuse._entry import Entry


def key(entry: Entry, workers: int) -> int:
    """A 63-bit digest of an entry point, its library and the number of its workers.

    Not an address: programs that a framework compiled and keeps in files must not find another
    function there in the next process.
    """
    text = f"{entry.name}\0{workers}\0{entry.library.manifest.text}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
