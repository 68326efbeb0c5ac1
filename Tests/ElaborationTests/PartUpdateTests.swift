// SPDX-License-Identifier: Apache-2.0
//
// Assignments to parts of variables. Those to elements against NumPy 2: the table was printed by NumPy
// itself from the same statements.

import Interpreter
import TensorIR
import Testing

/// An assignment to elements, and what NumPy makes of the array.
private struct Write: CustomTestStringConvertible {
  let statement: String
  let elements: [Double]

  init(_ statement: String, _ elements: [Double]) {
    self.statement = statement
    self.elements = elements
  }

  var testDescription: String { statement }
}

/// `x = arange(24).reshape(2, 3, 4)`, `a = [1, 0]`, `b = [2, 0]`, `c = [[0], [1]]`, `e = [1, 1]`,
/// `d = 1` (no axes), `v = [-1, -2, -3, -4]`, `w = -10 - arange(12).reshape(3, 4)`.
private let definitions = """
  var x = reshape(float(iota(24)), [2, 3, 4])
  let a = 1 - iota(2)
  let b = 2 - 2 * iota(2)
  let c = reshape(iota(2), [2, 1])
  let e = 0 * iota(2) + 1
  let d = iota(2)[1]
  let v = -1 - float(iota(4))
  let w = -10 - reshape(float(iota(12)), [3, 4])
  """

private let writes = [
  Write(
    "x[1] = 9",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    ]),
  Write(
    "x[1, 2, 3] = v[0]",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, -1,
    ]),
  Write(
    "x[:, 1:] = 7",
    [
      0, 1, 2, 3, 7, 7, 7, 7, 7, 7, 7, 7, 12, 13, 14, 15, 7, 7, 7, 7, 7, 7, 7, 7,
    ]),
  Write(
    "x[0, :, 1::2] = w[:, :2]",
    [
      0, -10, 2, -11, 4, -14, 6, -15, 8, -18, 10, -19, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23,
    ]),
  Write(
    "x[..., -1] = w[:2, :3]",
    [
      0, 1, 2, -10, 4, 5, 6, -11, 8, 9, 10, -12, 12, 13, 14, -14, 16, 17, 18, -15, 20, 21, 22,
      -16,
    ]),
  Write(
    "x[1, 0] = v",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1, -2, -3, -4, 16, 17, 18, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[:, ::2, 1:3] = 5",
    [
      0, 5, 5, 3, 4, 5, 6, 7, 8, 5, 5, 11, 12, 5, 5, 15, 16, 17, 18, 19, 20, 5, 5, 23,
    ]),
  Write(
    "x[d] = w[0]",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -10, -11, -12, -13, -10, -11, -12, -13, -10, -11,
      -12, -13,
    ]),
  Write(
    "x[d, :, 2] = 3",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 3, 15, 16, 17, 3, 19, 20, 21, 3, 23,
    ]),
  Write(
    "x[:, d:d + 2] = w[:2]",
    [
      0, 1, 2, 3, -10, -11, -12, -13, -14, -15, -16, -17, 12, 13, 14, 15, -10, -11, -12, -13,
      -14, -15, -16, -17,
    ]),
  Write(
    "x[d, d:d + 2, ::3] = 4",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4, 17, 18, 4, 4, 21, 22, 4,
    ]),
  Write(
    "x[a] = 0",
    [
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]),
  Write(
    "x[:, b] = w[:2]",
    [
      -14, -15, -16, -17, 4, 5, 6, 7, -10, -11, -12, -13, -14, -15, -16, -17, 16, 17, 18, 19,
      -10, -11, -12, -13,
    ]),
  Write(
    "x[:, e] = w[1:]",
    [
      0, 1, 2, 3, -18, -19, -20, -21, 8, 9, 10, 11, 12, 13, 14, 15, -18, -19, -20, -21, 20, 21,
      22, 23,
    ]),
  Write(
    "x[a, b] = w[:2]",
    [
      -14, -15, -16, -17, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, -10, -11,
      -12, -13,
    ]),
  Write(
    "x[a, b, 1] = v[:2]",
    [
      0, -2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, -1, 22, 23,
    ]),
  Write(
    "x[a, :, b] = w[:2, :3]",
    [
      -14, 1, 2, 3, -15, 5, 6, 7, -16, 9, 10, 11, 12, 13, -10, 15, 16, 17, -11, 19, 20, 21, -12,
      23,
    ]),
  Write(
    "x[c, a, b] = w[:2, :2]",
    [
      -11, 1, 2, 3, 4, 5, -10, 7, 8, 9, 10, 11, -15, 13, 14, 15, 16, 17, -14, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[1, e, 1:3] = w[:2, :2]",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, -14, -15, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[e, e, e] = v[:2]",
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, -2, 18, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[:, a, b] = w[1:, 2:]",
    [
      -17, 1, 2, 3, 4, 5, -16, 7, 8, 9, 10, 11, -21, 13, 14, 15, 16, 17, -20, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[:] = x + 1",
    [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    ]),
  Write(
    "x[d - 1 : d + 1, 0] = v",
    [
      -1, -2, -3, -4, 4, 5, 6, 7, 8, 9, 10, 11, -1, -2, -3, -4, 16, 17, 18, 19, 20, 21, 22, 23,
    ]),
  Write(
    "x[:, d - 1 : d + 2 : 2] = 8",
    [
      8, 8, 8, 8, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 16, 17, 18, 19, 8, 8, 8, 8,
    ]),
]

@Suite("Assignments to parts")
struct PartUpdateTests {
  @Test("elements are written as NumPy writes them", arguments: writes)
  fileprivate func elements(_ write: Write) throws {
    let found = try evaluate(
      "x", shape: [2, 3, 4], statements: "\(definitions)\n\(write.statement)")
    #expect(found == write.elements)
  }

  @Test("of several writes to one place the last one counts, in either order")
  func lastWrite() throws {
    let statements = """
      var x = zeros([3])
      x[[2, 0, 2, 2, 0]] = [1, 2, 3, 4, 5]
      """
    #expect(try evaluate("x", shape: [3], statements: statements) == [5, 0, 4])
  }

  @Test("a value that is not written is not looked at, and one that is replaced is gone")
  func notANumber() throws {
    let statements = """
      let bad = log(0.0 * float(step) - [1, 1])
      var x = [float(step), bad[0], 3]
      x[1] = 7
      x[[0, 2]] = [bad[1], 1]
      x[0] = 5
      """
    #expect(try evaluate("x", shape: [3], statements: statements) == [5, 7, 1])
  }

  @Test("whole numbers are written, too")
  func wholeNumbers() throws {
    let statements = "var x = iota(4) x[1:3] = 10 * iota(2) x[0] = -3"
    #expect(try evaluate("float(x)", shape: [4], statements: statements) == [-3, 0, 10, 3])
  }

  @Test("a loop writes at its counter, and a later loop reads")
  func inLoops() throws {
    let statements = """
      var x = zeros([4, 2])
      for i in 4 { x[i] = [float(i), theta.value] x[i, 0] = x[i, 0] * 10 }
      var s = 0
      for (row, i) in (x, 4) { s = s + row[0] * row[1] * float(i) }
      """
    #expect(try evaluate("s", shape: [], statements: statements) == [280])
  }

  @Test("fields of trees, of trees in trees, and elements of either")
  func fields() throws {
    let statements = """
      var p = {a: [1, 2], q: {b: [3, 4], c: 5}}
      p.a = [2, 4]
      p.q.b[1] = 9
      p.q.c = 2
      for i in 2 { p.q.b[i] = p.q.b[i] + p.a[i] }
      """
    #expect(
      try evaluate("stack([p.a, p.q.b, p.q.c + [0, 0]])", shape: [3, 2], statements: statements)
        == [2, 4, 5, 13, 2, 2])
  }

  @Test("an optimiser may change some parameters and leave others, and a layer of a stacked group")
  func optimizer() throws {
    let outcome = elaborated(
      """
      spec test
      dim layers = 3, d = 2
      params theta { w: [d]  b: [d]  block[layers]: { v: [d] } }
      meta lr: []
      optimizer partial(rate) {
        state m: like theta
        update(g, theta, step) {
          m.w = 0.5 * m.w + g.w
          theta.w = theta.w - rate * m.w
          theta.block[0] = g.block[0]
          theta.block[1].v[0] = 7
        }
      }
      inner { minimize sum(theta.w * theta.b) + sum(theta.block) by partial(lr) for 2 }
      outer { minimize sum(theta.w) + sum(theta.block) }
      """)
    #expect(outcome.errors == "")
    let problem = try #require(outcome.problem)
    let values: [String: [Double]] = [
      "g.w": [1, 2], "theta.w": [10, 20], "g.b": [3, 3], "theta.b": [4, 5], "lr": [0.5],
      "g.block.v": [1, 2, 3, 4, 5, 6], "theta.block.v": [0, 0, 8, 9, 0, 0],
      "state.m.w": [2, 2], "state.m.b": [6, 6], "state.m.block.v": [1, 1, 1, 1, 1, 1],
      "step": [0],
    ]
    let inputs = try zip(problem.update.inputNames, problem.update.inputTypes).map {
      NumericArray($1, try #require(values[$0]))
    }
    let found = try Evaluator().evaluate(problem.update, inputs: inputs).map(\.elements)
    let expected: [[Double]] = [
      [9, 18.5], [4, 5], [1, 2, 7, 9, 0, 0], [2, 3], [6, 6], [1, 1, 1, 1, 1, 1],
    ]
    #expect(found == expected)
  }

  /// The statements, the id of the error, and a part of what it says.
  static let faults: [(statements: String, id: String, message: String)] = [
    ("let x = stack([1, 2]) x[0] = 1", "name.constant", "x cannot be assigned to"),
    ("var x = ones([2]) x[2] = 1", "shape.position", "position 2 is outside of an axis of size 2"),
    ("var x = ones([2]) x[0] = [1, 2]", "shape.mismatch", "elements [0] must be [], got [2]"),
    ("var x = ones([2]) x[:] = iota(2)", "type.mixed", "got [2] and i32 [2]"),
    ("var x = iota(2) x[0] = 0.5", "type.kind", "must be an array, got the number 0.5"),
    ("var x = 1 x.a = 2", "type.kind", "the left of '.a' must be a tree"),
    ("var p = {a: 1} p.b = 2", "name.field", "p has no field called b"),
    ("var p = {a: 1} p[0] = 2", "type.kind", "the left of '[' must be an array"),
    ("var x = ones([2]) x[iota(3)] = 0 minimize sum(x)", "shape.position", "iota(3) reaches 2"),
    ("var x = ones([2]) x[0, 0] = 0", "shape.subscripts", "2 subscripts are too many"),
    ("var x = ones([2]) x[1:1] = 0", "shape.range", "the range 1:1 is empty"),
    (
      "var x = zeros([3, 3]) x[iota(2), iota(3)] = 0", "shape.broadcast", "got [2] and [3]"
    ),
    ("nothing[0] = 1", "name.unknown", "there is nothing called nothing here"),
  ]

  @Test("mistakes are named with their place", arguments: faults)
  func errors(_ fault: (statements: String, id: String, message: String)) {
    let loss = fault.statements.contains("minimize") ? "" : "minimize theta.w * lr"
    let outcome = elaborated(
      """
      spec test
      params theta { w: [] }
      meta lr: []
      inner { \(fault.statements) \(loss) by sgd(0.1) for 1 }
      outer { minimize theta.w }
      """)
    #expect(outcome.errorIDs == [fault.id], "\(outcome.report)")
    #expect(outcome.errors.contains(fault.message), "\(outcome.errors)")
  }
}
