// SPDX-License-Identifier: Apache-2.0
//
// Writing zip archives: stored or deflated members, the zip64 extension where a size or position
// needs it. The bytes depend on the members alone (no time stamps, no user names), so equal arrays
// make equal files.
//
// Source: APPNOTE.TXT 6.3.10; see ZipArchive.swift for the sections.

internal import CZlib

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How the members of an archive are stored.
public enum Compression: Sendable {
  /// As they are: fastest to write and to read.
  case stored
  /// Deflated by zlib at its default level.
  case deflated
}

/// Writes one zip archive into a file.
struct ZipWriter {
  private struct Entry {
    var name: [UInt8]
    var method: Int
    var checksum: UInt
    var storedBytes: Int
    var originalBytes: Int
    var offset: Int
  }

  private let file: AtomicFile
  private var entries: [Entry] = []
  /// The first size or position that the original format cannot hold; a mark for "see zip64" in it.
  private static let limit32 = 0xffff_ffff
  /// 1980-01-01 00:00 in the format of MS-DOS.
  private static let fixedDate = 0x0021

  /// A writer that appends to `file` and leaves committing it to the caller.
  init(_ file: AtomicFile) {
    self.file = file
  }

  /// Appends a member made of two parts.
  ///
  /// - Errors: `fileUnwritable`, `memoryExhausted`.
  mutating func add(
    name: String, header: [UInt8], body: UnsafeRawBufferPointer, compression: Compression
  ) throws(RuntimeError) {
    var entry = Entry(
      name: Array(name.utf8), method: 0, checksum: Self.checksum(header, body),
      storedBytes: header.count + body.count, originalBytes: header.count + body.count,
      offset: file.byteCount)
    switch compression {
    case .stored:
      try file.append(localHeader(of: entry))
      try file.append(header)
      try file.append(body)
    case .deflated:
      let deflated = try deflate(header, body)
      entry.method = 8
      entry.storedBytes = deflated.count
      try file.append(localHeader(of: entry))
      try file.append(deflated)
    }
    entries.append(entry)
  }

  /// Appends the directory; nothing may be added afterwards.
  ///
  /// - Errors: `fileUnwritable`.
  func finish() throws(RuntimeError) {
    let start = file.byteCount
    for entry in entries {
      try file.append(directoryEntry(of: entry))
    }
    let byteCount = file.byteCount - start
    var tail: [UInt8] = []
    if entries.count >= 0xffff || start >= Self.limit32 || byteCount >= Self.limit32 {
      tail += zip64End(directoryOffset: start, byteCount: byteCount)
    }
    let count = min(entries.count, 0xffff)
    tail += [0x50, 0x4b, 5, 6] + bytes(0, 4) + bytes(count, 2) + bytes(count, 2)
    tail += bytes(min(byteCount, Self.limit32), 4) + bytes(min(start, Self.limit32), 4)
    tail += bytes(0, 2)  // comment
    try file.append(tail)
  }

  private func zip64End(directoryOffset: Int, byteCount: Int) -> [UInt8] {
    var record: [UInt8] = [0x50, 0x4b, 6, 6] + bytes(44, 8) + bytes(45, 2) + bytes(45, 2)
    record += bytes(0, 8) + bytes(entries.count, 8) + bytes(entries.count, 8)
    record += bytes(byteCount, 8) + bytes(directoryOffset, 8)
    let locator: [UInt8] = [0x50, 0x4b, 6, 7] + bytes(0, 4)
    return record + locator + bytes(directoryOffset + byteCount, 8) + bytes(1, 4)
  }

  private func localHeader(of entry: Entry) -> [UInt8] {
    let needsZip64 = max(entry.storedBytes, entry.originalBytes) >= Self.limit32
    let extra: [UInt8] =
      needsZip64
      ? bytes(1, 2) + bytes(16, 2) + bytes(entry.originalBytes, 8) + bytes(entry.storedBytes, 8)
      : []
    return [0x50, 0x4b, 3, 4] + commonFields(of: entry, sizesInZip64: needsZip64)
      + bytes(extra.count, 2) + entry.name + extra
  }

  private func directoryEntry(of entry: Entry) -> [UInt8] {
    let sizesInZip64 = max(entry.storedBytes, entry.originalBytes) >= Self.limit32
    let offsetInZip64 = entry.offset >= Self.limit32
    var fields: [UInt8] = []
    if sizesInZip64 {
      fields += bytes(entry.originalBytes, 8) + bytes(entry.storedBytes, 8)
    }
    if offsetInZip64 {
      fields += bytes(entry.offset, 8)
    }
    let extra = fields.isEmpty ? [] : bytes(1, 2) + bytes(fields.count, 2) + fields
    let common = commonFields(of: entry, sizesInZip64: sizesInZip64)
    return [0x50, 0x4b, 1, 2] + bytes(45, 2) + common
      + bytes(extra.count, 2) + bytes(0, 2)  // comment
      + bytes(0, 2) + bytes(0, 2) + bytes(0, 4)  // disk, attributes
      + bytes(offsetInZip64 ? Self.limit32 : entry.offset, 4) + entry.name + extra
  }

  /// What local headers and directory entries share: version needed up to the length of the name.
  private func commonFields(of entry: Entry, sizesInZip64: Bool) -> [UInt8] {
    // Bit 11: the name is UTF-8.
    bytes(45, 2) + bytes(1 << 11, 2) + bytes(entry.method, 2)
      + bytes(0, 2) + bytes(Self.fixedDate, 2) + bytes(Int(entry.checksum), 4)
      + bytes(sizesInZip64 ? Self.limit32 : entry.storedBytes, 4)
      + bytes(sizesInZip64 ? Self.limit32 : entry.originalBytes, 4)
      + bytes(entry.name.count, 2)
  }

  /// The low `count` bytes of a number, lowest first.
  private func bytes(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func checksum(_ header: [UInt8], _ body: UnsafeRawBufferPointer) -> UInt {
    let first = crc32_z(0, header, header.count)
    guard let start = body.baseAddress, body.count > 0 else {
      return first
    }
    return crc32_z(first, start.assumingMemoryBound(to: UInt8.self), body.count)
  }
}

/// The raw deflate stream of two parts, one after the other.
///
/// - Errors: `memoryExhausted`.
private func deflate(
  _ header: [UInt8], _ body: UnsafeRawBufferPointer
) throws(RuntimeError) -> [UInt8] {
  let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  stream.initialize(to: z_stream())
  defer {
    deflateEnd(stream)
    stream.deallocate()
  }
  guard mixfuse_deflate_start(stream, Z_DEFAULT_COMPRESSION) == Z_OK else {
    throw .memoryExhausted(purpose: "deflating an array", bytes: 1 << 18)
  }
  var result: [UInt8] = []
  header.withUnsafeBytes { feed($0, to: stream, isLast: false, into: &result) }
  feed(body, to: stream, isLast: true, into: &result)
  return result
}

/// Deflates `input` in pieces that zlib's 32-bit counters can hold.
private func feed(
  _ input: UnsafeRawBufferPointer, to stream: UnsafeMutablePointer<z_stream>, isLast: Bool,
  into result: inout [UInt8]
) {
  var output = [UInt8](repeating: 0, count: 1 << 16)
  var start = 0
  repeat {
    let piece = UnsafeRawBufferPointer(rebasing: input[start..<min(start + 1 << 30, input.count)])
    start += piece.count
    let flush = isLast && start == input.count ? Z_FINISH : Z_NO_FLUSH
    // zlib does not write through next_in; its type lacks the const.
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: piece.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(piece.count)
    repeat {
      let written = output.withUnsafeMutableBufferPointer { buffer in
        stream.pointee.next_out = buffer.baseAddress
        stream.pointee.avail_out = UInt32(buffer.count)
        CZlib.deflate(stream, flush)
        return buffer.count - Int(stream.pointee.avail_out)
      }
      result += output[..<written]
    } while stream.pointee.avail_out == 0
  } while start < input.count
}
