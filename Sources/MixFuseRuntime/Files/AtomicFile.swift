// SPDX-License-Identifier: Apache-2.0
//
// Writing a file so that it is either complete or not there; see AtomicFiles/UnfinishedFile.swift for
// how. This is its public face, with the runtime's errors.

internal import AtomicFiles
internal import Foundation

/// A file that appears at its path when `commit` is called, and not before.
///
/// A destination that exists and is no regular file (a device, a pipe) is written directly:
/// replacing it by a file is never what is meant.
public final class AtomicFile {
  /// The path the file will have.
  public let path: String
  /// How many bytes have been written, which is the position of the next one.
  public private(set) var byteCount = 0
  private let file: UnfinishedFile

  /// Starts a file that is to replace or become the one at `path`.
  ///
  /// - Errors: `fileUnwritable`.
  public init(path: String) throws(RuntimeError) {
    self.path = path
    do {
      file = try UnfinishedFile(path: path)
    } catch {
      throw RuntimeError(error)
    }
  }

  /// Appends bytes.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be committed.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(RuntimeError) {
    do {
      try file.write(bytes)
    } catch {
      throw RuntimeError(error)
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
    do {
      try file.commit()
    } catch {
      throw RuntimeError(error)
    }
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
}

extension RuntimeError {
  fileprivate init(_ failure: FileFailure) {
    let isFolder = failure.code == EISDIR
    self = .fileUnwritable(
      path: failure.path,
      reason: isFolder ? "is a directory" : String(cString: strerror(failure.code)))
  }
}
