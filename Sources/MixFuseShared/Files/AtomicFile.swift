// SPDX-License-Identifier: Apache-2.0
//
// Writing files so that each is either complete or not there, and several of them all or none.
// Bytes go to new files beside their destinations, which are flushed to the disk and then renamed
// into place. If anything fails (a full disk, a folder that cannot be written), the new files are
// removed and what was at the paths stays. A process that is killed leaves them behind, with a lock
// that the system drops with the process: Leftovers.swift knows them by that.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that appears at its path when it is committed, and not before.
package final class AtomicFile {
  /// What becomes of a file that is already at the path.
  package enum Replacement {
    /// Its permissions are kept. One that is no regular file (a device, a pipe) is written directly:
    /// replacing it by a file is never what is meant.
    case keepingPermissions
    /// Whatever it is, a new file with this mode (under the process's umask) takes its place.
    case withMode(UInt32)
  }

  /// The path the file will have.
  package let path: String
  /// How many bytes have been written, which is the position of the next one.
  package private(set) var byteCount = 0
  /// The path it has until then, or nil if the destination is written directly.
  private let temporaryPath: String?
  private var descriptor: Int32

  /// Starts a file that is to replace or become the one at `path`.
  package init(path: String, replacing: Replacement = .keepingPermissions) throws(FileFailure) {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists && status.st_mode & S_IFMT == S_IFDIR {
      throw FileFailure(path: path, code: EISDIR)
    }
    self.path = path
    switch replacing {
    case .keepingPermissions where exists && status.st_mode & S_IFMT != S_IFREG:
      temporaryPath = nil
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
      if descriptor < 0 { throw FileFailure(path: path) }
    case .keepingPermissions:
      (temporaryPath, descriptor) = try Self.create(beside: path, mode: 0o666)
      // Where that is not allowed, the new file has the usual permissions.
      if exists { _ = fchmod(descriptor, status.st_mode & 0o7777) }
    case .withMode(let mode):
      (temporaryPath, descriptor) = try Self.create(beside: path, mode: mode)
    }
  }

  deinit { discard() }

  /// Appends bytes. After a failure the file is gone and cannot be committed.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
    let code = writeFully(bytes, to: descriptor)
    guard code == 0 else {
      discard()
      throw FileFailure(path: path, code: code)
    }
    byteCount += bytes.count
  }

  /// Appends bytes. After a failure the file is gone and cannot be committed.
  package func write(_ bytes: [UInt8]) throws(FileFailure) {
    try bytes.withUnsafeBufferPointer { buffer throws(FileFailure) in
      try write(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Makes the file appear at its path, after its bytes have reached the disk.
  ///
  /// After a failure the destination is as it was.
  package func commit() throws(FileFailure) { try Self.commit([self]) }

  /// Makes all files appear, or none: after a failure every destination is as it was.
  ///
  /// A process that is killed between two renames leaves some new and some old files: nothing but a
  /// folder of their own would prevent that. It is a matter of microseconds, and all of them are
  /// complete.
  package static func commit(_ files: [AtomicFile]) throws(FileFailure) {
    defer { for file in files { file.discard() } }
    for file in files { try file.flush() }
    let failure = Unfinished.protectingCommit { placeAll(files) }
    if let failure { throw failure }
    for folder in Set(files.map { split($0.path).folder }) { flushFolder(folder) }
  }

  /// Renames all files; undoes that if one of them cannot be.
  private static func placeAll(_ files: [AtomicFile]) -> FileFailure? {
    var placed: [(path: String, old: String?)] = []
    var failure: FileFailure?
    for file in files {
      guard let temporaryPath = file.temporaryPath else { continue }
      // A second name for the old file, from which it can be brought back.
      let backup = files.count > 1 ? Leftovers.temporaryPath(beside: file.path) : nil
      let hasBackup = backup.map { link(file.path, $0) == 0 } ?? false
      guard rename(temporaryPath, file.path) == 0 else {
        failure = FileFailure(path: file.path)
        if let backup, hasBackup { unlink(backup) }
        break
      }
      placed.append((file.path, hasBackup ? backup : nil))
    }
    for (path, old) in placed.reversed() {
      if failure == nil {
        if let old { unlink(old) }
      } else if let old {
        rename(old, path)
      } else {
        unlink(path)
      }
    }
    return failure
  }

  /// Waits until the bytes have reached the disk.
  private func flush() throws(FileFailure) {
    guard descriptor >= 0 else { throw FileFailure(path: path, code: EBADF) }
    guard temporaryPath == nil || fsync(descriptor) == 0 else { throw FileFailure(path: path) }
    if temporaryPath == nil {
      let closing = descriptor
      descriptor = -1
      if close(closing) != 0 { throw FileFailure(path: path) }
    }
  }

  /// Closes the file and removes it from its temporary path, where it no longer is if it was
  /// committed.
  private func discard() {
    guard descriptor >= 0 else { return }
    if let temporaryPath {
      unlink(temporaryPath)
      Unfinished.remove(temporaryPath)
    }
    close(descriptor)
    descriptor = -1
  }

  /// Creates a new file in the folder of `path` and locks it.
  private static func create(
    beside path: String, mode: mode_t
  ) throws(FileFailure) -> (String, Int32) {
    Leftovers.removeOnce(in: split(path).folder)
    while true {
      let temporary = Leftovers.temporaryPath(beside: path)
      Unfinished.add(temporary)
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      guard descriptor >= 0 else {
        let failure = FileFailure(path: path)
        Unfinished.remove(temporary)
        throw failure
      }
      // Where a file system has no locks, nobody can take the file for a leftover either.
      _ = flock(descriptor, LOCK_EX)
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (temporary, descriptor) }
      // Another process cleaned up between the two calls: once more.
      close(descriptor)
      Unfinished.remove(temporary)
    }
  }

  /// Asks for the renames themselves to reach the disk. Without it a power cut may bring the old
  /// files back, which are complete too, so a file system that cannot do this is no error.
  private static func flushFolder(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    _ = fsync(folder)
    close(folder)
  }
}
