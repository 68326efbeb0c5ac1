// SPDX-License-Identifier: Apache-2.0
//
// The tokens of a graph's text, for `GraphParser.swift` and `OpText.swift`.

/// Reads tokens one after another: words and numbers (any run of letters, digits and `._+-`),
/// quoted strings, punctuation characters, and the provenance comment at the end of a line.
struct TokenReader {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  init(_ text: String) { bytes = Array(text.utf8) }

  /// An error at the current line.
  func failure(_ message: String) -> GraphParseError {
    GraphParseError(line: line, message: message)
  }

  /// The reader before the next token.
  var skippingBlanks: TokenReader {
    var ahead = self
    ahead.skipBlanks()
    return ahead
  }

  // MARK: Looking ahead and skipping

  mutating func isAt(_ punctuation: Unicode.Scalar) -> Bool {
    skipBlanks()
    return position < bytes.count && bytes[position] == UInt8(ascii: punctuation)
  }

  mutating func skip(_ punctuation: Unicode.Scalar) -> Bool {
    guard isAt(punctuation) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ punctuation: Unicode.Scalar) throws {
    if !skip(punctuation) { throw failure("expected '\(punctuation)', found \(next)") }
  }

  mutating func isAt(word: String) -> Bool {
    var ahead = self
    return ahead.skip(word: word)
  }

  mutating func skip(word: String) -> Bool {
    skipBlanks()
    let end = endOfWord
    guard bytes[position..<end].elementsEqual(word.utf8) else { return false }
    position = end
    return true
  }

  mutating func expect(word: String) throws {
    if !skip(word: word) { throw failure("expected '\(word)', found \(next)") }
  }

  mutating func expectEnd() throws {
    skipBlanks()
    if position < bytes.count { throw failure("expected the end, found \(next)") }
  }

  // MARK: Tokens

  mutating func word() throws -> String {
    skipBlanks()
    let end = endOfWord
    guard end > position else { throw failure("expected a word, found \(next)") }
    defer { position = end }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  mutating func integer() throws -> Int {
    let text = try word()
    guard let number = Int(text) else { throw failure("expected an integer, found '\(text)'") }
    return number
  }

  mutating func number() throws -> Double {
    let text = try word()
    guard let number = Double(text) else { throw failure("expected a number, found '\(text)'") }
    return number
  }

  /// A name in double quotes; a backslash stands before a quote, a backslash and the `n` of a
  /// line break.
  mutating func string() throws -> String {
    try expect("\"")
    var content: [UInt8] = []
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      content.append(unescapedByte())
    }
    try expect("\"")
    return String(decoding: content, as: UTF8.self)
  }

  mutating func integer(after word: String) throws -> Int {
    try expect(word: word)
    return try integer()
  }

  /// `[1, 2, 3]`.
  mutating func integers() throws -> [Int] {
    try expect("[")
    var numbers: [Int] = []
    while !skip("]") {
      if !numbers.isEmpty { try expect(",") }
      numbers.append(try integer())
    }
    return numbers
  }

  mutating func integers(after word: String) throws -> [Int] {
    try expect(word: word)
    return try integers()
  }

  mutating func dtype() throws -> DType {
    let text = try word()
    guard let dtype = DType(rawValue: text) else {
      throw failure("there is no element type '\(text)'")
    }
    return dtype
  }

  /// `f32[10, 40]`.
  mutating func type() throws -> TensorType {
    let dtype = try dtype()
    return TensorType(try integers(), dtype)
  }

  /// The comment at the end of this line; an empty provenance if there is none.
  mutating func provenance() -> Provenance {
    while position < bytes.count, bytes[position] == UInt8(ascii: " ") { position += 1 }
    guard position + 3 <= bytes.count, bytes[position..<(position + 3)].elementsEqual("// ".utf8)
    else { return Provenance() }
    position += 3
    var parts: [[UInt8]] = [[]]
    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") {
      if bytes[position] == UInt8(ascii: ",") {
        position = min(position + 2, bytes.count)  // The comma and the blank after it.
        parts.append([])
      } else {
        parts[parts.count - 1].append(unescapedByte())
      }
    }
    let texts = parts.map { String(decoding: $0, as: UTF8.self) }
    return Provenance(location: texts[0] == "-" ? "" : texts[0], rules: Array(texts.dropFirst()))
  }

  // MARK: Characters

  /// Takes one byte, or two if the first is a backslash.
  private mutating func unescapedByte() -> UInt8 {
    let isEscape = bytes[position] == UInt8(ascii: "\\") && position + 1 < bytes.count
    if isEscape { position += 1 }
    defer { position += 1 }
    let isLineBreak = isEscape && bytes[position] == UInt8(ascii: "n")
    return isLineBreak ? UInt8(ascii: "\n") : bytes[position]
  }

  private mutating func skipBlanks() {
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "\n") {
        line += 1
      } else if bytes[position] != UInt8(ascii: " ") {
        return
      }
      position += 1
    }
  }

  private var endOfWord: Int {
    var end = position
    while end < bytes.count, isWordByte(bytes[end]) { end += 1 }
    return end
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "+"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// What stands here, for messages.
  private var next: String {
    guard position < bytes.count else { return "the end" }
    let end = max(endOfWord, position + 1)
    return "'\(String(decoding: bytes[position..<end], as: UTF8.self))'"
  }
}
