// SPDX-License-Identifier: Apache-2.0
//
// One process at a time in a folder: a locked file that holds the number of the process. The system
// drops the lock with the process, however it ends, so a file that a killed process left is no
// obstacle.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The right to write into a folder, given up with the object.
package final class FolderLock {
  private let path: String
  private let descriptor: Int32

  /// Why a folder cannot be had.
  package enum Refusal: Error, Equatable {
    /// Another process is in it; its number is nil where it could not be read.
    case taken(process: Int?)
    /// The lock itself cannot be made.
    case failed(FileFailure)
  }

  /// Takes a folder, which must exist.
  package init(folder: String) throws(Refusal) {
    let path = "\(folder)/.lock"
    while true {
      let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
      guard opened >= 0 else { throw .failed(FileFailure(path: path)) }
      if flock(opened, LOCK_EX | LOCK_NB) != 0 {
        let code = errno
        defer { close(opened) }
        // A file system without locks must not keep anybody from working.
        guard code == EWOULDBLOCK else {
          (self.path, descriptor) = (path, dup(opened))
          return
        }
        throw .taken(process: Self.number(in: opened))
      }
      // The last owner may have removed the file in between: then this is no longer the lock.
      var (mine, current) = (stat(), stat())
      if fstat(opened, &mine) == 0, stat(path, &current) == 0, mine.st_ino == current.st_ino {
        ftruncate(opened, 0)
        let text = Array("\(getpid())\n".utf8)
        _ = pwrite(opened, text, text.count, 0)
        (self.path, descriptor) = (path, opened)
        Unfinished.add(path)
        return
      }
      close(opened)
    }
  }

  deinit {
    unlink(path)
    Unfinished.remove(path)
    close(descriptor)
  }

  private static func number(in descriptor: Int32) -> Int? {
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &buffer, buffer.count, 0)
    let digits = buffer.prefix(max(count, 0)).prefix { (0x30...0x39).contains($0) }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
