// SPDX-License-Identifier: Apache-2.0
//
// Array files that cannot be written: full disks, size limits, folders.

import Foundation
import MixFuseRuntime
import Testing

@Suite("array files that cannot be written")
struct ArrayFileOutputTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test("a folder that cannot be written is reported")
  func unwritableFolder() throws {
    let regular = try folder.write([1], as: "regular")
    let below = #expect(throws: RuntimeError.self) {
      try ArrayFile.write([:], to: regular + "/out.npz")
    }
    #expect(below?.description == "\(regular)/out.npz: cannot be written: not a directory")
    let missing = #expect(throws: RuntimeError.self) {
      try ArrayFile.write([:], to: folder.file("absent/out.npz"))
    }
    #expect(missing?.description.hasSuffix("cannot be written: no such file or directory") == true)
    #expect(try folder.names() == ["regular"])
  }

  #if os(Linux)
    @Test("a write that fails half-way keeps the old file and leaves no other")
    func failureHalfWay() async throws {
      let path = folder.file("out.npz")
      try ArrayFile.write(["x": try NDArray(scalar: 1.0)], to: path)
      let old = try readBytes(path)
      // In a process of its own: the limit on the size of files cannot be taken back.
      await #expect(processExitsWith: .success) { [path = path as String] in
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
        #expect(setrlimit(__rlimit_resource_t(1), &limit) == 0)
        let error = #expect(throws: RuntimeError.self) {
          let large = try NDArray(zeros: [1 << 20], elementType: .float32)
          try ArrayFile.write(["x": large], to: path)
        }
        #expect(error?.description == "\(path): cannot be written: file too large")
      }
      #expect(try readBytes(path) == old)
      #expect(try folder.names() == ["out.npz"])
    }
  #endif
}
