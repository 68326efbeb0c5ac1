// SPDX-License-Identifier: Apache-2.0
//
// The name of some content: a 256-bit BLAKE3 hash, taken from libLLVM, which this target links
// anyway. A cache that several people share is only as safe as its keys are hard to forge, so the
// hash must be cryptographic; BLAKE3 is, with a 128-bit margin against collisions as SHA-256 has.
// swift-crypto would add over a minute to a build, and a hash of our own would be one more to trust.

import CLLVM

/// A 256-bit fingerprint of a list of parts.
package struct ContentDigest: Hashable, Sendable {
  /// The 32 bytes of the hash.
  package let bytes: [UInt8]

  /// The hash of one piece of content, as other BLAKE3 tools print it.
  package init(of content: [UInt8]) {
    self = content.withUnsafeBytes { ContentDigest(of: $0) }
  }

  /// The hash of bytes in memory.
  package init(of content: UnsafeRawBufferPointer) {
    bytes = [UInt8](unsafeUninitializedCapacity: ContentDigest.byteCount) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      cllvm_content_digest(content.baseAddress, content.count, start)
      count = ContentDigest.byteCount
    }
  }

  /// The hash of a list of parts, different for different lists even if they read the same when
  /// joined: each part is preceded by its length.
  package init(ofParts parts: [[UInt8]]) {
    var joined: [UInt8] = []
    joined.reserveCapacity(parts.reduce(0) { $0 + $1.count + 8 })
    for part in parts {
      joined.appendLength(part.count)
      joined.append(contentsOf: part)
    }
    self.init(of: joined)
  }

  /// The hash of a list of texts; see `init(ofParts:)`.
  package init(ofParts parts: [String]) {
    self.init(ofParts: parts.map { Array($0.utf8) })
  }

  /// 64 lower-case hexadecimal digits.
  package var hex: String {
    let digits = Array("0123456789abcdef".unicodeScalars)
    var text = String.UnicodeScalarView()
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(text)
  }

  /// The size of a digest in bytes.
  static let byteCount = 32
}

extension [UInt8] {
  /// Appends a length as eight bytes, least significant first.
  mutating func appendLength(_ length: Int) {
    for shift in stride(from: 0, to: 64, by: 8) {
      append(UInt8(truncatingIfNeeded: length >> shift))
    }
  }
}
