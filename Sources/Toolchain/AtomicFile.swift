// SPDX-License-Identifier: Apache-2.0
//
// Files of a build: each is either the old one or the whole new one, and of several either all are
// old or all new; see AtomicFiles/UnfinishedFile.swift for how. Every failure becomes one error that
// names the final path.

import AtomicFiles
import Glibc

/// Writes files atomically.
package enum AtomicFile {
  /// A file to be written.
  package struct Content {
    let path: String
    let bytes: [UInt8]
    let isExecutable: Bool

    /// - Parameters:
    ///   - path: the final name; its folder must exist.
    ///   - bytes: the new contents.
    ///   - isExecutable: mode 755 instead of 644, both under the process's umask.
    package init(path: String, bytes: [UInt8], isExecutable: Bool = false) {
      self.path = path
      self.bytes = bytes
      self.isExecutable = isExecutable
    }
  }

  /// Replaces the file at `path` by `bytes`; see `Content`.
  ///
  /// - Cost: one write and two waits for the disk.
  /// - Throws: `toolchain.file-unwritable`; the old file, if any, is then unchanged.
  package static func write(
    _ bytes: [UInt8], to path: String, isExecutable: Bool = false
  ) throws(ToolchainError) {
    try write([Content(path: path, bytes: bytes, isExecutable: isExecutable)])
  }

  /// Replaces several files, all or none.
  ///
  /// - Cost: one write and one wait for the disk a file.
  /// - Throws: `toolchain.file-unwritable`; the old files are then unchanged.
  package static func write(_ contents: [Content]) throws(ToolchainError) {
    do {
      var files: [UnfinishedFile] = []
      for content in contents {
        let mode: mode_t = content.isExecutable ? 0o755 : 0o644
        let file = try UnfinishedFile(path: content.path, replacing: .withMode(mode))
        files.append(file)
        let outcome = content.bytes.withUnsafeBytes { bytes in
          Result { () throws(FileFailure) in try file.write(bytes) }
        }
        try outcome.get()
      }
      try UnfinishedFile.commit(files)
    } catch {
      throw .fileUnwritable(path: error.path, reason: systemMessage(error.code))
    }
  }

  /// Creates a folder, for the user alone if need be, and those above it.
  ///
  /// - Throws: `toolchain.file-unwritable`.
  package static func createFolder(
    _ path: String, isPrivate: Bool = false
  ) throws(ToolchainError) {
    let mode: mode_t = isPrivate ? 0o700 : 0o755
    if mkdir(path, mode) == 0 { return }
    let code = errno
    if code == EEXIST && isFolder(path) { return }
    let (parent, name) = split(path)
    guard code == ENOENT, !name.isEmpty, parent != path else {
      throw .fileUnwritable(path: path, reason: systemMessage(code))
    }
    try createFolder(parent)
    // Another process may have made it in between.
    if mkdir(path, mode) != 0 && !isFolder(path) {
      throw .fileUnwritable(path: path, reason: systemMessage(errno))
    }
  }

  /// The bytes of a regular file, or `nil` if it cannot be read.
  static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return read(descriptor, size: Int(status.st_size))
  }

  /// The `size` bytes of an open file, or `nil` if it has fewer.
  static func read(_ descriptor: Int32, size: Int) -> [UInt8]? {
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, size - count)
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
    }
    return bytes.count == size ? bytes : nil
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
