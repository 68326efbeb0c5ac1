# SPDX-License-Identifier: Apache-2.0
"""Measuring: what the measured programs and their drivers share.

Times are wall-clock seconds, memory is bytes of resident memory of one process.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time


def peak_resident_bytes():
    """The most memory that this process ever had resident, in bytes.

    Not `getrusage`: on Linux its maximum survives `exec`, so a small program started by a large one
    would report the large one's.
    """
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/self/status has no VmHWM line; this needs Linux")


def available_bytes():
    """Memory that programs can still use without swapping, in bytes."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/meminfo has no MemAvailable line; this needs Linux")


def repeated(call, repeat):
    """Call a function `repeat` times; return the seconds of each call and the last result."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return seconds, result


def time_summary(seconds):
    """Median and best of some times, under the names that `mixfuse run --json` uses."""
    return {"seconds_median": statistics.median(seconds), "seconds_min": min(seconds)}


def print_result(result, as_json):
    """Print numbers by name: one JSON object on one line, or a line each."""
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


def run_json(command):
    """Run a command that prints one JSON object and return it; stop the script if it fails."""
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        sys.exit(
            f"{' '.join(map(str, command))}\nexit code {finished.returncode}\n{finished.stderr}"
        )
    return json.loads(finished.stdout)


def summary(runs):
    """Best and median over processes (seconds), largest memory (bytes), and the loss."""
    return {
        "seconds_min": min(run["seconds_min"] for run in runs),
        "seconds_median": statistics.median(run["seconds_median"] for run in runs),
        "peak_rss_bytes": max(run["peak_rss_bytes"] for run in runs),
        "loss": runs[0]["loss"],
        "runs": runs,
    }


def machine_description():
    """The processor as the system calls it, the number of cores and the system."""
    name = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"
