// SPDX-License-Identifier: Apache-2.0
//
// Sorting, places of extrema, moved elements, segments, products and remainders against NumPy 2: the
// tables were printed by NumPy from the same expressions (`np.argsort(kind="stable")`; descending order
// is that of `-x`; `segment_sum` is `np.add.at`). What NumPy does not have is worked out by hand.

import Testing

/// An expression, and the shape and elements that NumPy gives for it.
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

/// Rows with ties, a NaN, infinities, and both zeros; whole numbers, the least one among them.
private let definitions = """
  let x = [[3.0, -1, 3, 0.5], [2, 7, -4, 7]]
  let u = reshape([1 / 0, 0 / 0, -2.5, -1 / 0, 0 / 0, 0.0], [6])
  let k = int([[5, -2147483647 - 1, 5], [2147483647, 0, -3]])
  let zeros = reshape([2.0, 0, 3, 0, 0, 5], [2, 3])
  """

private let patterns = [
  Pattern("float(argsort(x))", [2, 4], [1, 3, 0, 2, 2, 0, 1, 3]),
  Pattern("float(argsort(x, descending: true))", [2, 4], [0, 2, 3, 1, 1, 3, 0, 2]),
  Pattern("float(argsort(x, axis: 0))", [2, 4], [1, 0, 1, 0, 0, 1, 0, 1]),
  Pattern("float(argsort(u))", [6], [3, 2, 5, 0, 1, 4]),
  Pattern("float(argsort(u, descending: true))", [6], [0, 5, 2, 3, 1, 4]),
  Pattern("float(argsort(k))", [2, 3], [1, 0, 2, 2, 1, 0]),
  Pattern("float(argsort(k, descending: true))", [2, 3], [0, 2, 1, 0, 1, 2]),
  Pattern(
    "float(sort(k, descending: true))", [2, 3], [5, 5, -2_147_483_648, 2_147_483_647, 0, -3]),
  Pattern("sort(x)", [2, 4], [-1, 0.5, 3, 3, -4, 2, 7, 7]),
  Pattern("sort(x, axis: 0, descending: true)", [2, 4], [3, 7, 3, 7, 2, -1, -4, 0.5]),
  Pattern("sort(u)", [6], [-.infinity, -2.5, 0, .infinity, .nan, .nan]),
  Pattern("sort(u, descending: true)", [6], [.infinity, 0, -2.5, -.infinity, .nan, .nan]),
  Pattern("top_k(x, 2)[0]", [2, 2], [3, 3, 7, 7]),
  Pattern("float(top_k(x, 3)[1])", [2, 3], [0, 2, 3, 1, 3, 0]),
  Pattern("float(top_k(x, 1, axis: 0)[1])", [1, 4], [0, 1, 0, 1]),
  Pattern("float(argmax(x))", [2], [0, 1]),
  Pattern("float(argmin(x, axis: 0))", [4], [1, 0, 1, 0]),
  Pattern("float(argmax(x, axis: 0, keep: true))", [1, 4], [0, 1, 0, 1]),
  Pattern("float(argmax(u)) + float(argmin(u)) * 10 + float(argmin(u[2:4])) * 100", [], [111]),
  Pattern("float(argmax(k)) * 10 + float(argmin(k))", [2], [1, 2]),
  Pattern("flip(x)", [2, 4], [0.5, 3, -1, 3, 7, -4, 7, 2]),
  Pattern("flip(x, axis: 0)", [2, 4], [2, 7, -4, 7, 3, -1, 3, 0.5]),
  Pattern("roll(x, 1)", [2, 4], [0.5, 3, -1, 3, 7, 2, 7, -4]),
  Pattern("roll(x, -6)", [2, 4], [3, 0.5, 3, -1, -4, 7, 2, 7]),
  Pattern("roll(x, 5, axis: 0)", [2, 4], [2, 7, -4, 7, 3, -1, 3, 0.5]),
  Pattern("roll(x, 4)", [2, 4], [3, -1, 3, 0.5, 2, 7, -4, 7]),
  Pattern("take_along_axis(x, [[3, 0], [1, 1]])", [2, 2], [0.5, 3, 7, 7]),
  Pattern("take_along_axis(x, [[1, 0, 1, 0]], axis: 0)", [1, 4], [2, -1, -4, 0.5]),
  Pattern("take_along_axis(x, [[2]])", [2, 1], [3, -4]),
  Pattern("segment_sum(x, [2, 2], 3)", [3, 4], [0, 0, 0, 0, 0, 0, 0, 0, 5, 6, -1, 7.5]),
  Pattern("segment_sum(x, [0, 1, 0, 1], 2, axis: 1)", [2, 2], [6, -0.5, -2, 14]),
  Pattern(
    "segment_sum(x, [[0, 1, 0, 1], [1, 1, 2, 0]], 4)", [4], [13, 8.5, -4, 0]),
  Pattern(
    "float(segment_sum(k, [1, 1, 0], 2, axis: -1))", [2, 2], [5, -2_147_483_643, -3, 2_147_483_647]),
  Pattern("segment_mean(x, [0, 1, 0, 1], 3, axis: 1)", [2, 3], [3, -0.25, 0, -1, 7, 0]),
  Pattern("prod(x)", [], [1764]),
  Pattern("prod(x, axis: 0)", [4], [6, -7, -12, 3.5]),
  Pattern("prod(x, axis: 1, keep: true)", [2, 1], [-4.5, -392]),
  Pattern("prod([2.0, 3, 5, 7, 11])", [], [2310]),
  Pattern("float(prod(k, axis: -1))", [2], [-2_147_483_648, 0]),
  Pattern("cumprod(x)", [2, 4], [3, -3, -9, -4.5, 2, 14, -56, -392]),
  Pattern("cumprod(x, reverse: true)", [2, 4], [-4.5, -1.5, 1.5, 0.5, -392, -196, -28, 7]),
  Pattern("cumprod(zeros, axis: 0)", [2, 3], [2, 0, 3, 0, 0, 15]),
  Pattern("cummax(x)", [2, 4], [3, 3, 3, 3, 2, 7, 7, 7]),
  Pattern("cummax(u)", [6], [.infinity, .nan, .nan, .nan, .nan, .nan]),
  Pattern("cummax(u[2:4], reverse: true)", [2], [-2.5, -.infinity]),
  Pattern("float(cummax(k, axis: 0))", [2, 3], [5, -2_147_483_648, 5, 2_147_483_647, 0, 5]),
  Pattern("mod([7.5, -7.5, 7.5, -7.5, 0], [2.0, 2, -2, -2, 3])", [5], [1.5, 0.5, -0.5, -1.5, 0]),
  Pattern(
    "float(mod(int([7, -7, 7, -7, 0, 6, 5]), int([2, 2, -2, -2, 3, -3, 0])))", [7],
    [1, 1, -1, -1, 0, 0, 0]),
  Pattern("mod(-7, 3) + 10 * mod(7, -3) + 100 * mod(7.5, 2) + zeros[0, 1]", [], [132]),
  Pattern("var(x)", [], [12.37109375]),
  Pattern("var(x, axis: 1, ddof: 1)", [2], [3.8958333333333335, 27.333333333333332]),
  Pattern("std(x, axis: 0, keep: true)", [1, 4], [0.5, 4, 3.5, 3.25]),
  Pattern("norm(x)", [], [11.715374513859981]),
  Pattern("norm(x, order: 1, axis: 0)", [4], [5, 8, 7, 7.5]),
  Pattern("norm(x, order: 1 / 0, axis: -1, keep: true)", [2, 1], [3, 7]),
  Pattern("norm(x, order: 3, axis: -1)", [2], [3.805831305510122, 9.117793146136178]),
  Pattern("float(any(x > 6, axis: 1)) + 2 * float(all(x > -2, axis: 1))", [2], [2, 1]),
  Pattern(
    "float(any(x > 7)) + 2 * float(all(x > -5)) + 4 * float(all(x > 0, axis: 0, keep: true))[0, 3]",
    [], [6]),
  Pattern("where(x > 2, x, -x)", [2, 4], [3, 1, 3, -0.5, -2, 7, 4, 7]),
  Pattern(
    "glu(x)", [2, 2],
    [2.857722380467299, -0.6224593312018546, 0.03597241992418317, 6.993622641639196]),
]

@Suite("order and groups")
struct OrderTests {
  @Test("expressions have NumPy's values", arguments: patterns.indices)
  func values(_ index: Int) throws {
    let pattern = patterns[index]
    let found = try evaluate(pattern.expression, shape: pattern.shape, statements: definitions)
    #expect(found.count == pattern.elements.count)
    for (a, b) in zip(found, pattern.elements) {
      #expect(a == b || a.isNaN && b.isNaN || abs(a - b) < 1e-9 * abs(b), "\(found)")
    }
  }

  @Test("the ranks of many elements are those of a sort, and ties keep their order")
  func longer() throws {
    let count = 129
    let keys = (0..<count).map { ($0 * 37 + 11) % 20 }
    let right = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map(Double.init)
    let found = try evaluate(
      "float(argsort(mod(iota(\(count)) * 37 + 11, 20)))", shape: [count])
    #expect(found == right)
  }

  @Test("remainders of all pairs of large and small whole numbers are Python's")
  func remainders() throws {
    let edges = [0, 1, -1, 2, 3, -3, 7, 10, 255, 1_000_003, -16_777_217, 2_147_483_647]
    let numbers = edges + [-2_147_483_647, 1_431_655_765, -99_999_989]
    let text = numbers.map(String.init).joined(separator: ", ")
    let found = try evaluate(
      "float(mod(expand(a, 1), a))", shape: [numbers.count, numbers.count],
      statements: "let a = int([\(text)])")
    let right = numbers.flatMap { a in
      numbers.map { b in b == 0 ? 0 : Double(((a % b) + b) % b) }
    }
    #expect(found == right)
  }

  @Test(
    "what does not fit is said at its place",
    arguments: [
      ("argsort(x > 0)", "type.float"), ("sort(x, axis: 2)", "shape.axis"),
      ("top_k(x, 5)[0]", "type.kind"), ("argmax(2.0)", "shape.axis"),
      ("take_along_axis(x, [0, 1])", "shape.mismatch"),
      ("take_along_axis(x, [[4], [0]])", "shape.position"),
      ("segment_sum(x, [0, 1, 2], 3)", "shape.mismatch"),
      ("segment_sum(x, [0, 3], 3)", "shape.position"),
      ("segment_mean(k, [0, 1], 3)", "type.float"), ("prod(x > 0)", "type.float"),
      ("cummax(x > 0)", "type.float"), ("roll(x, 0.5)", "type.whole"),
    ])
  func faults(_ expression: String, _ id: String) {
    let outcome = elaborated(
      """
      spec test
      params theta { value: [2, 4] }
      meta lr: []
      inner() {
        let x = theta.value
        let k = reshape(iota(8), [2, 4])
        minimize sum(float(\(expression))) + sum(theta.value) * lr + 0 * float(k[0, 0])
        by sgd(0.1) for 2
      }
      outer { minimize sum(theta.value) }
      """)
    #expect(outcome.errorIDs == [id], "\(outcome.errors)")
  }
}
