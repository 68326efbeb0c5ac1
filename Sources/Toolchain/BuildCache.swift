// SPDX-License-Identifier: Apache-2.0
//
// Finished builds kept by content: the caller hashes everything a build depends on into a key and
// finds the files that the same inputs gave before. One file per entry, written atomically, with a
// digest over its contents, so an entry is whole or absent, never wrong; the oldest entries go when
// the folder outgrows its cap. Several processes may share a folder without locks.
//
// What comes out of the cache is run, and a digest stops accidents, not people. So the folder and its
// files must belong to the user and be writable by nobody else, and links are not followed; a folder
// of which that is not true is not used.
//
// Entry file: magic line, digest (32 bytes) of all that follows, key (32 bytes), then for each
// named file its name and its bytes, both preceded by their length (8 bytes, little-endian).

import Glibc
import MixFuseShared

/// A folder of finished builds, addressed by the digest of what went into them.
package struct BuildCache: Sendable {
  /// The files of one build by name, such as `library` and `manifest`.
  package typealias Entry = [String: [UInt8]]

  /// Where the entries are.
  package let folder: String
  /// The size in bytes above which the oldest entries are removed.
  package let capacity: Int

  private static let magic = Array("mixfuse-cache 2\n".utf8)
  private static let suffix = ".mixcache"
  /// The mode bits that let others write.
  private static let othersMayWrite: mode_t = 0o022

  /// A cache in `folder`, created when first stored to.
  ///
  /// - Parameters:
  ///   - folder: where the entries are to be.
  ///   - capacity: bytes; 1 GiB unless told.
  package init(folder: String, capacity: Int = 1 << 30) {
    self.folder = folder
    self.capacity = capacity
  }

  /// The folder for cached builds that the XDG rules give.
  ///
  /// - Parameter variable: looks up an environment variable; the process's own unless told.
  /// - Returns: `$XDG_CACHE_HOME/mixfuse`, or `~/.cache/mixfuse`, or `nil` for a user without a home.
  package static func standardFolder(
    variable: (String) -> String? = { environmentVariable($0) }
  ) -> String? {
    // The XDG specification says that a relative path there is to be ignored.
    if let cache = variable("XDG_CACHE_HOME"), cache.hasPrefix("/") { return "\(cache)/mixfuse" }
    return variable("HOME").map { "\($0)/.cache/mixfuse" }
  }

  /// Why the folder must not be used, or nil if it may be: it is not there yet, or it is the user's
  /// own and nobody else can write to it.
  package var distrust: CacheWarning? {
    var status = stat()
    guard lstat(folder, &status) == 0 else { return nil }
    let reason: String? =
      if status.st_mode & S_IFMT == S_IFLNK {
        "it is a link"
      } else if status.st_mode & S_IFMT != S_IFDIR {
        "it is not a folder"
      } else if status.st_uid != geteuid() {
        "it belongs to user \(status.st_uid), not to \(geteuid())"
      } else if status.st_mode & BuildCache.othersMayWrite != 0 {
        "others than its owner may write to it (chmod 700 would change that)"
      } else {
        nil
      }
    return reason.map { .untrusted(folder: folder, reason: $0) }
  }

  /// The build stored under `key`, if there is one, it is the user's own and it is undamaged.
  ///
  /// A hit makes the entry the youngest; any other file of that name is removed.
  ///
  /// - Cost: one read of the entry and one hash over it.
  package func entry(for key: ContentDigest) -> Entry? {
    guard let directory = openFolder() else { return nil }
    defer { close(directory) }
    let name = fileName(of: key)
    // A link is not followed and a pipe not waited for.
    let file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ELOOP { unlinkat(directory, name, 0) }
      return nil
    }
    defer { close(file) }
    guard isOwn(file, type: S_IFREG), let size = self.size(of: file), size <= capacity,
      let bytes = readFully(file, size: size),
      let entry = BuildCache.decode(bytes, key: key)
    else {
      unlinkat(directory, name, 0)
      return nil
    }
    futimens(file, nil)
    return entry
  }

  /// Stores a build under `key` and evicts the oldest entries beyond the capacity.
  ///
  /// A caller that has its result anyway may treat a failure as a warning.
  ///
  /// - Throws: `toolchain.file-unwritable`, also for a folder that is not to be trusted.
  package func store(_ entry: Entry, for key: ContentDigest) throws(ToolchainError) {
    try writing { () throws(FileFailure) in try createFolder(folder, isPrivate: true) }
    guard let directory = openFolder() else {
      throw .fileUnwritable(path: folder, reason: distrust?.text ?? systemMessage(EACCES))
    }
    close(directory)
    let file = AtomicFile.Content(
      path: "\(folder)/\(fileName(of: key))", bytes: BuildCache.encode(entry, key: key),
      isExecutable: false)
    try writing { () throws(FileFailure) in try AtomicFile.write([file]) }
    evict()
  }

  /// Opens the folder if it is to be trusted.
  private func openFolder() -> Int32? {
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard directory >= 0 else { return nil }
    guard isOwn(directory, type: S_IFDIR) else {
      close(directory)
      return nil
    }
    return directory
  }

  /// Whether an open file has this type, belongs to the user, and nobody else can write to it.
  private func isOwn(_ descriptor: Int32, type: mode_t) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == type
      && status.st_uid == geteuid() && status.st_mode & BuildCache.othersMayWrite == 0
  }

  private func size(of descriptor: Int32) -> Int? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) : nil
  }

  private func fileName(of key: ContentDigest) -> String { key.hex + BuildCache.suffix }

  // MARK: - Entry files

  private static func encode(_ entry: Entry, key: ContentDigest) -> [UInt8] {
    var payload = key.bytes
    for (name, contents) in entry.sorted(by: { $0.key < $1.key }) {
      for part in [Array(name.utf8), contents] {
        payload.appendLength(part.count)
        payload.append(contentsOf: part)
      }
    }
    return magic + ContentDigest(of: payload).bytes + payload
  }

  private static func decode(_ bytes: [UInt8], key: ContentDigest) -> Entry? {
    let digestEnd = magic.count + ContentDigest.byteCount
    let keyEnd = digestEnd + ContentDigest.byteCount
    guard bytes.count >= keyEnd, bytes.starts(with: magic),
      bytes[digestEnd..<keyEnd].elementsEqual(key.bytes),
      bytes[magic.count..<digestEnd]
        .elementsEqual(ContentDigest(of: Array(bytes[digestEnd...])).bytes)
    else { return nil }

    var rest = bytes[keyEnd...]
    var entry: Entry = [:]
    while !rest.isEmpty {
      guard let name = takePart(&rest), let contents = takePart(&rest) else { return nil }
      entry[String(decoding: name, as: UTF8.self)] = Array(contents)
    }
    return entry
  }

  private static func takePart(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let lengthSize = 8
    guard rest.count >= lengthSize else { return nil }
    let length = rest.prefix(lengthSize).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(lengthSize)
    guard length <= rest.count else { return nil }
    defer { rest = rest.dropFirst(Int(length)) }
    return rest.prefix(Int(length))
  }

  // MARK: - Eviction

  private struct StoredFile {
    let path: String
    let size: Int
    let modified: timespec
  }

  /// Removes the least recently used entries until the rest fits. The youngest entry always stays.
  private func evict() {
    let entries = files(withSuffix: BuildCache.suffix).sorted {
      ($0.modified.tv_sec, $0.modified.tv_nsec, $0.path)
        < ($1.modified.tv_sec, $1.modified.tv_nsec, $1.path)
    }
    var total = entries.reduce(0) { $0 + $1.size }
    for entry in entries.dropLast() where total > capacity {
      unlink(entry.path)
      total -= entry.size
    }
  }

  private func files(withSuffix suffix: String) -> [StoredFile] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var found: [StoredFile] = []
    while let item = readdir(handle) {
      let name = withUnsafePointer(to: &item.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: Int(item.pointee.d_reclen)) {
          String(cString: $0)
        }
      }
      var status = stat()
      let path = "\(folder)/\(name)"
      guard name.hasSuffix(suffix), lstat(path, &status) == 0 else { continue }
      found.append(
        StoredFile(path: path, size: Int(status.st_size), modified: status.st_mtim))
    }
    return found
  }
}
