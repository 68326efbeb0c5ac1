// SPDX-License-Identifier: Apache-2.0
//
// Files that are either the old one or the whole new one, never half of it: written under a
// temporary name in the same folder, forced to disk, then renamed over the final name. Every
// failure removes the temporary file and becomes one error that names the final path.

import Glibc

/// Writes files atomically.
package enum AtomicFile {
  /// Replaces the file at `path` by `bytes`.
  ///
  /// - Parameters:
  ///   - bytes: the new contents.
  ///   - path: the final name; its folder must exist.
  ///   - isExecutable: mode 755 instead of 644, both under the process's umask.
  /// - Cost: one write and two waits for the disk.
  /// - Throws: `toolchain.file-unwritable`; the old file, if any, is then unchanged.
  package static func write(
    _ bytes: [UInt8], to path: String, isExecutable: Bool = false
  ) throws(ToolchainError) {
    let (folder, name) = split(path)
    let temporary = "\(folder)/.\(name).\(UInt64.random(in: 0 ... .max)).tmp"
    let mode: mode_t = isExecutable ? 0o755 : 0o644
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else {
      throw .fileUnwritable(path: path, reason: systemMessage(errno))
    }
    var code = bytes.withUnsafeBytes { writeFully($0, to: descriptor) }
    if code == 0 && fsync(descriptor) != 0 { code = errno }
    // Some file systems (NFS) report a full disk only now.
    if close(descriptor) != 0 && code == 0 { code = errno }
    if code == 0 && rename(temporary, path) != 0 { code = errno }
    guard code == 0 else {
      unlink(temporary)
      throw .fileUnwritable(path: path, reason: systemMessage(code))
    }
    syncFolder(folder)
  }

  /// Creates a folder and those above it.
  ///
  /// - Throws: `toolchain.file-unwritable`.
  package static func createFolder(_ path: String) throws(ToolchainError) {
    if mkdir(path, 0o755) == 0 { return }
    let code = errno
    if code == EEXIST && isFolder(path) { return }
    let (parent, name) = split(path)
    guard code == ENOENT, !name.isEmpty, parent != path else {
      throw .fileUnwritable(path: path, reason: systemMessage(code))
    }
    try createFolder(parent)
    // Another process may have made it in between.
    if mkdir(path, 0o755) != 0 && !isFolder(path) {
      throw .fileUnwritable(path: path, reason: systemMessage(errno))
    }
  }

  /// The bytes of a file, or `nil` if it cannot be read.
  package static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    let size = Int(status.st_size)
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

  /// Makes the rename itself survive a power failure, where the file system can promise that.
  private static func syncFolder(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = slash == path.startIndex ? "/" : String(path[..<slash])
    return (folder, String(path[path.index(after: slash)...]))
  }
}
