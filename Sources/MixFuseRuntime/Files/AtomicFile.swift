// SPDX-License-Identifier: Apache-2.0
//
// Writing a file so that it is either complete or not there: bytes go to a new file in the same
// folder, which is flushed to the disk and then renamed over the destination. If anything fails (a
// full disk, a folder that cannot be written), the new file is removed and whatever was at the path
// stays as it was.

internal import Foundation

/// A file that appears at its path when `commit` is called, and not before.
///
/// A destination that exists and is no regular file (a device, a pipe) is written directly:
/// replacing it by a file is never what is meant.
public final class AtomicFile {
  /// The path the file will have.
  public let path: String
  /// The path it has until then, or nil if the destination is written directly.
  private let temporaryPath: String?
  private var descriptor: Int32
  /// How many bytes have been written, which is the position of the next one.
  public private(set) var byteCount = 0

  /// Starts a file that is to replace or become the one at `path`.
  ///
  /// - Errors: `fileUnwritable`.
  public init(path: String) throws(RuntimeError) {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists && status.st_mode & S_IFMT == S_IFDIR {
      throw .fileUnwritable(path: path, reason: "is a directory")
    }
    self.path = path
    if exists && status.st_mode & S_IFMT != S_IFREG {
      temporaryPath = nil
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
    } else {
      let temporary = Self.temporaryPath(beside: path)
      temporaryPath = temporary
      descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 && exists {
        // The new file keeps the permissions of the old one; where that is not allowed, it has the
        // usual.
        _ = fchmod(descriptor, status.st_mode & 0o7777)
      }
    }
    if descriptor < 0 {
      throw .fileUnwritable(path: path, reason: systemReason())
    }
  }

  deinit {
    discard()
  }

  /// Appends bytes.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be committed.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(RuntimeError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let written = Foundation.write(descriptor, base + done, bytes.count - done)
      if written < 0 && errno == EINTR {
        continue
      }
      guard written > 0 else {
        throw failure()
      }
      done += written
    }
    byteCount += bytes.count
  }

  /// Appends bytes.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be committed.
  public func write(_ bytes: [UInt8]) throws(RuntimeError) {
    try bytes.withUnsafeBufferPointer { buffer throws(RuntimeError) in
      try write(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Makes the file appear at its path, after its bytes have reached the disk.
  ///
  /// - Errors: `fileUnwritable`; the destination is then unchanged.
  public func commit() throws(RuntimeError) {
    guard let temporaryPath else {
      return try closeDirectly()
    }
    guard fsync(descriptor) == 0 else {
      throw failure()
    }
    let closing = descriptor
    descriptor = -1
    // Some file systems report a full disk only here.
    guard close(closing) == 0, rename(temporaryPath, path) == 0 else {
      let reason = systemReason()
      unlink(temporaryPath)
      throw .fileUnwritable(path: path, reason: reason)
    }
    flushFolder()
  }

  /// Writes `bytes` as the whole content of the file at `path`, or leaves the path as it was.
  ///
  /// - Errors: `fileUnwritable`.
  public static func write(_ bytes: [UInt8], to path: String) throws(RuntimeError) {
    let file = try AtomicFile(path: path)
    try file.write(bytes)
    try file.commit()
  }

  /// Writes `text`, in UTF-8, as the whole content of the file at `path`, or leaves the path as it
  /// was.
  ///
  /// - Errors: `fileUnwritable`.
  public static func write(_ text: String, to path: String) throws(RuntimeError) {
    try write(Array(text.utf8), to: path)
  }

  private func closeDirectly() throws(RuntimeError) {
    let closing = descriptor
    descriptor = -1
    if close(closing) != 0 {
      throw .fileUnwritable(path: path, reason: systemReason())
    }
  }

  /// Removes the unfinished file and describes the last failed system call.
  private func failure() -> RuntimeError {
    let reason = systemReason()
    discard()
    return .fileUnwritable(path: path, reason: reason)
  }

  private func discard() {
    guard descriptor >= 0 else {
      return
    }
    close(descriptor)
    descriptor = -1
    if let temporaryPath {
      unlink(temporaryPath)
    }
  }

  /// Asks for the rename itself to reach the disk. Without it a power cut may bring the old file
  /// back, which is a complete file too, so a file system that cannot do this is no error.
  private func flushFolder() {
    let folder = open(Self.split(path).folder, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      _ = fsync(folder)
      close(folder)
    }
  }

  /// A hidden name in the same folder, so that the rename stays on one file system.
  private static func temporaryPath(beside path: String) -> String {
    let (folder, name) = split(path)
    let suffix = String(UInt64.random(in: 0 ... .max), radix: 36)
    // A file name may have 255 bytes.
    let shortened = String(decoding: name.utf8.prefix(200), as: UTF8.self)
    return "\(folder)/.\(shortened).\(suffix).partial"
  }

  private static func split(_ path: String) -> (folder: String, name: Substring) {
    guard let slash = path.lastIndex(of: "/") else {
      return (".", path[...])
    }
    let name = path[path.index(after: slash)...]
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
  }
}
