// SPDX-License-Identifier: Apache-2.0
//
// What the system says when something cannot be done with a file, in the words of our messages.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Why a file could not be written: the `errno` of the system call that failed, and the destination.
package struct FileFailure: Error, Equatable, CustomStringConvertible {
  /// The path that the file was to have.
  package let path: String
  /// The system's number of the reason.
  package let code: Int32

  /// A failure to write `path`; the last failed system call's unless told.
  package init(path: String, code: Int32 = errno) {
    self.path = path
    self.code = code
  }

  /// The reason as messages give it: `no space left on device`.
  package var reason: String { systemMessage(code) }

  /// The message: `out/x.npz: cannot be written: no space left on device`.
  package var description: String { "\(path): cannot be written: \(reason)" }
}

/// The system's text for an `errno` value, the last failed system call's unless told, lower case at
/// the start as our messages are.
package func systemMessage(_ code: Int32 = errno) -> String {
  let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
  return text.prefix(1).lowercased() + text.dropFirst()
}
