// SPDX-License-Identifier: Apache-2.0
//
// Files whose whole content is at hand, and the folders they go into.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension AtomicFile {
  /// A file to be written.
  package struct Content: Sendable {
    /// The final name; its folder must exist.
    package let path: String
    /// The new contents.
    package let bytes: [UInt8]
    /// What becomes of a file that is already there.
    package let replacement: Replacement

    /// A file of a build: whatever is at the path, a new file takes its place.
    ///
    /// - Parameter isExecutable: mode 755 instead of 644, both under the process's umask.
    package init(path: String, bytes: [UInt8], isExecutable: Bool) {
      self.init(path: path, bytes: bytes, replacing: .withMode(isExecutable ? 0o755 : 0o644))
    }

    /// A file with its contents.
    package init(
      path: String, bytes: [UInt8], replacing replacement: Replacement = .keepingPermissions
    ) {
      self.path = path
      self.bytes = bytes
      self.replacement = replacement
    }
  }

  /// Writes several files, all or none.
  ///
  /// - Cost: one write and one wait for the disk a file, and one for each folder.
  package static func write(_ contents: [Content]) throws(FileFailure) {
    var files: [AtomicFile] = []
    for content in contents {
      let file = try AtomicFile(path: content.path, replacing: content.replacement)
      files.append(file)
      try file.write(content.bytes)
    }
    try commit(files)
  }

  /// Writes `bytes` as the whole content of the file at `path`, or leaves the path as it was.
  package static func write(
    _ bytes: [UInt8], to path: String, replacing replacement: Replacement = .keepingPermissions
  ) throws(FileFailure) {
    try write([Content(path: path, bytes: bytes, replacing: replacement)])
  }

  /// Writes `text`, in UTF-8, as the whole content of the file at `path`, or leaves the path as it
  /// was.
  package static func write(_ text: String, to path: String) throws(FileFailure) {
    try write(Array(text.utf8), to: path)
  }
}

/// Creates a folder, for the user alone if need be, and those above it; one that is there is left as
/// it is.
package func createFolder(_ path: String, isPrivate: Bool = false) throws(FileFailure) {
  let mode: mode_t = isPrivate ? 0o700 : 0o755
  if mkdir(path, mode) == 0 { return }
  let code = errno
  if code == EEXIST && isFolder(path) { return }
  let (parent, name) = split(path)
  guard code == ENOENT, !name.isEmpty, parent != path else {
    throw FileFailure(path: path, code: code)
  }
  try createFolder(parent)
  // Another process may have made it in between.
  if mkdir(path, mode) != 0 && !isFolder(path) { throw FileFailure(path: path) }
}

private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The folder of a path and the name in it.
package func split(_ path: String) -> (folder: String, name: String) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path) }
  let folder = slash == path.startIndex ? "/" : String(path[..<slash])
  return (folder, String(path[path.index(after: slash)...]))
}
