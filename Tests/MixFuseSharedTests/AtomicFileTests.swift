// SPDX-License-Identifier: Apache-2.0
//
// Files that appear whole or not at all, several of them all or none, and what killed processes
// leave behind.

import Foundation
import Testing

@testable import MixFuseShared

@Suite("atomic files")
struct AtomicFileTests {
  /// A new folder of a test.
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mixfuse-atomic-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  private func unfinished(_ path: String, _ text: String) throws -> AtomicFile {
    let file = try AtomicFile(path: path)
    try file.write(Array(text.utf8))
    return file
  }

  private func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? "(none)"
  }

  @Test("a file appears when it is committed, and replaces the old one")
  func commit() throws {
    try withFolder { folder in
      let path = "\(folder)/file"
      try "old".write(toFile: path, atomically: false, encoding: .utf8)
      let file = try AtomicFile(path: path)
      try file.write(Array("new".utf8))
      #expect(text(path) == "old")
      #expect(names(folder).count == 2)
      try file.commit()
      #expect(text(path) == "new")
      #expect(names(folder) == ["file"])
    }
  }

  @Test("a file that is never committed leaves nothing")
  func abandon() throws {
    try withFolder { folder in
      try AtomicFile(path: "\(folder)/file").write(Array("half".utf8))
      #expect(names(folder) == [])
    }
  }

  @Test("permissions of the replaced file are kept, unless a mode is asked for")
  func permissions() throws {
    try withFolder { folder in
      let path = "\(folder)/file"
      func mode() -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
      }
      try "old".write(toFile: path, atomically: false, encoding: .utf8)
      chmod(path, 0o640)
      try AtomicFile.write("text", to: path)
      #expect(mode() == 0o640)
      let mask = umask(0)
      umask(mask)
      for isExecutable in [true, false] {
        try AtomicFile.write([
          AtomicFile.Content(path: path, bytes: [1, 2, 3], isExecutable: isExecutable)
        ])
        #expect(mode() == (isExecutable ? 0o755 : 0o644) & ~mask)
        #expect(readRegularFile(path) == [1, 2, 3])
      }
      #expect(names(folder) == ["file"])
    }
  }

  @Test("a name that belongs to a folder is refused and nothing is left")
  func nameOfFolder() throws {
    try withFolder { folder in
      let inner = "\(folder)/inner"
      mkdir(inner, 0o755)
      let failure = #expect(throws: FileFailure.self) { try AtomicFile.write("text", to: inner) }
      #expect(failure?.description == "\(inner): cannot be written: is a directory")
      #expect(names(folder) == ["inner"])
    }
  }

  @Test("a full device is reported and stays a device")
  func fullDevice() {
    let failure = #expect(throws: FileFailure.self) {
      try AtomicFile.write("text", to: "/dev/full")
    }
    #expect(failure?.description == "/dev/full: cannot be written: no space left on device")
    var status = stat()
    #expect(stat("/dev/full", &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test("a disk that fills up while writing leaves the old file and nothing else")
  func fullDisk() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mixfuse-atomic-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/data"
    try "old".write(toFile: path, atomically: false, encoding: .utf8)
    // The limit on file sizes is the one way to make `write` stop half-way without a disk of
    // one's own; it holds for a whole process, hence the process of its own.
    await #expect(processExitsWith: .success) { [path = path as String] in
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 10_000, rlim_max: 10_000)
      #expect(setrlimit(__rlimit_resource_t(1), &limit) == 0)
      let failure = #expect(throws: FileFailure.self) {
        try AtomicFile.write([UInt8](repeating: 1, count: 100_000), to: path)
      }
      #expect(failure?.reason == "file too large")
    }
    #expect(text(path) == "old")
    #expect(names(folder) == ["data"])
  }

  @Test("folders are made with their parents, and again without complaint")
  func folders() throws {
    try withFolder { folder in
      try createFolder("\(folder)/a/b")
      try createFolder("\(folder)/a/b")
      #expect(access("\(folder)/a/b", W_OK) == 0)
      try "".write(toFile: "\(folder)/file", atomically: false, encoding: .utf8)
      #expect(throws: FileFailure(path: "\(folder)/file/c", code: ENOTDIR)) {
        try createFolder("\(folder)/file/c")
      }
    }
  }

  @Test("a set appears together and leaves nothing else")
  func together() throws {
    try withFolder { folder in
      try "old".write(toFile: "\(folder)/a", atomically: false, encoding: .utf8)
      let files = try ["a", "b", "c"].map { try unfinished("\(folder)/\($0)", "new \($0)") }
      #expect(text("\(folder)/a") == "old")
      #expect(names(folder).count == 4)
      try AtomicFile.commit(files)
      #expect(names(folder) == ["a", "b", "c"])
      #expect(["a", "b", "c"].map { text("\(folder)/\($0)") } == ["new a", "new b", "new c"])
    }
  }

  @Test("a set of which one file cannot be placed leaves everything as it was", arguments: 0...2)
  func allOrNone(obstacle: Int) throws {
    try withFolder { folder in
      try "old".write(toFile: "\(folder)/a", atomically: false, encoding: .utf8)
      try "old".write(toFile: "\(folder)/c", atomically: false, encoding: .utf8)
      let files = try ["a", "b", "c"].map { try unfinished("\(folder)/\($0)", "new") }
      // A folder comes in between: only the rename finds out.
      let path = "\(folder)/\(["a", "b", "c"][obstacle])"
      unlink(path)
      mkdir(path, 0o755)
      #expect(throws: FileFailure(path: path, code: EISDIR)) { try AtomicFile.commit(files) }
      rmdir(path)
      let kept = ["a", "c"].filter { path != "\(folder)/\($0)" }
      #expect(names(folder) == kept)
      for name in kept { #expect(text("\(folder)/\(name)") == "old") }
    }
  }

  @Test("only what nobody is writing any more, in our form, is a leftover")
  func leftovers() throws {
    try withFolder { folder in
      let living = try unfinished("\(folder)/living", "half")
      for name in [
        ".dead.npz.0123456789abc.partial", ".mine.partial", "x.0123456789abc.partial",
        ".a.UPPER.partial",
      ] {
        try "half".write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
      }
      symlink("/etc/hostname", "\(folder)/.link.0123456789abc.partial")
      mkfifo("\(folder)/.pipe.0123456789abc.partial", 0o644)
      Leftovers.remove(in: folder)
      let left = names(folder)
      #expect(!left.contains(".dead.npz.0123456789abc.partial"))
      for name in [
        ".mine.partial", "x.0123456789abc.partial", ".a.UPPER.partial",
        ".link.0123456789abc.partial", ".pipe.0123456789abc.partial",
      ] {
        #expect(left.contains(name), "\(name)")
      }
      try living.commit()
      #expect(text("\(folder)/living") == "half")
    }
  }

  @Test("a file that another process took for a leftover is started again")
  func manyWriters() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mixfuse-atomic-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    await withTaskGroup(of: Bool.self) { group in
      for writer in 0..<4 {
        group.addTask {
          (0..<200).allSatisfy { round in
            Leftovers.remove(in: folder)
            guard let file = try? AtomicFile(path: "\(folder)/\(writer)") else { return false }
            let bytes = Array("\(round)".utf8)
            let isWritten = bytes.withUnsafeBytes { (try? file.write($0)) != nil }
            return isWritten && (try? file.commit()) != nil
          }
        }
      }
      for await isGood in group { #expect(isGood) }
    }
    #expect(names(folder) == ["0", "1", "2", "3"])
  }

  @Test("the first file that a process begins in a folder cleans it")
  func firstFile() throws {
    try withFolder { folder in
      let left = "\(folder)/.other.0123456789abc.partial"
      try "half".write(toFile: left, atomically: false, encoding: .utf8)
      try unfinished("\(folder)/file", "whole").commit()
      #expect(names(folder) == ["file"])
    }
  }

  @Test("a temporary folder goes with its object, and with the next one if nobody owned it")
  func temporaryFolders() throws {
    var owned: TemporaryFolder? = try TemporaryFolder()
    let path = try #require(owned?.path)
    let parent = split(path).folder
    let dead = "\(parent)/mixfuse-work-dead\(UInt8.random(in: 10...99))"
    mkdir(dead, 0o700)
    try "x".write(toFile: "\(dead)/file", atomically: false, encoding: .utf8)
    let second = try TemporaryFolder()
    #expect(access(dead, F_OK) != 0)
    #expect(access(path, F_OK) == 0)
    #expect(second.path != path)
    owned = nil
    #expect(access(path, F_OK) != 0)
  }

  @Test("a folder has one owner, whose number is known, and a dead one is none")
  func folderLock() throws {
    try withFolder { folder in
      try "12345\n".write(toFile: "\(folder)/.lock", atomically: false, encoding: .utf8)
      var lock: FolderLock? = try FolderLock(folder: folder)
      #expect(throws: FolderLock.Refusal.taken(process: Int(getpid()))) {
        try FolderLock(folder: folder)
      }
      #expect(lock != nil)
      lock = nil
      #expect(names(folder) == [])
      _ = try FolderLock(folder: folder)
    }
  }

  @Test("only a regular file of a fitting size is read")
  func regularFiles() throws {
    try withFolder { folder in
      try "abc".write(toFile: "\(folder)/file", atomically: false, encoding: .utf8)
      mkfifo("\(folder)/pipe", 0o644)
      #expect(readRegularFile("\(folder)/file", limit: 3) == Array("abc".utf8))
      #expect(readRegularFile("\(folder)/file", limit: 2) == nil)
      for path in ["\(folder)/pipe", folder, "/dev/zero", "\(folder)/none"] {
        #expect(readRegularFile(path, limit: 100) == nil)
      }
    }
  }
}
