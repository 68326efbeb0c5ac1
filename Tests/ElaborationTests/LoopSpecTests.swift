// SPDX-License-Identifier: Apache-2.0
//
// What loops go through, in which order, and what they collect; ranges that move; diagonals.

import TensorIR
import Testing

@Suite("Loops and ranges")
struct LoopSpecTests {
  @Test(
    "ranges are half-open, as in subscripts, and reversed goes from the last to the first",
    arguments: [
      ("1 : 4", [1, 2, 3]), ("0 : 7 : 3", [0, 3, 6]), ("1 : 7 : 3", [1, 4]),
      ("-2 : 1", [-2, -1, 0]),
      ("reversed(1 : 4)", [3, 2, 1]), ("reversed(0 : 7 : 3)", [6, 3, 0]),
      ("reversed(3)", [2, 1, 0]),
      ("two : three * two div two + 1", [2, 3]), ("(1 : 3)", [1, 2]), ("3", [0, 1, 2]),
    ] as [(String, [Double])])
  func ranges(sequence: String, numbers: [Double]) throws {
    let statements = "var s = zeros([]) for i in \(sequence) { s = 10 * s + float(i) }"
    let expected = numbers.reduce(0) { 10 * $0 + $1 }
    #expect(try evaluate("s", shape: [], statements: statements) == [expected])
  }

  @Test("a range without numbers is no iteration, unless its end is before its start")
  func emptyRange() throws {
    let statements = "var s = theta.value for i in two : 2 { s = s + 1 }"
    #expect(try evaluate("s", shape: [], statements: statements) == [2])
  }

  @Test("arrays, ranges and counters go in step, forwards and backwards")
  func inStep() throws {
    for (head, expected) in [
      ("(x, i, k) in (v, 1 : 4, 3)", [510.0, 621, 732]),
      ("(x, i, k) in reversed(v, 1 : 4, 3)", [732, 621, 510]),
    ] {
      let statements = """
        let v = stack([5, 6, 7])
        var s = zeros([3])
        for \(head) { s = concatenate([s[1:], expand(100 * x + 10 * float(i) + float(k), 0)]) }
        """
      #expect(try evaluate("s", shape: [3], statements: statements) == expected)
    }
  }

  @Test("a loop collects what its iterations yield, each at its own place in either direction")
  func collected() throws {
    for (direction, expected) in [("", [1.0, 3, 6]), ("reversed", [6, 5, 3])] {
      let statements = """
        var s = zeros([])
        let sums = for x in \(direction)(stack([1, 2, 3])) { s = s + x yield s }
        """
      #expect(try evaluate("sums", shape: [3], statements: statements) == expected)
      #expect(try evaluate("s + 0 * sums[0]", shape: [], statements: statements) == [6])
    }
  }

  @Test("loops collect anywhere in expressions, without carries and inside of each other")
  func nested() throws {
    #expect(
      try evaluate("sum(for i in 4 { yield float(i) * theta.value })", shape: []) == [12])
    #expect(
      try evaluate(
        "for i in 2 { yield for j in 3 { yield float(10 * i + j) } }", shape: [2, 3])
        == [0, 1, 2, 10, 11, 12])
    let statements = """
      var total = zeros([])
      for i in 3 {
        let parts = for j in 2 { total = total + 1 yield total * float(i + j) }
        total = total + sum(parts)
      }
      """
    // total: 0 -> 1, 2; + (0 + 2) = 4 -> 5, 6; + (5 + 12) = 23 -> 24, 25; + (48 + 75) = 148
    #expect(try evaluate("total", shape: [], statements: statements) == [148])
    let function = "func last(x) { return (for row in x { yield sum(row) })[-1] }"
    #expect(
      try evaluate("last([[1, 2], [3, 4]])", shape: [], declarations: function) == [7])
    #expect(try evaluate("for x in [2, 4] { yield x / 2 }", shape: [2]) == [1, 2])
  }

  @Test("trees and tuples are collected part by part, and a collected tree is stacked")
  func structures() throws {
    let statements = """
      let (a, b) = for i in 3 { yield (i, [float(i), 1]) }
      let layers = for i in 3 { yield {w: float(i) * [1, 2], q: {b: float(2 * step)}} }
      var s = zeros([2])
      for (p, k) in (layers, a) { s = s + p.w * p.q.b + float(k) }
      let middle = layers[1]
      """
    #expect(try evaluate("b[:, 0] + float(a)", shape: [3], statements: statements) == [0, 2, 4])
    #expect(try evaluate("s", shape: [2], statements: statements) == [9, 15])
    #expect(
      try evaluate("middle.w + layers.q.b[1:]", shape: [2], statements: statements) == [3, 4])
  }

  @Test("a loop over nothing but functions' results stays one loop of the IR")
  func oneLoop() throws {
    let outcome = elaborated(
      """
      spec test
      dim n = 50
      params theta { w: [n] }
      meta lr: []
      inner {
        var h = lr
        let hs = for w in reversed(theta.w) { h = tanh(h * w) yield h }
        minimize sum(hs) by sgd(0.1) for 2
      }
      outer { minimize sum(theta.w) }
      """)
    #expect(outcome.report == "")
    let loops = try #require(outcome.problem).innerLoss.nodes.compactMap { node in
      if case .loop(let loop) = node.op { loop } else { nil }
    }
    #expect(loops.map(\.tripCount) == [50])
    #expect(loops.map(\.isReversed) == [true])
    #expect(loops.map(\.carryCount) == [1])
    #expect(loops.map(\.stackedOutputCount) == [1])
  }

  @Test(
    "a range moves with its computed start, and its length is the difference of its ends",
    arguments: [
      ("z[i : i + 3]", [1, 2, 3]), ("z[i + 1 : 4 + i]", [2, 3, 4]),
      ("z[2 * i : (i + 2) * 2]", [2, 3, 4, 5]), ("z[i : i + two * three : two]", [1, 3, 5]),
      ("z[two - i : -i + three]", [1]), ("reshape(z, [2, 4])[:, i : i + 2][0]", [1, 2]),
      ("z[int(2.0 * float(step)) : int(2.0 * float(step)) + 2]", [2, 3]),
    ] as [(String, [Double])])
  func movingRanges(expression: String, expected: [Double]) throws {
    let statements = "let z = float(iota(8)) let i = iota(two)[1]"
    #expect(
      try evaluate(expression, shape: [expected.count], statements: statements) == expected)
  }

  @Test("a letter twice in an operand of einsum takes the diagonal")
  func diagonals() throws {
    let definitions =
      "let m = [[1, 2, 3], [4, 5, 6], [7, 8, 9]] let t = reshape(float(iota(8)), [2, 2, 2])"
    for (expression, shape, elements) in [
      ("einsum(\"ii->i\", m)", [3], [1, 5, 9]), ("einsum(\"ii->\", m)", [], [15]),
      ("einsum(\"iji->ij\", t)", [2, 2], [0, 2, 5, 7]), ("einsum(\"iii->i\", t)", [2], [0, 7]),
      ("einsum(\"ijj->ji\", t)", [2, 2], [0, 4, 3, 7]),
      ("einsum(\"ii,ij->j\", m, m)", [3], [1 + 20 + 63, 2 + 25 + 72, 3 + 30 + 81]),
      ("einsum(\"ii->i\", [[float(step)]])", [1], [1]),
    ] as [(String, [Int], [Double])] {
      #expect(
        try evaluate(expression, shape: shape, statements: definitions) == elements, "\(expression)"
      )
    }
  }

  /// The statements, the id of the error, and a part of what it says.
  static let faults: [(statements: String, id: String, message: String)] = [
    ("for i in 3 { yield i }", "loop.value", "write 'let ys = for ...'"),
    ("let y = for i in 3 { let a = i }", "syntax.expected", "expected 'yield'"),
    ("let y = for i in 2 : 2 { yield i }", "loop.empty", "it collects nothing"),
    ("let y = for i in 3 : 2 { yield i }", "shape.range", "the range 3:2 is empty"),
    ("let y = for i in 3 : 0 : -1 { yield i }", "type.kind", "reversed(...) goes backwards"),
    ("let y = for i in 3 { yield i < 2 }", "type.kind", "float(...) converts"),
    ("let y = for i in 3 { yield nothing }", "name.unknown", "nothing called nothing"),
    ("let y = for (i, x) in (1 : 3, x) { yield x }", "loop.lengths", "2 and 4"),
    ("let y = for (i, x) in (1 : 3, x, x) { yield x }", "type.tuple", "expected a tuple of 2"),
    ("let y = for i in iota(2)[0] : 3 { yield i }", "type.whole", "the start of a range"),
    ("let i = iota(2)[1] let y = x[i : 3]", "type.whole", "write i : i + k"),
    ("let i = iota(2)[1] let y = x[i :]", "type.whole", "got no end"),
    ("let i = iota(2)[1] let y = x[i : i]", "shape.range", "is empty"),
    (
      "let i = iota(2)[1] let y = x[i : i + 4] minimize sum(y)", "shape.position",
      "i : i + 4 reaches 4"
    ),
    ("let y = einsum(\"ii->i\", zeros([2, 3]))", "shape.einsum", "the axis i has sizes 2 and 3"),
    ("let y = einsum(\"i->ii\", x)", "shape.einsum", "stands twice in the output"),
  ]

  @Test("mistakes are named with their place", arguments: faults)
  func errors(_ fault: (statements: String, id: String, message: String)) {
    let loss = fault.statements.contains("minimize") ? "" : "minimize theta.w * lr"
    let outcome = elaborated(
      """
      spec test
      params theta { w: [] }
      meta lr: []
      inner(x: [4]) { \(fault.statements) \(loss) by sgd(0.1) for 1 }
      outer { minimize theta.w }
      """)
    #expect(outcome.errorIDs == [fault.id], "\(outcome.report)")
    #expect(outcome.errors.contains(fault.message), "\(outcome.errors)")
  }
}
