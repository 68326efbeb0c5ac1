// SPDX-License-Identifier: Apache-2.0
//
// Finished builds kept by content: the caller hashes everything a build depends on into a key and
// finds the files that the same inputs gave before. One file per entry, written atomically, with a
// digest over its contents, so an entry is whole or absent, never wrong; the oldest entries go when
// the folder outgrows its cap. Several processes may share a folder without locks.
//
// Entry file: magic line, digest (32 bytes) of all that follows, key (32 bytes), then for each
// named file its name and its bytes, both preceded by their length (8 bytes, little-endian).

import Glibc

/// A folder of finished builds, addressed by the digest of what went into them.
package struct BuildCache: Sendable {
  /// The files of one build by name, such as `library` and `manifest`.
  package typealias Entry = [String: [UInt8]]

  /// Where the entries are.
  package let folder: String
  /// The size in bytes above which the oldest entries are removed.
  package let capacity: Int

  private static let magic = Array("mixfuse-cache 1\n".utf8)
  private static let suffix = ".mixcache"
  private static let temporarySuffix = ".tmp"

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

  /// The build stored under `key`, if there is one and it is undamaged.
  ///
  /// A hit makes the entry the youngest; a damaged entry is removed.
  ///
  /// - Cost: one read of the entry and one hash over it.
  package func entry(for key: ContentDigest) -> Entry? {
    let path = self.path(of: key)
    guard let bytes = AtomicFile.read(path) else { return nil }
    guard let entry = BuildCache.decode(bytes, key: key) else {
      unlink(path)
      return nil
    }
    utimensat(AT_FDCWD, path, nil, 0)
    return entry
  }

  /// Stores a build under `key` and evicts the oldest entries beyond the capacity.
  ///
  /// A caller that has its result anyway may treat a failure as a warning.
  ///
  /// - Throws: `toolchain.file-unwritable`.
  package func store(_ entry: Entry, for key: ContentDigest) throws(ToolchainError) {
    try AtomicFile.createFolder(folder)
    try AtomicFile.write(BuildCache.encode(entry, key: key), to: path(of: key))
    evict()
  }

  private func path(of key: ContentDigest) -> String {
    "\(folder)/\(key.hex)\(BuildCache.suffix)"
  }

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

  /// Removes the least recently used entries until the rest fits, and temporary files that a
  /// killed process left an hour ago or longer. The youngest entry always stays.
  private func evict() {
    let staleAge = 3600
    for file in files(withSuffix: BuildCache.temporarySuffix)
    where file.modified.tv_sec < time(nil) - staleAge {
      unlink(file.path)
    }
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
      guard name.hasSuffix(suffix), stat(path, &status) == 0 else { continue }
      found.append(
        StoredFile(path: path, size: Int(status.st_size), modified: status.st_mtim))
    }
    return found
  }
}
