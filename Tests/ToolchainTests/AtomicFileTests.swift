// SPDX-License-Identifier: Apache-2.0
//
// Files are replaced whole or not at all, also when the disk fills up half-way.

import Glibc
import Testing

@testable import Toolchain

@Suite("Atomic files")
struct AtomicFileTests {
  @Test("a file is replaced whole, with the mode asked for")
  func replaces() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", as: "data")
    try AtomicFile.write([1, 2, 3], to: path)
    #expect(AtomicFile.read(path) == [1, 2, 3])
    #expect(access(path, X_OK) != 0)
    #expect(folder.contents() == ["data"])
  }

  @Test("a name that belongs to a folder is refused and nothing is left")
  func nameOfFolder() throws {
    let folder = try TemporaryFolder()
    let inner = "\(folder.path)/inner"
    mkdir(inner, 0o755)
    defer { rmdir(inner) }
    #expect(throws: ToolchainError.fileUnwritable(path: inner, reason: "is a directory")) {
      try AtomicFile.write([1], to: inner)
    }
    #expect(folder.contents() == ["inner"])
  }

  @Test("a disk that fills up while writing leaves the old file and nothing else")
  func fullDisk() async {
    // The limit on file sizes is the one way to make `write` stop half-way without a disk of
    // one's own; it holds for a whole process, hence the process of its own.
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = try folder.write("old", as: "data")
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 10_000, rlim_max: 10_000)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      do {
        try AtomicFile.write([UInt8](repeating: 1, count: 100_000), to: path)
        throw TestFailure("written")
      } catch let error as ToolchainError {
        guard error == .fileUnwritable(path: path, reason: "file too large") else { throw error }
      }
      guard folder.contents() == ["data"], AtomicFile.read(path) == Array("old".utf8) else {
        throw TestFailure("left \(folder.contents())")
      }
    }
  }

  @Test("folders are made with their parents, and again without complaint")
  func folders() throws {
    let folder = try TemporaryFolder()
    let inner = "\(folder.path)/a/b"
    defer {
      rmdir(inner)
      rmdir("\(folder.path)/a")
    }
    try AtomicFile.createFolder(inner)
    try AtomicFile.createFolder(inner)
    #expect(access(inner, W_OK) == 0)
    let file = try folder.write("", as: "file")
    #expect(throws: ToolchainError.fileUnwritable(path: "\(file)/c", reason: "not a directory")) {
      try AtomicFile.createFolder("\(file)/c")
    }
  }
}
