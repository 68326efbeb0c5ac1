// SPDX-License-Identifier: Apache-2.0
//
// The header of an .npy file: a magic number, a version, a length, and a Python dictionary in text:
//
//     \x93NUMPY 01 00 76 00 {'descr': '<f8', 'fortran_order': False, 'shape': (25, 10, 1), }   \n
//
// Source: numpy/lib/format.py, versions 1.0, 2.0 and 3.0.

/// What the header of an .npy file says.
struct NpyHeader: Equatable {
  /// The type of the elements.
  var elementType: ElementType
  /// Whether elements are stored with their most significant byte first.
  var isBigEndian = false
  /// Whether the first index varies fastest.
  var isFortranOrder = false
  /// The size of each dimension.
  var shape: [Int]

  /// A header is at most this long; numpy itself refuses more than 10,000 bytes.
  private static let longest = 1 << 20
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Element types by numpy's code: kind and bytes.
  private static let codes: [String: ElementType] = [
    "b1": .bool, "f2": .float16, "f4": .float32, "f8": .float64, "i4": .int32, "i8": .int64,
    "u1": .uint8,
  ]

  /// A header for elements in C order and little-endian, as this runtime writes them.
  init(elementType: ElementType, shape: [Int]) {
    self.elementType = elementType
    self.shape = shape
  }

  /// Reads a header from the beginning of `source`.
  ///
  /// - Errors: `fileMalformed`.
  init(from source: any ByteSource) throws(RuntimeError) {
    let start = try source.bytes(8, of: "an .npy header")
    guard Array(start.prefix(6)) == Self.magic else {
      throw source.malformed(expected: "the start of an .npy file", found: "other bytes")
    }
    let version = start[6]
    guard (1...3).contains(version) else {
      throw source.malformed(expected: ".npy version 1 to 3", found: "version \(version)")
    }
    let lengthBytes = try source.bytes(version == 1 ? 2 : 4, of: "the header's length")
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.longest else {
      throw source.malformed(
        expected: "an .npy header of at most \(Self.longest) bytes", found: "\(length)")
    }
    let text = try source.bytes(length, of: "an .npy header")
    var parser = PythonLiteralParser(text)
    guard let fields = parser.parseDictionary() else {
      throw source.malformed(
        expected: "a dictionary as .npy header", found: "'\(readable(text))'")
    }
    try self.init(fields: fields, source: source)
  }

  private init(
    fields: [String: PythonLiteral], source: any ByteSource
  ) throws(RuntimeError) {
    guard case .string(let code) = fields["descr"] else {
      throw source.malformed(expected: "one element type", found: "a structured or missing type")
    }
    let byteOrder = code.first ?? " "
    let knownOrders: [Character] = ["<", ">", "|", "="]
    guard let type = Self.codes[String(code.dropFirst())], knownOrders.contains(byteOrder) else {
      throw source.malformed(
        expected: "elements of type bool, u1, i4, i8, f2, f4 or f8", found: "'\(code.prefix(20))'")
    }
    guard case .boolean(let isFortranOrder) = fields["fortran_order"] else {
      throw source.malformed(expected: "fortran_order True or False", found: "something else")
    }
    guard case .tuple(let shape) = fields["shape"] else {
      throw source.malformed(expected: "a tuple of sizes as shape", found: "something else")
    }
    guard shape.count <= ArrayHeader.longestShape else {
      throw source.malformed(
        expected: "at most \(ArrayHeader.longestShape) dimensions", found: "\(shape.count)")
    }
    elementType = type
    isBigEndian = byteOrder == ">"
    self.isFortranOrder = isFortranOrder
    self.shape = shape
  }

  /// The header as bytes, padded so that the data after it is aligned to 64 bytes.
  var encoded: [UInt8] {
    let order = elementType.byteCount == 1 ? "|" : "<"
    let code = Self.codes.first { $0.value == elementType }?.key ?? ""
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    let tuple = shape.count == 1 ? sizes : String(sizes.dropLast())
    var text = "{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': (\(tuple)), }"
    // Version 1 holds up to 65,535 bytes, version 2 more; only absurd ranks need it.
    let isLong = text.utf8.count + 64 > 65_535
    let prefix = Self.magic.count + 2 + (isLong ? 4 : 2)
    let padding = 64 - (prefix + text.utf8.count + 1) % 64
    text += String(repeating: " ", count: padding % 64) + "\n"
    let length = text.utf8.count
    let lengthBytes = (0..<(isLong ? 4 : 2)).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    return Self.magic + [isLong ? 2 : 1, 0] + lengthBytes + Array(text.utf8)
  }
}

/// The printable part of some bytes, shortened, for a message.
private func readable(_ bytes: [UInt8]) -> String {
  let shown = bytes.prefix(60).map { (32..<127).contains($0) ? Character(Unicode.Scalar($0)) : "." }
  return String(shown) + (bytes.count > 60 ? "..." : "")
}

/// A value of the small part of Python's syntax that .npy headers use.
enum PythonLiteral: Equatable {
  case boolean(Bool)
  case string(String)
  case tuple([Int])
  /// Something well-formed that no header of a plain array holds, such as a list.
  case other
}

/// Parses a Python dictionary of strings, truth values and tuples of sizes.
struct PythonLiteralParser {
  private let text: [UInt8]
  private var position = 0

  /// A parser at the beginning of `text`.
  init(_ text: [UInt8]) {
    self.text = text
  }

  /// The dictionary that makes up the whole text, or nil.
  mutating func parseDictionary() -> [String: PythonLiteral]? {
    guard take("{") else {
      return nil
    }
    var fields: [String: PythonLiteral] = [:]
    while !take("}") {
      guard let key = parseString(), take(":"), let value = parseValue() else {
        return nil
      }
      fields[key] = value
      guard take(",") || peek() == UInt8(ascii: "}") else {
        return nil
      }
    }
    return peek() == nil ? fields : nil
  }

  private mutating func parseValue() -> PythonLiteral? {
    switch peek() {
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      return parseString().map { .string($0) }
    case UInt8(ascii: "("):
      return parseTuple().map { .tuple($0) }
    case UInt8(ascii: "["):
      return skipList() ? .other : nil
    default:
      if takeWord("True") {
        return .boolean(true)
      }
      return takeWord("False") ? .boolean(false) : nil
    }
  }

  private mutating func parseString() -> String? {
    guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      return nil
    }
    let start = position + 1
    guard let end = text[start...].firstIndex(of: quote) else {
      return nil
    }
    position = end + 1
    return String(validating: text[start..<end], as: UTF8.self)
  }

  private mutating func parseTuple() -> [Int]? {
    guard take("(") else {
      return nil
    }
    var values: [Int] = []
    while !take(")") {
      guard let value = parseSize(), take(",") || peek() == UInt8(ascii: ")") else {
        return nil
      }
      values.append(value)
    }
    return values
  }

  private mutating func parseSize() -> Int? {
    _ = peek()
    let digits = text[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    position += digits.count
    // Python 2 wrote large sizes as 10L.
    let value = Int(String(decoding: digits, as: UTF8.self))
    _ = takeWord("L")
    return value
  }

  /// Skips a list with everything inside it; brackets in strings do not occur in element types.
  private mutating func skipList() -> Bool {
    var depth = 0
    while let byte = peek() {
      position += 1
      depth += byte == UInt8(ascii: "[") ? 1 : byte == UInt8(ascii: "]") ? -1 : 0
      if depth == 0 {
        return true
      }
    }
    return false
  }

  /// The next byte that is not white space, without taking it.
  private mutating func peek() -> UInt8? {
    let blanks: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]
    while position < text.count, blanks.contains(text[position]) {
      position += 1
    }
    return position < text.count ? text[position] : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else {
      return false
    }
    position += 1
    return true
  }

  private mutating func takeWord(_ word: String) -> Bool {
    _ = peek()
    guard text[position...].starts(with: word.utf8) else {
      return false
    }
    position += word.utf8.count
    return true
  }
}
