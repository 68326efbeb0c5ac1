// SPDX-License-Identifier: Apache-2.0
//
// Reads the text form of a problem (`ProblemText.swift`) and checks all that later stages rely on: any
// bytes give a problem or an error with a line, never a crash. `ProblemChecks.swift` says what must
// hold between the header and the graphs.

import MixFuseShared

/// A problem as a file has it.
package struct ProblemFile: Hashable, Sendable {
  package var problem: MetaProblem
  /// The name of the file that the problem was written in at first: a spec, a Python file.
  package var source: String

  /// Whether a text claims to be a problem's, by its first word.
  package static func isProblem(_ bytes: some Sequence<UInt8>) -> Bool {
    bytes.starts(with: MetaProblem.textMark.utf8)
  }

  init(problem: MetaProblem, source: String) {
    self.problem = problem
    self.source = source
  }

  /// Reads the text of a problem.
  ///
  /// - Parameter dtype: the float type to build for in place of the one the problem is written with.
  /// - Throws: `GraphParseError` with the line and what was expected there.
  /// - Cost: linear in the size of the text.
  package init(parsing text: String, dtype: DType? = nil) throws {
    var parser = ProblemParser(tokens: TokenReader(text))
    self = try parser.file(builtFor: dtype)
  }

  /// The float type that a problem is written with.
  ///
  /// - Throws: `GraphParseError` if the header does not say.
  package static func dtype(of text: String) throws -> DType {
    var parser = ProblemParser(tokens: TokenReader(text))
    return try parser.opening().dtype
  }
}

private struct ProblemParser {
  var tokens: TokenReader
  /// Where the lines of arrays are, by their names, for faults of the header as a whole.
  private var places: [String: TokenReader] = [:]

  init(tokens: TokenReader) { self.tokens = tokens }

  struct Opening {
    let name: String
    let dtype: DType
    let seed: Int
    let steps: Int
    let tasks: Int?
  }

  /// The first two lines.
  mutating func opening() throws -> Opening {
    try tokens.expect(word: MetaProblem.textMark)
    let version = try tokens.integer()
    guard version == MetaProblem.textVersion else {
      throw tokens.failure(
        "this is version \(version) of the format, but this compiler reads version "
          + "\(MetaProblem.textVersion)")
    }
    try tokens.expect(word: "problem")
    let name = try identifier()
    let dtype = try tokens.dtype()
    guard dtype.isFloat else {
      throw tokens.failure("a problem is written with f32 or f64, not with \(dtype.rawValue)")
    }
    return Opening(
      name: name, dtype: dtype, seed: try count(after: "seed", from: 0),
      steps: try count(after: "steps"),
      tasks: tokens.isAt(word: "tasks") ? try count(after: "tasks") : nil)
  }

  mutating func file(builtFor dtype: DType?) throws -> ProblemFile {
    let opening = try opening()
    let start = tokens
    try tokens.expect(word: "source")
    let source = try plainString()
    var dims: [(name: String, value: Int)] = []
    while tokens.skip(word: "dim") { dims.append((try identifier(), try count())) }
    var theta: [Leaf] = []
    while tokens.skip(word: "theta") { theta.append(try leaf()) }
    let initial = try initialParameters()
    var meta: [Leaf] = []
    var gradientNames: [String] = []
    while tokens.skip(word: "meta") {
      meta.append(try leaf())
      try tokens.expect(word: "gives")
      gradientNames.append(try dottedName())
    }
    let innerData = try data("inner")
    let outerData = try data("outer")
    var state: [Leaf] = []
    while tokens.skip(word: "state") { state.append(try leaf()) }
    let reads = try reads()
    let blank = Graph(name: "")
    var problem = MetaProblem(
      name: opening.name, dtype: opening.dtype, dims: dims, seed: opening.seed,
      steps: opening.steps, tasks: opening.tasks, theta: theta, initialParameters: initial,
      meta: meta, gradientNames: gradientNames, innerData: innerData, outerData: outerData,
      state: state, innerLoss: blank, initialState: blank, update: blank, outerLoss: blank)
    problem.readsStep = reads.step
    problem.readsTrajectory = reads.trajectory
    if let fault = problem.headerFault {
      throw (places[fault.name] ?? start).failure(fault.message)
    }
    try readGraphs(into: &problem)
    if let dtype, dtype != problem.dtype { problem.rewrite(to: dtype) }
    return ProblemFile(problem: problem, source: source)
  }

  /// The four graphs, each checked where it ends.
  private mutating func readGraphs(into problem: inout MetaProblem) throws {
    for part in MetaProblem.Part.allCases {
      // What is wrong with a graph as a whole is said of its first line.
      let start = tokens.skippingBlanks
      let graph = try Graph(reading: &tokens)
      guard graph.name == part.rawValue else {
        throw start.failure("expected the graph \"\(part.rawValue)\", found \"\(graph.name)\"")
      }
      let fault = graph.sizeFault ?? graph.textFault ?? graph.problems().first
      if let fault = fault ?? problem.fault(of: graph, as: part) { throw start.failure(fault) }
      problem[keyPath: part.path] = graph
    }
    try tokens.expectEnd()
  }

  private mutating func initialParameters() throws -> InitialParameters {
    try tokens.expect(word: "initial")
    if tokens.skip(word: "input") { return .input }
    return .meta(firstIndex: try count(after: "meta", from: 0))
  }

  private mutating func reads() throws -> (step: Bool, trajectory: Bool) {
    var reads = (step: false, trajectory: false)
    while tokens.skip(word: "reads") {
      if !reads.step, !reads.trajectory, tokens.skip(word: "step") {
        reads.step = true
      } else {
        try tokens.expect(word: "trajectory")
        guard !reads.trajectory else {
          throw tokens.failure("'reads trajectory' stands here twice")
        }
        reads.trajectory = true
      }
    }
    return reads
  }

  // MARK: Leaves

  private mutating func data(_ keyword: String) throws -> [DataLeaf] {
    var data: [DataLeaf] = []
    while tokens.skip(word: keyword) {
      let leaf = try leaf()
      let isStreamed = tokens.skip(word: "streamed")
      data.append(
        DataLeaf(leaf: leaf, isStreamed: isStreamed, isBatched: tokens.skip(word: "batched")))
    }
    return data
  }

  private mutating func leaf() throws -> Leaf {
    let name = try dottedName()
    places[name] = tokens
    try tokens.expect(":")
    let type = try tokens.type()
    guard type.isReasonable else {
      throw tokens.failure("\(type) is no type of an array: sizes count from 1")
    }
    try tokens.expect("~")
    return Leaf(name: name, type: type, initializer: try initializer())
  }

  private mutating func initializer() throws -> Initializer {
    let name = try tokens.word()
    guard let kind = Initializer.Kind(rawValue: name) else {
      throw tokens.failure("there is no initialiser '\(name)'")
    }
    var numbers: [Double] = []
    if tokens.skip("(") {
      repeat { numbers.append(try tokens.number()) } while tokens.skip(",")
      try tokens.expect(")")
    }
    guard let initializer = Initializer(kind, numbers), numbers.allSatisfy(\.isFinite) else {
      throw tokens.failure("'\(name)' takes \(kind.parameterCount) finite numbers")
    }
    return initializer
  }

  // MARK: Words

  private mutating func count(after word: String? = nil, from least: Int = 1) throws -> Int {
    if let word { try tokens.expect(word: word) }
    let number = try tokens.integer()
    guard number >= least, number <= Int(Int32.max) else {
      throw tokens.failure("expected a number from \(least) to \(Int32.max), found \(number)")
    }
    return number
  }

  private mutating func identifier() throws -> String {
    let name = try tokens.string()
    guard name.isIdentifier else {
      throw tokens.failure("expected a name of letters, digits and _, found \(quoted(name))")
    }
    return name
  }

  private mutating func dottedName() throws -> String {
    let name = try tokens.string()
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy(\.isIdentifier) else {
      throw tokens.failure("expected names of letters, digits and _, found \(quoted(name))")
    }
    return name
  }

  private mutating func plainString() throws -> String {
    let text = try tokens.string()
    guard text.isPlain else { throw tokens.failure("expected a name without control characters") }
    return text
  }
}

extension StringProtocol {
  /// A letter or an underscore, then letters, digits and underscores, all ASCII.
  fileprivate var isIdentifier: Bool {
    guard let first = utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first) else {
      return false
    }
    return utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}
