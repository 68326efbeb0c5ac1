// SPDX-License-Identifier: Apache-2.0
//
// The file that arrays are written to, with the runtime's errors.

internal import MixFuseShared

extension AtomicFile {
  /// Starts a file.
  ///
  /// - Errors: `fileUnwritable`.
  static func begin(_ path: String) throws(RuntimeError) -> AtomicFile {
    do { return try AtomicFile(path: path) } catch { throw RuntimeError(error) }
  }

  /// Appends bytes.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be finished.
  func append(_ bytes: UnsafeRawBufferPointer) throws(RuntimeError) {
    do { try write(bytes) } catch { throw RuntimeError(error) }
  }

  /// Appends bytes.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be finished.
  func append(_ bytes: [UInt8]) throws(RuntimeError) {
    do { try write(bytes) } catch { throw RuntimeError(error) }
  }

  /// Appends the elements of an array, in C order.
  ///
  /// - Errors: `fileUnwritable`; the file is then gone and cannot be finished.
  func append(_ array: NDArray) throws(RuntimeError) {
    try append(UnsafeRawBufferPointer(start: array.memory.pointer, count: array.byteCount))
  }

  /// Makes the file appear at its path.
  ///
  /// - Errors: `fileUnwritable`; the destination is then unchanged.
  func finish() throws(RuntimeError) {
    do { try commit() } catch { throw RuntimeError(error) }
  }
}

extension RuntimeError {
  /// The runtime's error for a file that cannot be written.
  package init(_ failure: FileFailure) {
    self = .fileUnwritable(path: failure.path, reason: failure.reason)
  }
}
