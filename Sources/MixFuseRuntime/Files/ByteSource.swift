// SPDX-License-Identifier: Apache-2.0
//
// Bytes that come one after the other: a stretch of a file as it is, or a deflated stretch that is
// inflated on the way. The .npy reader takes either, so it does not know about archives.

internal import CZlib

/// Bytes that are read in order, once.
protocol ByteSource: AnyObject {
  /// The file they come from, for messages.
  var path: String { get }
  /// The archive member they come from, or empty, for messages.
  var member: String { get }
  /// How many bytes are left; at most about a thousand times what the file itself holds.
  var remaining: Int { get }
  /// Fills `target` with the next bytes.
  func read(into target: UnsafeMutableRawBufferPointer) throws(RuntimeError)
}

extension ByteSource {
  /// The next `count` bytes, after checking that there are as many.
  func bytes(_ count: Int, of what: String) throws(RuntimeError) -> [UInt8] {
    guard count <= remaining else {
      throw malformed(expected: "\(count) bytes of \(what)", found: "\(remaining) bytes")
    }
    var result = [UInt8](repeating: 0, count: count)
    try result.withUnsafeMutableBufferPointer { buffer throws(RuntimeError) in
      try read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    return result
  }

  /// The error for content that is not as it should be.
  func malformed(expected: String, found: String) -> RuntimeError {
    .fileMalformed(path: path, member: member, expected: expected, found: found)
  }
}

/// A stretch of a file, as it is.
final class PlainSource: ByteSource {
  let path: String
  let member: String
  private(set) var remaining: Int
  private let file: InputFile
  private var offset: Int

  /// The `count` bytes at `offset`, which the caller has checked to lie inside the file.
  init(_ file: InputFile, offset: Int, count: Int, member: String) {
    path = file.path
    self.member = member
    self.file = file
    self.offset = offset
    remaining = count
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws(RuntimeError) {
    guard target.count <= remaining else {
      throw malformed(expected: "\(target.count) more bytes", found: "\(remaining)")
    }
    try file.read(into: target, at: offset, member: member)
    offset += target.count
    remaining -= target.count
  }
}

/// A deflated stretch of a file, inflated while it is read.
final class InflatingSource: ByteSource {
  let path: String
  let member: String
  private(set) var remaining: Int
  private let compressed: PlainSource
  /// On the heap because zlib keeps a pointer to it.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var chunk = [UInt8](repeating: 0, count: 1 << 16)
  /// Where the unread part of `chunk` begins, and how long it is.
  private var unread = 0..<0

  /// Starts inflating.
  ///
  /// - Parameters:
  ///   - compressed: the deflated bytes.
  ///   - count: how many bytes they are said to inflate to.
  /// - Throws: `fileMalformed` if deflate cannot shrink anything that much; `memoryExhausted`.
  init(_ compressed: PlainSource, count: Int) throws(RuntimeError) {
    path = compressed.path
    member = compressed.member
    remaining = count
    self.compressed = compressed
    stream.initialize(to: z_stream())
    // Deflate codes at most 258 bytes in 2 bits. Checked first, so that a damaged size takes no
    // memory.
    guard count / 1032 <= compressed.remaining + 64 else {
      throw malformed(
        expected: "at most \(compressed.remaining) * 1032 bytes", found: "a claim of \(count)")
    }
    guard mixfuse_inflate_start(stream) == Z_OK else {
      throw .memoryExhausted(purpose: "inflating \(path)", bytes: 1 << 16)
    }
  }

  deinit {
    // Does nothing but report an error where inflating was never started.
    inflateEnd(stream)
    stream.deallocate()
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws(RuntimeError) {
    guard target.count <= remaining else {
      throw malformed(expected: "\(target.count) more bytes", found: "\(remaining)")
    }
    var done = 0
    while done < target.count, let base = target.baseAddress {
      if unread.isEmpty {
        try refill()
      }
      let space = min(target.count - done, 1 << 30)
      let (status, written) = inflateOnce(into: base + done, space: space)
      done += written
      let isEarlyEnd = status == Z_STREAM_END && done < target.count
      guard status == Z_OK || (status == Z_STREAM_END && !isEarlyEnd) else {
        let found = isEarlyEnd ? "the end of the data" : "damage (zlib status \(status))"
        throw malformed(expected: "deflated data", found: found)
      }
    }
    remaining -= target.count
  }

  private func refill() throws(RuntimeError) {
    let count = min(chunk.count, compressed.remaining)
    guard count > 0 else {
      throw malformed(expected: "more deflated data", found: "the end of the member")
    }
    let next = try compressed.bytes(count, of: "deflated data")
    chunk.replaceSubrange(0..<count, with: next)
    unread = 0..<count
  }

  /// One call of inflate from `chunk` into `space` bytes at `target`.
  private func inflateOnce(
    into target: UnsafeMutableRawPointer, space: Int
  ) -> (status: Int32, written: Int) {
    let status = chunk.withUnsafeMutableBufferPointer { buffer in
      stream.pointee.next_in = buffer.baseAddress.map { $0 + unread.lowerBound }
      stream.pointee.avail_in = UInt32(unread.count)
      stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(space)
      return inflate(stream, Z_NO_FLUSH)
    }
    unread = (unread.upperBound - Int(stream.pointee.avail_in))..<unread.upperBound
    return (status, space - Int(stream.pointee.avail_out))
  }
}
