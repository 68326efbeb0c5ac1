// SPDX-License-Identifier: Apache-2.0
//
// A folder for files that do not stay. It is locked while its owner lives, and goes with the object,
// with a process that is asked to end, or at the next start of a process that needs such a folder.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A new folder that nobody else can look into, removed with the object.
package final class TemporaryFolder {
  /// Its absolute path.
  package let path: String
  private let descriptor: Int32

  private static let prefix = "mixfuse-work-"

  /// `$TMPDIR` or `/tmp`.
  private static var parent: String {
    let chosen = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    guard !chosen.isEmpty else { return "/tmp" }
    guard let resolved = realpath(chosen, nil) else { return chosen }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Removes the folders that killed processes left.
  ///
  /// - Cost: one listing of `$TMPDIR`.
  package static func removeLeftovers() {
    Leftovers.removeFolders(in: parent, prefix: prefix)
  }

  /// Makes the folder below `$TMPDIR` or `/tmp`, and removes those that killed processes left.
  package init() throws(FileFailure) {
    let parent = Self.parent
    Self.removeLeftovers()
    while true {
      var template = Array("\(parent)/\(Self.prefix)XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { throw FileFailure(path: parent) }
      let made = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      Unfinished.add(made)
      let opened = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if opened >= 0 {
        _ = flock(opened, LOCK_EX)
        var status = stat()
        // Another process may have taken it for a leftover between the two calls: once more.
        if stat(made, &status) == 0 {
          (path, descriptor) = (made, opened)
          return
        }
        close(opened)
      }
      Unfinished.remove(made)
    }
  }

  deinit {
    removeTree(path)
    Unfinished.remove(path)
    close(descriptor)
  }
}
