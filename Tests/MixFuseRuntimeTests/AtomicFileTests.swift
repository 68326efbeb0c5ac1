// SPDX-License-Identifier: Apache-2.0
//
// Files are complete or not there: full disks, size limits, folders that cannot be written.

import Foundation
import MixFuseRuntime
import Testing

@Suite("atomic files")
struct AtomicFileTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test("a file appears when it is committed, and replaces the old one")
  func commit() throws {
    let path = try folder.write(Array("old".utf8), as: "file")
    let file = try AtomicFile(path: path)
    try file.write(Array("new".utf8))
    #expect(try readBytes(path) == Array("old".utf8))
    #expect(try folder.names().count == 2)
    try file.commit()
    #expect(try readBytes(path) == Array("new".utf8))
    #expect(try folder.names() == ["file"])
  }

  @Test("a file that is never committed leaves nothing")
  func abandon() throws {
    try AtomicFile(path: folder.file("file")).write(Array("half".utf8))
    #expect(try folder.names() == [])
  }

  @Test("permissions of the replaced file are kept")
  func permissions() throws {
    let path = try folder.write([1], as: "file")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    try AtomicFile.write("text", to: path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o640)
  }

  @Test("a folder that cannot be written is reported")
  func unwritableFolder() throws {
    let regular = try folder.write([1], as: "regular")
    let below = #expect(throws: RuntimeError.self) {
      try ArrayFile.write([:], to: regular + "/out.npz")
    }
    #expect(below?.description == "\(regular)/out.npz: cannot be written: Not a directory")
    let missing = #expect(throws: RuntimeError.self) {
      try ArrayFile.write([:], to: folder.file("absent/out.npz"))
    }
    #expect(missing?.description.hasSuffix("cannot be written: No such file or directory") == true)
    let directory = #expect(throws: RuntimeError.self) {
      try AtomicFile.write("text", to: folder.path)
    }
    #expect(directory?.description.hasSuffix("cannot be written: is a directory") == true)
    #expect(try folder.names() == ["regular"])
  }

  #if os(Linux)
    @Test("a full device is reported and stays a device")
    func fullDevice() throws {
      let error = #expect(throws: RuntimeError.self) {
        try AtomicFile.write("text", to: "/dev/full")
      }
      #expect(error?.description == "/dev/full: cannot be written: No space left on device")
      var status = stat()
      #expect(stat("/dev/full", &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFCHR)
    }

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
        #expect(error?.description == "\(path): cannot be written: File too large")
      }
      #expect(try readBytes(path) == old)
      #expect(try folder.names() == ["out.npz"])
    }
  #endif
}
