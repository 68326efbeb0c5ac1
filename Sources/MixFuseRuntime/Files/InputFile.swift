// SPDX-License-Identifier: Apache-2.0
//
// Reading bytes at a position of a file. Archives hold many large members of which often few are
// wanted, so nothing is read before it is asked for, and array data goes straight into the array's
// memory.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file opened for reading at any position.
final class InputFile {
  /// The path it was opened with, for messages.
  let path: String
  /// The size in bytes when it was opened.
  let byteCount: Int
  private let descriptor: Int32

  /// Opens a regular file.
  ///
  /// - Errors: `fileUnreadable`, also for a directory or a device.
  init(path: String) throws(RuntimeError) {
    // A pipe that nobody writes to is not waited for.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .fileUnreadable(path: path, reason: systemMessage())
    }
    self.path = path
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = systemMessage()
      close(descriptor)
      throw .fileUnreadable(path: path, reason: reason)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      throw .fileUnreadable(
        path: path, reason: isDirectory ? "is a directory" : "is not a regular file")
    }
    byteCount = Int(status.st_size)
  }

  deinit {
    close(descriptor)
  }

  /// Fills `target` with the bytes at `offset`.
  ///
  /// - Errors: `fileMalformed` if the file ends before, naming `member`; `fileUnreadable`.
  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, member: String
  ) throws(RuntimeError) {
    var done = 0
    while done < target.count, let base = target.baseAddress {
      let received = pread(descriptor, base + done, target.count - done, off_t(offset + done))
      if received < 0 && errno == EINTR {
        continue
      }
      guard received >= 0 else {
        throw .fileUnreadable(path: path, reason: systemMessage())
      }
      guard received > 0 else {
        throw .fileMalformed(
          path: path, member: member, expected: "\(offset + target.count) bytes",
          found: "the end of the file at \(offset + done)")
      }
      done += received
    }
  }

  /// The `count` bytes at `offset`.
  ///
  /// - Errors: as `read`; the file is known to be long enough before memory is taken.
  func bytes(at offset: Int, count: Int, member: String) throws(RuntimeError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw .fileMalformed(
        path: path, member: member, expected: "\(count) bytes at \(offset)",
        found: "a file of \(byteCount) bytes")
    }
    var result = [UInt8](repeating: 0, count: count)
    try result.withUnsafeMutableBufferPointer { buffer throws(RuntimeError) in
      try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset, member: member)
    }
    return result
  }
}
