// SPDX-License-Identifier: Apache-2.0
//
// Random damage: to bytes, as a bad disk or a hostile hand does it, and to words, as people do it.

import TestSupport

extension SeededGenerator {
  /// The bytes with one to four damages.
  ///
  /// - Parameter others: bytes from which parts are taken.
  mutating func damaged(_ bytes: [UInt8], others: [UInt8] = []) -> [UInt8] {
    var result = bytes
    for _ in 0..<choose([1, 1, 2, 4]) { damage(&result, others.isEmpty ? bytes : others) }
    return result
  }

  private mutating func damage(_ bytes: inout [UInt8], _ others: [UInt8]) {
    guard !bytes.isEmpty else { return bytes = [UInt8.random(in: 0...255, using: &self)] }
    let place = Int.random(in: 0..<bytes.count, using: &self)
    switch Int.random(in: 0..<9, using: &self) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
    case 1: bytes[place] = choose([0, 0xFF, 0x7F, 0x80, 10, 32, 39, 34, 40, 44, 48, 57])
    case 2: bytes.removeSubrange(place...)
    case 3: bytes.removeSubrange(place..<min(bytes.count, place + choose([1, 2, 8, 64])))
    case 4:
      let from = Int.random(in: 0..<max(1, others.count), using: &self)
      bytes.insert(contentsOf: others[from...].prefix(choose([1, 4, 16, 200])), at: place)
    case 5:
      // A field of four or eight bytes with an extreme value.
      let value: UInt64 = choose([0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 40, .max, 1 << 63])
      for index in 0..<choose([4, 8]) where place + index < bytes.count {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
      }
    case 6: replaceNumber(&bytes, near: place)
    case 7: bytes.append(contentsOf: others.prefix(choose([1, 30, 500])))
    default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &self))
    }
  }

  /// Replaces the next number in digits by another.
  private mutating func replaceNumber(_ bytes: inout [UInt8], near place: Int) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[place...].firstIndex(where: digits.contains) else { return }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    let numbers = [
      "0", "1", "2", "3", "7", "100", "-1", "65536", "4294967296", "9223372036854775807",
      "18446744073709551616", "1e400", "0.5",
    ]
    bytes.replaceSubrange(start..<end, with: Array(choose(numbers).utf8))
  }

  /// Words with one to three slips: one is missing, doubled, exchanged, or taken from elsewhere.
  mutating func withSlips(_ words: [String], others: [String]) -> [String] {
    var words = words
    for _ in 0..<choose([1, 2, 3]) where !words.isEmpty {
      let place = Int.random(in: 0..<words.count, using: &self)
      switch Int.random(in: 0..<6, using: &self) {
      case 0: words.remove(at: place)
      case 1: words.insert(words[Int.random(in: 0..<words.count, using: &self)], at: place)
      case 2: words[place] = words[Int.random(in: 0..<words.count, using: &self)]
      case 3: words.swapAt(place, Int.random(in: 0..<words.count, using: &self))
      case 4: words[place] = others.isEmpty ? "" : choose(others)
      default: words[place] = choose(Self.strangeWords)
      }
    }
    return words
  }

  private static let strangeWords = [
    "0", "1", "-1", "1e308", "1e-400", "9223372036854775807", "9223372036854775808", "65537",
    "none", "true", "\"text\"", "[]", "()", "{", "}", "[", "]", ":", "...", "theta", "step", "1/0",
    "x", "\u{0}", "\u{202E}", "é", "for", "if", "let", "each", "like theta", "~ iota", "**", "@",
    "0.5", "i32", "bool", "inner.losses", "batch",
  ]
}

/// The words of a spec: names, numbers, strings, signs and what stands between them.
func words(of text: String) -> [String] {
  var words: [String] = []
  var current = ""
  var wasPart = false
  for character in text {
    let isPart = character.isLetter || character.isNumber || character == "_" || character == "."
    if !(isPart && wasPart), !current.isEmpty {
      words.append(current)
      current = ""
    }
    current.append(character)
    wasPart = isPart
  }
  if !current.isEmpty { words.append(current) }
  return words
}
