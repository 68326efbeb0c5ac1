// SPDX-License-Identifier: Apache-2.0
//
// Reads the text form of a graph back (`GraphText.swift`), so that a test or a bug report can start
// in the middle of the pipeline. It checks the grammar only; call `Graph.problems()` for the rest.
// Top down: the grammar of graphs, the attributes of ops as `OpText.swift` spells them, tokens.

/// A place in the text that is not a graph.
package struct GraphParseError: Error, Hashable, CustomStringConvertible {
  /// Counts from 1.
  package var line: Int
  package var message: String

  package var description: String { "line \(line): \(message)" }
}

extension Graph {
  /// Reads a graph that `text` printed.
  ///
  /// - Throws: `GraphParseError` with the line and what was expected there.
  /// - Cost: linear in the size of the text.
  package init(parsing text: String) throws {
    var parser = GraphParser(tokens: TokenReader(text))
    self = try parser.graph(keyword: "graph")
    try parser.tokens.expectEnd()
  }
}

/// A recursive-descent parser: one method for each construct.
private struct GraphParser {
  var tokens: TokenReader

  mutating func graph(keyword: String) throws -> Graph {
    try tokens.expect(word: keyword)
    var graph = Graph(name: try tokens.string())
    try tokens.expect("{")
    var types: [Int: TensorType] = [:]
    while !tokens.skip("}") {
      if tokens.skip(word: "input") {
        let value = try value()
        graph.inputs.append(value)
        graph.inputNames.append(try tokens.string())
        try tokens.expect(":")
        types[value.index] = try tokens.type()
      } else if tokens.skip(word: "output") {
        graph.outputNames.append(try tokens.string())
        graph.outputs.append(try value())
      } else {
        graph.nodes.append(try node(&types))
      }
    }
    graph.types = try (0..<types.count).map { index in
      guard let type = types[index] else { throw tokens.failure("%\(index) is not defined") }
      return type
    }
    return graph
  }

  private mutating func node(_ types: inout [Int: TensorType]) throws -> Node {
    let results = tokens.isAt("%") ? try values() : []
    let hasName = !tokens.isAt("=") && !tokens.isAt("@") && !tokens.isAt("(")
    let resultName = hasName ? try tokens.word() : ""
    let function = tokens.skip("@") ? try tokens.word() : ""
    let purpose = tokens.isAt("(") ? try purpose() : nil
    try tokens.expect("=")
    let name = try tokens.word()
    let attributes = try OpAttributes(opName: name, reading: &tokens)
    let operands = tokens.isAt("%") ? try values() : []
    try tokens.expect(":")
    for (position, result) in results.enumerated() {
      if position > 0 { try tokens.expect(",") }
      types[result.index] = try tokens.type()
    }
    var provenance = tokens.provenance()
    (provenance.name, provenance.function) = (resultName, function)
    provenance.purpose = purpose
    let region = tokens.isAt(word: "body") ? try graph(keyword: "body") : nil
    guard let op = attributes.op(region: region) else {
      throw tokens.failure("'\(name)' and its body do not belong together")
    }
    return Node(op: op, operands: operands, results: results, provenance: provenance)
  }

  private mutating func purpose() throws -> Purpose {
    try tokens.expect("(")
    let name = try tokens.word()
    guard let purpose = Purpose(rawValue: name) else {
      throw tokens.failure("there is no purpose '\(name)'")
    }
    try tokens.expect(")")
    return purpose
  }

  private mutating func values() throws -> [ValueID] {
    var values = [try value()]
    while tokens.skip(",") { values.append(try value()) }
    return values
  }

  private mutating func value() throws -> ValueID {
    try tokens.expect("%")
    return ValueID(index: try tokens.integer())
  }
}

// MARK: - Ops

/// An op as far as its own line tells: one with a region is complete only when the body below its
/// line has been read.
private enum OpAttributes {
  case complete(Op)
  /// A loop without its body.
  case loop(Loop)
  /// A gradient without its function.
  case gradient(wrt: [Int])

  /// The op, with its region where it needs one; `nil` if there is one too many or too few.
  func op(region: Graph?) -> Op? {
    switch (self, region) {
    case (.complete(let op), nil): return op
    case (.loop(var loop), let body?):
      loop.body = body
      return .loop(loop)
    case (.gradient(let wrt), let function?):
      return .gradient(GradientOp(function: function, wrt: wrt))
    case (.complete, .some), (.loop, nil), (.gradient, nil): return nil
    }
  }

  /// Reads `{...}` after the name of an op, if the op has attributes.
  init(opName name: String, reading tokens: inout TokenReader) throws {
    if let op = plainOps[name] {
      self = .complete(op)
      return
    }
    try tokens.expect("{")
    self = try OpAttributes.read(name, &tokens)
    try tokens.expect("}")
  }

  private static func read(_ name: String, _ tokens: inout TokenReader) throws -> OpAttributes {
    switch name {
    case "convert":
      return .complete(.convert(try tokens.dtype()))
    case "constant":
      return .complete(.constant(try tokens.number(), try tokens.type()))
    case "iota":
      let axis = try tokens.integer(after: "axis")
      return .complete(.iota(axis: axis, shape: try tokens.integers(after: "shape")))
    case "broadcast":
      let shape = try tokens.integers(after: "shape")
      return .complete(.broadcast(shape: shape, axes: try tokens.integers(after: "axes")))
    case "reshape":
      return .complete(.reshape(try tokens.integers(after: "shape")))
    case "transpose":
      return .complete(.transpose(try tokens.integers(after: "permutation")))
    case "slice":
      let starts = try tokens.integers(after: "starts")
      return .complete(.slice(starts: starts, shape: try tokens.integers(after: "shape")))
    case "pad":
      let low = try tokens.integers(after: "low")
      return .complete(.pad(low: low, high: try tokens.integers(after: "high")))
    case "concatenate":
      return .complete(.concatenate(axis: try tokens.integer(after: "axis")))
    case "contract":
      let lhs = try tokens.integers()
      let rhs = try tokens.integers()
      let output = try tokens.integers(after: "to")
      return .complete(.contract(ContractionLabels(lhs: lhs, rhs: rhs, output: output)))
    case "check_positions":
      let limit = try tokens.integer(after: "below")
      try tokens.expect(word: "subject")
      let subject = try tokens.string()
      try tokens.expect(word: "purpose")
      return .complete(
        .checkPositions(
          PositionBound(limit: limit, subject: subject, purpose: try tokens.string())))
    case "scatter_add":
      return .complete(.scatterAdd(rows: try tokens.integer(after: "rows")))
    case "loop":
      return .loop(try loop(&tokens))
    case "gradient":
      return .gradient(wrt: try tokens.integers(after: "wrt"))
    default:
      for order in DerivativeOrder.allCases
      where name == StructuredOp(.attention(isCausal: false, scale: 1), order).name {
        try tokens.expect(word: "causal")
        let isCausal = try tokens.word() == "true"
        try tokens.expect(word: "scale")
        let scale = try tokens.number()
        return .complete(
          .structured(StructuredOp(.attention(isCausal: isCausal, scale: scale), order)))
      }
      for reduction in Reduction.allCases where name == "reduce_\(reduction.rawValue)" {
        return .complete(.reduce(reduction, axes: try tokens.integers(after: "axes")))
      }
      throw tokens.failure("there is no op '\(name)'")
    }
  }

  private static func loop(_ tokens: inout TokenReader) throws -> Loop {
    let role = LoopRole(parsing: try tokens.string())
    let trips = try tokens.integer(after: "trips")
    let carries = try tokens.integer(after: "carries")
    let stacked = try tokens.integer(after: "stacked")
    let isReversed = tokens.skip(word: "reversed")
    let isLimited = tokens.skip(word: "limited")
    try tokens.expect(word: "save")
    let policyName = try tokens.word()
    guard let policy = SavePolicy(rawValue: policyName) else {
      throw tokens.failure("there is no save policy '\(policyName)'")
    }
    return Loop(
      role: role, tripCount: trips, carryCount: carries, stackedInputCount: stacked,
      isReversed: isReversed, isLimited: isLimited, savePolicy: policy, body: Graph(name: ""))
  }
}

/// The ops without attributes, by name.
private let plainOps: [String: Op] = {
  let unary = UnaryFunction.allCases.map(Op.unary)
  let binary = BinaryFunction.allCases.map(Op.binary)
  let compare = Comparison.allCases.map(Op.compare)
  let losses = DerivativeOrder.allCases.map { Op.structured(StructuredOp(.linearCrossEntropy, $0)) }
  let ops = unary + binary + compare + losses + [.select, .stopGradient, .gather]
  return Dictionary(uniqueKeysWithValues: ops.map { ($0.name, $0) })
}()

// MARK: - Tokens

/// Reads tokens one after another: words and numbers (any run of letters, digits and `._+-`),
/// quoted strings, punctuation characters, and the provenance comment at the end of a line.
private struct TokenReader {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  init(_ text: String) { bytes = Array(text.utf8) }

  /// An error at the current line.
  func failure(_ message: String) -> GraphParseError {
    GraphParseError(line: line, message: message)
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
