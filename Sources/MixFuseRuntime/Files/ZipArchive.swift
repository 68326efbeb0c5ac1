// SPDX-License-Identifier: Apache-2.0
//
// Reading zip archives, the container of .npz files: the directory at the end of the file, with the
// zip64 extension (sizes and positions beyond 4 GiB), and members that are stored or deflated.
// Nothing in the file is trusted: every position and size is checked against the file before it is
// used.
//
// Source: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14-16 (end
// records), 4.5.3 (zip64 fields).

internal import CZlib

/// A zip archive opened for reading.
struct ZipArchive {
  /// One member, as the directory describes it.
  struct Member {
    /// The path inside the archive.
    var name: String
    var isDeflated: Bool
    var checksum: UInt32
    var compressedBytes: Int
    var uncompressedBytes: Int
    /// Where the member's local header is.
    var headerOffset: Int
  }

  /// The members in the directory's order.
  let members: [Member]
  private let file: InputFile

  /// The longest directory that is read: some 200,000 members.
  private static let longestDirectory = 1 << 24
  private static let directoryMark: [UInt8] = [0x50, 0x4b, 1, 2]
  private static let localMark: [UInt8] = [0x50, 0x4b, 3, 4]
  private static let endMark: [UInt8] = [0x50, 0x4b, 5, 6]
  private static let zip64EndMark: [UInt8] = [0x50, 0x4b, 6, 6]
  private static let zip64LocatorMark: [UInt8] = [0x50, 0x4b, 6, 7]

  /// Reads the directory of an archive.
  ///
  /// - Errors: `fileMalformed`, `fileUnreadable`.
  init(_ file: InputFile) throws(RuntimeError) {
    self.file = file
    let (offset, byteCount, count) = try Self.locateDirectory(of: file)
    guard byteCount <= Self.longestDirectory else {
      throw .fileMalformed(
        path: file.path, member: "",
        expected: "a directory of at most \(Self.longestDirectory) bytes", found: "\(byteCount)")
    }
    var rest = try file.bytes(at: offset, count: byteCount, member: "")[...]
    var members: [Member] = []
    for _ in 0..<count {
      members.append(try Self.parseEntry(&rest, path: file.path))
    }
    self.members = members
  }

  /// The uncompressed bytes of a member.
  ///
  /// - Errors: `fileMalformed` if the member lies outside of the file.
  func open(_ member: Member) throws(RuntimeError) -> any ByteSource {
    let header = try file.bytes(at: member.headerOffset, count: 30, member: member.name)
    guard header.starts(with: Self.localMark) else {
      throw malformed("a member's header at \(member.headerOffset)", "other bytes", member.name)
    }
    let fields = LittleEndian(header)
    // Names and extra fields may differ in length from the directory's copy of them.
    let start = member.headerOffset + 30 + fields.uint16(26) + fields.uint16(28)
    guard member.compressedBytes <= file.byteCount - start else {
      throw malformed(
        "\(member.compressedBytes) bytes at \(start)", "a file of \(file.byteCount) bytes",
        member.name)
    }
    let stored = PlainSource(
      file, offset: start, count: member.compressedBytes, member: member.name)
    guard member.isDeflated else {
      guard member.compressedBytes == member.uncompressedBytes else {
        throw malformed(
          "\(member.uncompressedBytes) stored bytes", "\(member.compressedBytes)", member.name)
      }
      return ChecksummedSource(stored, checksum: member.checksum)
    }
    let inflated = try InflatingSource(stored, count: member.uncompressedBytes)
    return ChecksummedSource(inflated, checksum: member.checksum)
  }

  private func malformed(_ expected: String, _ found: String, _ member: String) -> RuntimeError {
    .fileMalformed(path: file.path, member: member, expected: expected, found: found)
  }

  /// Finds the end record by searching backwards (a comment of any text may follow it).
  private static func locateDirectory(
    of file: InputFile
  ) throws(RuntimeError) -> (offset: Int, byteCount: Int, count: Int) {
    let tailCount = min(file.byteCount, 22 + 65_535 + 20)
    let tailOffset = file.byteCount - tailCount
    let tail = try file.bytes(at: tailOffset, count: tailCount, member: "")
    let last = tailCount - 22
    let candidates = stride(from: last, through: 0, by: -1)
    guard let end = candidates.first(where: { tail[$0...].starts(with: endMark) }) else {
      throw .fileMalformed(
        path: file.path, member: "", expected: "a zip archive with its directory at the end",
        found: "no directory in \(file.byteCount) bytes (cut off?)")
    }
    let fields = LittleEndian(tail)
    if end >= 20, tail[(end - 20)...].starts(with: zip64LocatorMark) {
      return try readZip64End(of: file, at: fields.int64(end - 20 + 8))
    }
    return (fields.uint32(end + 16), fields.uint32(end + 12), fields.uint16(end + 10))
  }

  private static func readZip64End(
    of file: InputFile, at offset: Int?
  ) throws(RuntimeError) -> (offset: Int, byteCount: Int, count: Int) {
    let record = try file.bytes(at: offset ?? -1, count: 56, member: "")
    let fields = LittleEndian(record)
    guard record.starts(with: zip64EndMark),
      let count = fields.int64(32), let size = fields.int64(40), let start = fields.int64(48)
    else {
      throw .fileMalformed(
        path: file.path, member: "", expected: "a zip64 end record", found: "other bytes")
    }
    return (start, size, count)
  }

  /// Takes one directory entry from the front of `rest`.
  private static func parseEntry(
    _ rest: inout ArraySlice<UInt8>, path: String
  ) throws(RuntimeError) -> Member {
    let entry = Array(rest.prefix(46))
    let fields = LittleEndian(entry)
    guard entry.count == 46, entry.starts(with: directoryMark) else {
      throw .fileMalformed(
        path: path, member: "", expected: "a directory entry", found: "other bytes")
    }
    let (nameCount, extraCount) = (fields.uint16(28), fields.uint16(30))
    let total = 46 + nameCount + extraCount + fields.uint16(32)
    guard total <= rest.count else {
      throw .fileMalformed(
        path: path, member: "", expected: "a directory entry of \(total) bytes",
        found: "\(rest.count) bytes")
    }
    let name = String(decoding: rest.dropFirst(46).prefix(nameCount), as: UTF8.self)
    let extra = Array(rest.dropFirst(46 + nameCount).prefix(extraCount))
    rest = rest.dropFirst(total)
    let method = fields.uint16(10)
    guard method == 0 || method == 8, fields.uint16(8) & 1 == 0 else {
      throw .fileMalformed(
        path: path, member: name, expected: "a stored or deflated member",
        found: method == 0 || method == 8 ? "an encrypted one" : "compression method \(method)")
    }
    var member = Member(
      name: name, isDeflated: method == 8, checksum: UInt32(fields.uint32(16)),
      compressedBytes: fields.uint32(20), uncompressedBytes: fields.uint32(24),
      headerOffset: fields.uint32(42))
    guard applyZip64(extra, to: &member) else {
      throw .fileMalformed(
        path: path, member: name, expected: "zip64 sizes", found: "a damaged extra field")
    }
    return member
  }

  /// Replaces the fields that hold the "see zip64" mark; false if a needed value is missing.
  private static func applyZip64(_ extra: [UInt8], to member: inout Member) -> Bool {
    let marked: [WritableKeyPath<Member, Int>] = [
      \.uncompressedBytes, \.compressedBytes, \.headerOffset,
    ].filter { member[keyPath: $0] == 0xffff_ffff }
    if marked.isEmpty {
      return true
    }
    let fields = LittleEndian(extra)
    var position = 0
    while position + 4 <= extra.count {
      let (id, size) = (fields.uint16(position), fields.uint16(position + 2))
      position += 4
      if id == 1 {
        guard size >= marked.count * 8, position + size <= extra.count else {
          return false
        }
        for (index, field) in marked.enumerated() {
          guard let value = fields.int64(position + index * 8) else {
            return false
          }
          member[keyPath: field] = value
        }
        return true
      }
      position += size
    }
    return false
  }
}

/// Unsigned little-endian numbers at positions of a byte array.
private struct LittleEndian {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  func uint16(_ offset: Int) -> Int { Int(number(offset, byteCount: 2)) }

  func uint32(_ offset: Int) -> Int { Int(number(offset, byteCount: 4)) }

  /// A 64-bit number, or nil if it is outside of the bytes or too large for any file.
  func int64(_ offset: Int) -> Int? {
    guard offset + 8 <= bytes.count else {
      return nil
    }
    return Int(exactly: number(offset, byteCount: 8)).flatMap { $0 < 1 << 62 ? $0 : nil }
  }

  private func number(_ offset: Int, byteCount: Int) -> UInt64 {
    bytes[offset..<(offset + byteCount)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Another source, whose CRC-32 is compared once all of it has been read.
private final class ChecksummedSource: ByteSource {
  var path: String { source.path }
  var member: String { source.member }
  var remaining: Int { source.remaining }
  private let source: any ByteSource
  private let expected: UInt32
  private var checksum: UInt = 0

  init(_ source: any ByteSource, checksum: UInt32) {
    self.source = source
    expected = checksum
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws(RuntimeError) {
    try source.read(into: target)
    // Without bytes zlib would start the checksum anew.
    if let start = target.baseAddress, target.count > 0 {
      checksum = crc32_z(checksum, start.assumingMemoryBound(to: UInt8.self), target.count)
    }
    if remaining == 0 && UInt32(truncatingIfNeeded: checksum) != expected {
      throw malformed(
        expected: "checksum \(hexadecimal(expected))",
        found: hexadecimal(UInt32(truncatingIfNeeded: checksum)))
    }
  }

  private func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
