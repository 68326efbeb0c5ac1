// SPDX-License-Identifier: Apache-2.0
//
// A file that exists only in memory (Linux memfd). It is how this target hands data to clang and
// the linker and takes their output back: a seekable file needs no reader thread, as a pipe does,
// and leaves nothing on disk when a program is killed.

import CLLVM
import Glibc
import MixFuseShared

/// An unnamed file in memory, closed and gone when the value is released.
///
/// Not for use from two threads at once: reading and writing move one shared position.
final class MemoryFile {
  /// The open descriptor: never 0, 1 or 2, and not inherited unless a child asks for it.
  let descriptor: Int32

  /// Creates a file that holds `contents`, positioned at its start.
  ///
  /// - Throws: `toolchain.file-unwritable` when the system has no descriptor or memory left.
  init(_ contents: [UInt8] = []) throws(ToolchainError) {
    let created = cllvm_open_memory_file()
    guard created >= 0 else { throw MemoryFile.failure() }
    // A standard descriptor would be overwritten when the child's own 0, 1 and 2 are set up.
    let firstFree: Int32 = 3
    if created < firstFree {
      descriptor = fcntl(created, F_DUPFD_CLOEXEC, firstFree)
      close(created)
      guard descriptor >= 0 else { throw MemoryFile.failure() }
    } else {
      descriptor = created
    }
    let code = contents.withUnsafeBytes { writeFully($0, to: descriptor) }
    guard code == 0 else {
      close(descriptor)
      throw MemoryFile.failure(code)
    }
    lseek(descriptor, 0, SEEK_SET)
  }

  /// Makes sure that some more files can be opened. The threads that compile side by side need a few
  /// each, and the system's library that starts them ends the process if it gets none.
  ///
  /// - Throws: `toolchain.file-unwritable`.
  static func requireRoom(for count: Int) throws(ToolchainError) {
    var files: [MemoryFile] = []
    for _ in 0..<count { files.append(try MemoryFile()) }
  }

  deinit { close(descriptor) }

  /// A path that opens this file in a process that inherited the descriptor.
  var path: String { "/dev/fd/\(descriptor)" }

  /// The whole contents, whatever the position.
  func bytes() -> [UInt8] {
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard size > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let start = buffer.baseAddress.map { $0 + count }
        let got = pread(descriptor, start, size - count, off_t(count))
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
    }
  }

  /// The whole contents as text; bytes that are not UTF-8 become replacement characters.
  func text() -> String { String(decoding: bytes(), as: UTF8.self) }

  private static func failure(_ code: Int32 = errno) -> ToolchainError {
    .fileUnwritable(path: "a file in memory", reason: systemMessage(code))
  }
}
