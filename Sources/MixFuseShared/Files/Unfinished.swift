// SPDX-License-Identifier: Apache-2.0
//
// What this process has on the disk that is not to stay: files that are being written, and temporary
// folders. A process that is asked to end removes it first. The list is the one piece of state that
// all of a process shares, because a signal concerns all of it.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The files and folders that go with this process.
package enum Unfinished {
  private static let paths = Mutex<Set<String>>([])

  /// Notes a path before something is created there.
  static func add(_ path: String) {
    paths.withLock { _ = $0.insert(path) }
  }

  /// Forgets a path whose file is gone or complete.
  static func remove(_ path: String) {
    paths.withLock { _ = $0.remove(path) }
  }

  /// Runs the renames of a commit: a process that is asked to end meanwhile does so after them.
  static func protectingCommit<Result: Sendable>(_ body: () -> Result) -> Result {
    paths.withLock { _ in body() }
  }

  /// Removes everything that is noted, then calls `end`; no file is begun or committed meanwhile.
  package static func removeAll(thenEnd end: () -> Never) -> Never {
    paths.withLock { paths in
      for path in paths { removeTree(path) }
      end()
    }
  }
}
