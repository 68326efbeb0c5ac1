// SPDX-License-Identifier: Apache-2.0
//
// Reads the text form of a graph back (`GraphText.swift`), so that a test or a bug report can start
// in the middle of the pipeline. It checks the grammar only; call `Graph.problems()` for the rest.
// `OpText.swift` reads the attributes of ops, `TokenReader.swift` the tokens.

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
    var tokens = TokenReader(text)
    try self.init(reading: &tokens)
    try tokens.expectEnd()
  }

  /// Reads the graph that stands next.
  init(reading tokens: inout TokenReader) throws {
    var parser = GraphParser(tokens: tokens)
    self = try parser.graph(keyword: "graph")
    tokens = parser.tokens
  }
}

/// A recursive-descent parser: one method for each construct.
private struct GraphParser {
  var tokens: TokenReader
  /// Regions around the place where the parser is, which it follows by recursion.
  private var depth = 0

  private static let greatestDepth = 100

  init(tokens: TokenReader) { self.tokens = tokens }

  mutating func graph(keyword: String) throws -> Graph {
    try tokens.expect(word: keyword)
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.greatestDepth else {
      throw tokens.failure("more than \(Self.greatestDepth) regions stand in each other here")
    }
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
