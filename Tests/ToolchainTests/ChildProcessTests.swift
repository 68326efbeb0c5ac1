// SPDX-License-Identifier: Apache-2.0
//
// Running programs: their streams, their status and the environment they see.

import Glibc
import Testing

@testable import Toolchain

@Suite("Child processes")
struct ChildProcessTests {
  @Test("input and output beyond any pipe's capacity pass through unchanged")
  func largeStreams() throws {
    let data = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let result = try runChild("/bin/cat", [], input: try MemoryFile(data))
    #expect(result.status == 0)
    #expect(result.output == data)
  }

  @Test("the exit status and the signal of a child are told apart")
  func status() throws {
    #expect(try runChild("/bin/sh", ["-c", "echo oops >&2; exit 7"]).status == 7)
    #expect(try runChild("/bin/sh", ["-c", "echo oops >&2; exit 7"]).messages == "oops\n")
    #expect(try runChild("/bin/sh", ["-c", "kill -9 $$"]).status == 137)
  }

  @Test("a child sees none of the variables that steer compilers")
  func environment() async {
    // In a process of its own, because other tests read the environment at the same time.
    await #expect(processExitsWith: .success) {
      setenv("CPATH", "/somewhere", 1)
      let result = try runChild("/usr/bin/env", [])
      let names = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
        .compactMap { $0.split(separator: "=").first }
      let expected: Set<Substring> = ["HOME", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR"]
      guard names.contains("LC_ALL"), expected.isSuperset(of: names) else {
        throw TestFailure("the child saw \(names)")
      }
    }
  }
}
