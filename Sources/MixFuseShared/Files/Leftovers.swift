// SPDX-License-Identifier: Apache-2.0
//
// What killed processes left behind: unfinished files and temporary folders. Their names are ours
// (`.NAME.RANDOM.partial`, `mixfuse-work-RANDOM`), they belong to this user, and nobody holds the
// lock that every living writer holds on them. Only what meets all three is removed.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Finds and removes what killed processes left behind.
package enum Leftovers {
  private static let suffix = ".partial"
  /// Letters of the random part of a name.
  private static let randomLength = 13

  /// A hidden name in the folder of `path`, so that a rename stays on one file system.
  static func temporaryPath(beside path: String) -> String {
    let (folder, name) = split(path)
    let digits = String(UInt64.random(in: 0 ... .max), radix: 36)
    let random = String(repeating: "0", count: randomLength - digits.count) + digits
    // A file name may have 255 bytes.
    let shortened = String(decoding: name.utf8.prefix(200), as: UTF8.self)
    return "\(folder)/.\(shortened).\(random)\(suffix)"
  }

  /// Removes unfinished files in a folder whose writers are gone.
  ///
  /// - Cost: one listing of the folder.
  package static func remove(in folder: String) {
    for name in namesInFolder(folder) where isTemporary(name) {
      removeIfUnowned("\(folder)/\(name)", type: S_IFREG) { unlink($0) }
    }
  }

  /// Does the same once per process and folder: what every file that is begun can afford.
  static func removeOnce(in folder: String) {
    if folders.withLock({ $0.insert(folder).inserted }) { remove(in: folder) }
  }

  private static let folders = Mutex<Set<String>>([])

  /// Removes temporary folders in `parent` whose owners are gone.
  ///
  /// - Cost: one listing of the parent.
  static func removeFolders(in parent: String, prefix: String) {
    for name in namesInFolder(parent)
    where name.hasPrefix(prefix) && name.utf8.count == prefix.utf8.count + 6 {
      removeIfUnowned("\(parent)/\(name)", type: S_IFDIR) { removeTree($0) }
    }
  }

  private static func isTemporary(_ name: String) -> Bool {
    guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
    let parts = name.dropLast(suffix.count).split(separator: ".")
    guard parts.count >= 2, let random = parts.last else { return false }
    return random.utf8.count <= randomLength
      && random.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) }
  }

  /// Calls `body` while holding the lock of something that nobody else holds.
  private static func removeIfUnowned(
    _ path: String, type: mode_t, _ body: (String) -> Void
  ) {
    // A link is not followed and a pipe not waited for: both are somebody else's.
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
      status.st_mode & S_IFMT == type, flock(descriptor, LOCK_EX | LOCK_NB) == 0
    else { return }
    body(path)
  }
}
