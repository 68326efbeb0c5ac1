// SPDX-License-Identifier: Apache-2.0
//
// The content hash against its published test vectors, and the build cache: what is stored comes
// back, what is damaged does not, and the folder stays below its cap.

import Diagnostics
import Glibc
import MixFuseShared
import Testing

@testable import Toolchain

@Suite("Content digest")
struct ContentDigestTests {
  /// Input lengths and digests from BLAKE3's own test_vectors.json: byte i of an input is i % 251.
  static let vectors: [(Int, String)] = [
    (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    (1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"),
    (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    (2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"),
    (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
  ]

  @Test("the digests are BLAKE3's", arguments: vectors)
  func published(length: Int, digest: String) {
    let input = (0..<length).map { UInt8($0 % 251) }
    #expect(ContentDigest(of: input).hex == digest)
  }

  @Test("lists that read the same when joined have different digests")
  func parts() {
    let lists: [[String]] = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], []]
    #expect(Set(lists.map { ContentDigest(ofParts: $0) }).count == lists.count)
    #expect(ContentDigest(ofParts: ["ab", "c"]) == ContentDigest(ofParts: ["ab", "c"]))
  }
}

@Suite("Build cache")
struct BuildCacheTests {
  private let entry: BuildCache.Entry = [
    "library": Array(0...255), "manifest": Array("{}".utf8), "empty": [],
  ]
  private let key = ContentDigest(ofParts: ["spec", "options"])

  @Test("an entry comes back as it was stored, and only under its key")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    #expect(cache.entry(for: key) == nil)
    try cache.store(entry, for: key)
    #expect(cache.entry(for: key) == entry)
    #expect(cache.entry(for: ContentDigest(ofParts: ["spec", "other options"])) == nil)
    #expect(folder.contents() == ["\(key.hex).mixcache"])
  }

  @Test("an entry with any one byte changed is refused and removed")
  func damagedByte() throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    try cache.store(entry, for: key)
    let path = "\(folder.path)/\(key.hex).mixcache"
    let whole = try #require(readRegularFile(path))
    for position in whole.indices {
      var damaged = whole
      damaged[position] ^= 0x10
      try AtomicFile.write(damaged, to: path)
      #expect(cache.entry(for: key) == nil)
      #expect(folder.contents() == [])
    }
  }

  @Test("an entry that was cut short or renamed is refused")
  func damagedFile() throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    try cache.store(entry, for: key)
    let whole = try #require(readRegularFile("\(folder.path)/\(key.hex).mixcache"))
    for length in [0, 1, 40, 79, 80, whole.count - 1] {
      try AtomicFile.write(Array(whole.prefix(length)), to: "\(folder.path)/\(key.hex).mixcache")
      #expect(cache.entry(for: key) == nil)
    }
    let other = ContentDigest(ofParts: ["another"])
    try AtomicFile.write(whole, to: "\(folder.path)/\(other.hex).mixcache")
    #expect(cache.entry(for: other) == nil)
  }

  @Test("the least recently used entries go first, and the newest always stays")
  func eviction() throws {
    let folder = try TemporaryFolder()
    let large: BuildCache.Entry = ["library": [UInt8](repeating: 7, count: 1000)]
    let cache = BuildCache(folder: folder.path, capacity: 3500)
    let keys = (0..<4).map { ContentDigest(ofParts: ["entry \($0)"]) }
    for (age, key) in zip([30, 20, 10], keys) {
      try cache.store(large, for: key)
      let past = timespec(tv_sec: time(nil) - age, tv_nsec: 0)
      utimensat(AT_FDCWD, "\(folder.path)/\(key.hex).mixcache", [past, past], 0)
    }
    #expect(cache.entry(for: keys[0]) == large)  // Now the youngest.
    try cache.store(large, for: keys[3])
    #expect(keys.map { cache.entry(for: $0) != nil } == [true, false, true, true])

    try BuildCache(folder: folder.path, capacity: 10).store(large, for: keys[1])
    #expect(folder.contents() == ["\(keys[1].hex).mixcache"])
  }

  @Test("what a killed process left is removed")
  func staleTemporaries() throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    // Made by hand: our own way of writing files would clean the folder.
    let leftover = "\(folder.path)/.entry.mixcache.0123456789abc.partial"
    close(open(leftover, O_WRONLY | O_CREAT, 0o600))
    try cache.store(entry, for: key)
    #expect(folder.contents() == ["\(key.hex).mixcache"])
  }

  @Test("the folder is made for the user alone")
  func newFolder() throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: "\(folder.path)/cache")
    #expect(cache.distrust == nil)
    try cache.store(entry, for: key)
    var status = stat()
    #expect(stat(cache.folder, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
    #expect(cache.entry(for: key) == entry)
    unlink("\(cache.folder)/\(key.hex).mixcache")
    rmdir(cache.folder)
  }

  @Test("a folder that others may write to, or a link to one, is not used", arguments: 0...3)
  func untrusted(fault: Int) throws {
    let folder = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    try cache.store(entry, for: key)
    var path = folder.path
    switch fault {
    case 0: chmod(path, 0o770)
    case 1: chmod(path, 0o707)
    case 2:
      path += "-link"
      symlink(folder.path, path)
    default:
      guard geteuid() == 0 else { return }  // Only the superuser can give a folder away.
      chown(path, 12345, 12345)
    }
    defer {
      unlink("\(folder.path)-link")
      chmod(folder.path, 0o700)
    }
    let other = BuildCache(folder: path)
    let reasons = [
      "others than its owner may write", "others than its owner may write", "it is a link",
      "it belongs to user 12345, not to 0",
    ]
    #expect(other.distrust?.text.contains(reasons[fault]) == true)
    #expect(other.distrust?.severity == .warning)
    #expect(other.entry(for: key) == nil)
    #expect(throws: ToolchainError.self) { try other.store(entry, for: key) }
    #expect(folder.contents() == ["\(key.hex).mixcache"])
  }

  @Test("an entry that is not the user's own file is not used", arguments: 0...4)
  func untrustedEntry(fault: Int) throws {
    let folder = try TemporaryFolder()
    let elsewhere = try TemporaryFolder()
    let cache = BuildCache(folder: folder.path)
    try cache.store(entry, for: key)
    let path = "\(folder.path)/\(key.hex).mixcache"
    switch fault {
    case 0: chmod(path, 0o666)
    case 1: chmod(path, 0o660)
    case 2:
      let target = try elsewhere.write("", as: "entry")
      rename(path, target)
      symlink(target, path)
    case 3:
      unlink(path)
      mkfifo(path, 0o600)
    default:
      guard geteuid() == 0 else { return }
      chown(path, 12345, 12345)
    }
    #expect(cache.entry(for: key) == nil)
    #expect(folder.contents() == [])
    #expect(fault != 2 || elsewhere.contents() == ["entry"])
  }

  @Test("a folder that cannot be made is an error to store to and empty to read from")
  func unusableFolder() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", as: "file")
    let cache = BuildCache(folder: "\(file)/cache")
    #expect(cache.entry(for: key) == nil)
    #expect(
      throws: ToolchainError.fileUnwritable(path: "\(file)/cache", reason: "not a directory")
    ) {
      try cache.store(entry, for: key)
    }
  }

  @Test("the standard folder follows the XDG rules")
  func standardFolder() {
    func folder(_ variables: [String: String]) -> String? {
      BuildCache.standardFolder { variables[$0] }
    }
    #expect(folder(["XDG_CACHE_HOME": "/c", "HOME": "/h"]) == "/c/mixfuse")
    #expect(folder(["XDG_CACHE_HOME": "relative", "HOME": "/h"]) == "/h/.cache/mixfuse")
    #expect(folder(["HOME": "/h"]) == "/h/.cache/mixfuse")
    #expect(folder([:]) == nil)
  }
}
