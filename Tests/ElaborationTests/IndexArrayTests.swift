// SPDX-License-Identifier: Apache-2.0
//
// Index arrays in subscripts against NumPy 2: the table was printed by NumPy itself from the same
// expressions. And what is said about positions and labels that are out of range in every run.

import Diagnostics
import Interpreter
import TensorIR
import Testing

/// A subscript, and the shape and elements that NumPy gives for it.
private struct Pattern: CustomTestStringConvertible {
  let expression: String
  let shape: [Int]
  let elements: [Double]

  init(_ expression: String, _ shape: [Int], _ elements: [Double]) {
    self.expression = expression
    self.shape = shape
    self.elements = elements
  }

  var testDescription: String { expression }
}

/// `x = arange(24).reshape(2, 3, 4)`, `a = [1, 0]`, `b = [2, 0]`, `c = [[0], [1]]`, `d = 1` (no axes).
private let definitions = """
  let x = reshape(float(iota(24)), [2, 3, 4])
  let a = 1 - iota(2)
  let b = 2 - 2 * iota(2)
  let c = reshape(iota(2), [2, 1])
  let d = iota(2)[1]
  """

private let patterns = [
  Pattern(
    "x[a]", [2, 3, 4],
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
  Pattern("x[:, b]", [2, 2, 4], [8, 9, 10, 11, 0, 1, 2, 3, 20, 21, 22, 23, 12, 13, 14, 15]),
  Pattern("x[..., b]", [2, 3, 2], [2, 0, 6, 4, 10, 8, 14, 12, 18, 16, 22, 20]),
  Pattern("x[a, b]", [2, 4], [20, 21, 22, 23, 0, 1, 2, 3]),
  Pattern("x[a, :, b]", [2, 3], [14, 18, 22, 0, 4, 8]),
  Pattern("x[:, a, b]", [2, 2], [6, 0, 18, 12]),
  Pattern("x[a, b, 1]", [2], [21, 1]),
  Pattern("x[a, 1, b]", [2], [18, 4]),
  Pattern("x[0, :, b]", [2, 3], [2, 6, 10, 0, 4, 8]),
  Pattern("x[:, 0, b]", [2, 2], [2, 0, 14, 12]),
  Pattern("x[0, b]", [2, 4], [8, 9, 10, 11, 0, 1, 2, 3]),
  Pattern("x[a, c]", [2, 2, 4], [12, 13, 14, 15, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7]),
  Pattern("x[c, :, 1:3]", [2, 1, 3, 2], [1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22]),
  Pattern("x[c, a, b]", [2, 2], [6, 0, 18, 12]),
  Pattern("x[:, c, b]", [2, 2, 2], [2, 0, 6, 4, 14, 12, 18, 16]),
  Pattern("x[a, ..., b]", [2, 3], [14, 18, 22, 0, 4, 8]),
  Pattern("x[:, b, ..., b]", [2, 2], [10, 22, 0, 12]),
  Pattern("x[a, ..., b, 0]", [2], [20, 0]),
  Pattern("x[d]", [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]),
  Pattern("x[d, :, b]", [2, 3], [14, 18, 22, 12, 16, 20]),
  Pattern("x[:, d, b]", [2, 2], [6, 4, 18, 16]),
  Pattern("x[d, b, d]", [2], [21, 13]),
  Pattern("x[d, :, d]", [3], [13, 17, 21]),
  Pattern("x[a, -1]", [2, 4], [20, 21, 22, 23, 8, 9, 10, 11]),
  Pattern("x[a, 1:, 1]", [2, 2], [17, 21, 5, 9]),
  Pattern("x[..., c, 1]", [2, 2, 1], [1, 5, 13, 17]),
  Pattern("x[[1, 0], [2, -1]]", [2, 4], [20, 21, 22, 23, 8, 9, 10, 11]),
  Pattern("x[[-1], :, c]", [2, 1, 3], [12, 16, 20, 13, 17, 21]),
  Pattern("x[1:, a, 2]", [1, 2], [18, 14]),
  Pattern("x[:, 1:, b][0, a, c]", [2, 2], [10, 6, 8, 4]),
  Pattern("x[(b - 1)[[0, 0]], 1]", [2, 4], [16, 17, 18, 19, 16, 17, 18, 19]),
  Pattern("x[::1, a, ::2]", [2, 2, 2], [4, 6, 0, 2, 16, 18, 12, 14]),
  Pattern("x[c, -1, d]", [2, 1], [9, 21]),
  Pattern("x[0, ::-1, 1]", [3], [9, 5, 1]),
  Pattern("x[1, 2, ::-2]", [2], [23, 21]),
  Pattern("x[1, 0, 2:0:-1]", [2], [14, 13]),
  Pattern("x[1, 0, :1:-1]", [2], [15, 14]),
  Pattern("x[1, 0, -2::-2]", [2], [14, 12]),
  Pattern("x[a, 0, ::-1]", [2, 4], [15, 14, 13, 12, 3, 2, 1, 0]),
]

/// A spec with one expression that is out of range whatever the data are.
private func spec(_ loss: String, rate: String = "0.1", before: String = "") -> String {
  """
  spec test
  dim n = 4
  params theta { w: [n]  e: [n, 3] }
  meta m: [n]
  inner(x: [n, 3], y: i32 [n]) {
    \(before)
    minimize \(loss) + sum(theta.w * m) + sum(x * theta.e) + float(y[0])
    by sgd(rate: \(rate)) for n
  }
  outer { minimize sum(theta.w) }
  """
}

@Suite("Index arrays")
struct IndexArrayTests {
  @Test("subscripts with arrays select what NumPy does", arguments: patterns)
  fileprivate func selection(_ pattern: Pattern) throws {
    let found = try evaluate(pattern.expression, shape: pattern.shape, statements: definitions)
    #expect(found == pattern.elements)
  }

  @Test("arrays that do not stretch to one shape, masks and floats are errors")
  func errors() {
    for (loss, message) in [
      ("sum(theta.e[iota(2), iota(3)])", "a subscript needs shapes that match, got [2] and [3]"),
      ("sum(theta.w[theta.w > 0])", "write select(mask, x, 0)"),
      ("sum(theta.w[theta.w])", "a position must be a whole number or an i32 array"),
      ("sum(theta.w[[0, 4]])", "position 4 is outside of an axis of size 4"),
      ("sum(theta.w[[0, -5]])", "position -5 is outside of an axis of size 4"),
    ] {
      #expect(elaborated(spec(loss)).errors.contains(message), "\(loss)")
    }
  }

  /// The expression, what it reaches, and what was expected.
  private static let faults: [(loss: String, message: String)] = [
    (
      "theta.w[iota(4)[3] + 1]",
      "iota(4)[3] + 1 reaches 4, expected a position of theta.w from 0 to 3"
    ),
    (
      "sum(take(theta.e, iota(10)))",
      "iota(10) reaches 9, expected a position of theta.e from 0 to 3"
    ),
    (
      "sum(take(theta.e, iota(4), axis: 1))", "expected a position of axis 1 of theta.e from 0 to 2"
    ),
    ("sum(theta.w[2 - iota(4)])", "2 - iota(4) reaches -1"),
    ("sum(theta.w[iota(10) div 2])", "iota(10) div 2 reaches 4"),
    ("sum(theta.w[(6 * iota(3) + 1) div 3])", "(6 * iota(3) + 1) div 3 reaches 4"),
    ("sum(theta.w[iota(8)[4:]])", "iota(8)[4:] reaches 7"),
    ("sum(theta.w[2 * iota(3)])", "2 * iota(3) reaches 4"),
    ("sum(theta.w[iota(3) * iota(3)])", "iota(3) * iota(3) reaches 4"),
    ("sum(theta.w[reshape(iota(6), [2, 3]) - 1])", "reaches 4"),
    ("sum(theta.w[maximum(iota(4) - 5, -3)])", "reaches -3"),
    ("sum(theta.w[concatenate([iota(2), iota(6)])])", "reaches 5"),
    ("sum(theta.w[expand(iota(3), 1) + iota(3)])", "expand(iota(3), 1) + iota(3) reaches 4"),
    (
      "sum(theta.e[iota(4), iota(4)])",
      "iota(4) reaches 3, expected a position of axis 1 of theta.e"
    ),
    ("sum(theta.w[if y > 0 then 0 * y + 9 else 4])", "reaches"),
    ("sum(one_hot(iota(4), 3))", "iota(4) reaches 3, expected a label from 0 to 2"),
    ("sum(one_hot([0, 5], 3))", "[0, 5] reaches 5, expected a label from 0 to 2"),
    ("sum(cross_entropy(x, iota(4)))", "iota(4) reaches 3, expected a label from 0 to 2"),
    (
      "sum(token_cross_entropy(x, x[0:2], iota(4)))",
      "iota(4) reaches 3, expected a label from 0 to 1"
    ),
    (
      "sum(embedding(theta.e, iota(5)))",
      "iota(5) reaches 4, expected a position of theta.e from 0 to 3"
    ),
    ("theta.w[int(4.0 + 0 * sum(x)) * 0 - 1]", "reaches -1"),
  ]

  @Test("a position that is certainly out of range is an error with its place", arguments: faults)
  func certain(_ fault: (loss: String, message: String)) {
    let outcome = elaborated(spec(fault.loss))
    #expect(outcome.errorIDs == ["shape.position"], "\(outcome.report)")
    #expect(outcome.errors.contains(fault.message), "\(outcome.errors)")
  }

  @Test("counters of loops, and the step, are followed")
  func counters() {
    func errors(_ before: String) -> String { elaborated(spec("s", before: before)).errors }
    func loop(_ index: String) -> String {
      "var s = 0.0 for i in n { for j in 2 { s = s + theta.w[\(index)] * m[n - 1 - i] } }"
    }
    #expect(errors(loop("i + 1")).contains("i + 1 reaches 4, expected a position of theta.w"))
    #expect(errors(loop("i + j")).contains("i + j reaches 4"))
    #expect(errors(loop("n - i")).contains("n - i reaches 4"))
    #expect(errors(loop("i - j")).contains("i - j reaches -1"))
    for fine in ["i - i", "i + j - j", "2 * j + 1", "minimum(i + j, 3)", "maximum(i - j, 0)"] {
      #expect(errors(loop(fine)) == "")
    }
    #expect(
      errors("var s = 0.0 for (r, i) in (iota(5), 5) { s = s + theta.w[r] + 0 * float(i) }")
        .contains("r reaches 4"))
    let late = elaborated(spec("0.0", rate: "m[step]"))
    #expect(late.errors.contains("step reaches 4, expected a position of m from 0 to 3"))
    #expect(elaborated(spec("0.0", rate: "m[step - 1]")).errors == "")
    #expect(elaborated(spec("0.0", rate: "m[step - 2]")).errors.contains("step - 2 reaches -1"))
  }

  @Test(
    "what may be in range is no error",
    arguments: [
      "sum(theta.w[iota(8) div 2])", "sum(theta.w[y mod 4])", "sum(theta.w[7 div y])",
      "theta.w[y[0]]", "sum(theta.w[y + 1])", "sum(theta.w[if y > 0 then 0 * y + 3 else 4])",
      "theta.w[int(sum(x))]", "sum(theta.w[y * 100])", "sum(take(theta.w, minimum(iota(9), 3)))",
    ])
  func perhaps(_ loss: String) {
    #expect(elaborated(spec(loss)).errors == "")
  }

  @Test("a fault in a function of both losses is reported once, with the call")
  func once() {
    let outcome = elaborated(
      """
      spec test
      params theta { w: [4] }
      meta m: []
      func late(w: [4]) -> [] { return w[iota(5)[4]] }
      inner { minimize m * late(theta.w) by sgd(rate: 0.1) for 2 }
      outer { minimize late(theta.w) }
      """)
    #expect(outcome.errorIDs == ["shape.position"])
    #expect(
      outcome.errors.contains("note: test.mix:5:22: late is called here"), "\(outcome.errors)")
  }
}

@Suite("Ignored labels")
struct IgnoredLabelTests {
  /// Logits `[[0.5, -1, 2], [1, 1, -3], [0, 4, 0.25]]`, labels 2, -100, 0. Losses and gradients by the
  /// textbook formula in NumPy: minus the target's mean of log-probabilities.
  private static let cases: [(smoothing: String, losses: [Double])] = [
    ("", [0.24131129665715711, 0, 4.040982031068677]),
    (", smoothing: 0.3", [0.6913112966571571, 0, 3.6159820310686768]),
  ]

  private static let definitions = """
    let z = reshape([0.5, -1, 2, 1, 1, -3, 0, 4, 0.25], [3, 3])
    let t = iota(3)
    let y = if t == 0 then 0 * t + 2 else if t == 1 then 0 * t - 100 else 0
    let unit = float(expand(iota(3), 1) == iota(3))
    """

  @Test("an ignored example has loss 0, and the others their own", arguments: cases)
  func losses(_ expected: (smoothing: String, losses: [Double])) throws {
    for loss in [
      "cross_entropy(z, y\(expected.smoothing), ignore: -100)",
      "token_cross_entropy(z, unit, y\(expected.smoothing), ignore: -100)",
    ] {
      let found = try evaluate(loss, shape: [3], statements: Self.definitions)
      for (found, expected) in zip(found, expected.losses) {
        #expect(abs(found - expected) < 1e-14, "\(loss)")
      }
    }
  }

  @Test("a label that is not the ignored one is still checked")
  func others() {
    for loss in ["cross_entropy(z, y, ignore: -1)", "token_cross_entropy(z, unit, y, ignore: -1)"] {
      #expect(throws: EvaluationError.self) {
        try evaluate(loss, shape: [3], statements: Self.definitions)
      }
    }
  }
}
