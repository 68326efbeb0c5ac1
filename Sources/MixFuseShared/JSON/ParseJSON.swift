// SPDX-License-Identifier: Apache-2.0
//
// Reading JSON: RFC 8259 to the letter, in UTF-8.

/// Text that is not JSON.
package struct JSONSyntaxError: Error, Equatable {
  /// The number of bytes before what cannot be read.
  package let position: Int
}

/// The value of a JSON text. Of equal keys in one object the last holds.
///
/// - Cost: one pass over the bytes.
package func parseJSON(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
  var parser = JSONParser(bytes: bytes)
  let value = try parser.value(depth: 0)
  parser.skipBlanks()
  guard parser.position == bytes.count else { throw JSONSyntaxError(position: parser.position) }
  return value
}

private struct JSONParser {
  let bytes: [UInt8]
  private(set) var position = 0

  /// Deeper text is refused: it would take the stack.
  private static let deepest = 512

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func fault() -> JSONSyntaxError { JSONSyntaxError(position: position) }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d {
      position += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func require(_ character: Unicode.Scalar) throws(JSONSyntaxError) {
    guard take(character) else { throw fault() }
  }

  mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    guard depth < Self.deepest else { throw fault() }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func word(
    _ text: String, _ value: JSONValue
  ) throws(JSONSyntaxError) -> JSONValue {
    for scalar in text.unicodeScalars { try require(scalar) }
    return value
  }

  private mutating func object(_ depth: Int) throws(JSONSyntaxError) -> JSONValue {
    var members: [String: JSONValue] = [:]
    try require("{")
    skipBlanks()
    if take("}") { return .object(members) }
    while true {
      skipBlanks()
      let key = try string()
      skipBlanks()
      try require(":")
      members[key] = try value(depth: depth + 1)
      skipBlanks()
      if take("}") { return .object(members) }
      try require(",")
    }
  }

  private mutating func array(_ depth: Int) throws(JSONSyntaxError) -> JSONValue {
    var elements: [JSONValue] = []
    try require("[")
    skipBlanks()
    if take("]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipBlanks()
      if take("]") { return .array(elements) }
      try require(",")
    }
  }

  private mutating func number() throws(JSONSyntaxError) -> String {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func digits() throws(JSONSyntaxError) {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw fault() }
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    try require("\"")
    var content: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let text = String(validating: content, as: UTF8.self) else { throw fault() }
        return text
      case UInt8(ascii: "\\"):
        position += 1
        content += try escaped()
      case 0..<0x20: throw fault()
      default:
        content.append(byte)
        position += 1
      }
    }
    throw fault()
  }

  /// What stands behind a backslash, in UTF-8.
  private mutating func escaped() throws(JSONSyntaxError) -> [UInt8] {
    guard let byte = next else { throw fault() }
    position += 1
    switch Unicode.Scalar(byte) {
    case "\"", "\\", "/": return [byte]
    case "b": return [0x08]
    case "f": return [0x0c]
    case "n": return [0x0a]
    case "r": return [0x0d]
    case "t": return [0x09]
    case "u": return try escapedUnit()
    default: throw fault()
    }
  }

  /// One unit of UTF-16 in hexadecimal, or two that belong together.
  private mutating func escapedUnit() throws(JSONSyntaxError) -> [UInt8] {
    let first = try hexadecimal()
    var value = first
    if (0xd800..<0xdc00).contains(first) {
      try require("\\")
      try require("u")
      let second = try hexadecimal()
      guard (0xdc00..<0xe000).contains(second) else { throw fault() }
      value = 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)
    }
    guard let scalar = Unicode.Scalar(value) else { throw fault() }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw fault()
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
