// SPDX-License-Identifier: Apache-2.0
//
// The prelude's losses and feed-forward layers against their textbook formulas, written out in Swift
// on arrays that have nothing special about them.

import Foundation
import Testing

@Suite("formulas of the prelude")
struct PreludeFormulaTests {
  private static let x = [[0.3, -1.2], [0.8, 0.5], [-0.4, 2.0]]
  private static let table = [[1.0, 0.2], [-0.7, 0.9], [0.1, -1.1], [0.6, 0.4]]
  private static let labels = [1, 2, 3]

  /// A matrix as the language writes it.
  private static func text(_ rows: [[Double]]) -> String {
    "[" + rows.map { "[\($0.map { "\($0)" }.joined(separator: ", "))]" }.joined(separator: ", ")
      + "]"
  }

  private static func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
    a.map { row in
      b[0].indices.map { column in zip(row, b).reduce(0) { $0 + $1.0 * $1.1[column] } }
    }
  }

  private static func transposed(_ a: [[Double]]) -> [[Double]] {
    a[0].indices.map { column in a.map { $0[column] } }
  }

  private func check(_ expression: String, _ shape: [Int], _ expected: [Double]) throws {
    let found = try evaluate(expression, shape: shape)
    #expect(found.count == expected.count)
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-13, "\(expression)") }
  }

  /// Minus the sum over the classes of smoothed target times log-probability.
  private static func smoothedLosses(_ smoothing: Double) -> [Double] {
    let logits = product(x, transposed(table))
    return zip(logits, labels).map { row, label in
      let total = log(row.reduce(0) { $0 + exp($1) })
      return row.enumerated().reduce(0) { sum, item in
        let hard = item.offset == label ? 1.0 : 0
        let target = (1 - smoothing) * hard + smoothing / Double(row.count)
        return sum - target * (item.element - total)
      }
    }
  }

  @Test("cross-entropies, with and without label smoothing", arguments: [nil, 0, 0.1, 1])
  func crossEntropies(_ smoothing: Double?) throws {
    let expected = Self.smoothedLosses(smoothing ?? 0)
    let (x, table) = (Self.text(Self.x), Self.text(Self.table))
    let option = smoothing.map { ", smoothing: \($0)" } ?? ""
    let labels = "iota(3) + 1"
    try check("cross_entropy(token_logits(\(x), \(table)), \(labels)\(option))", [3], expected)
    try check("token_cross_entropy(\(x), \(table), \(labels)\(option))", [3], expected)
    // Any leading axes will do.
    try check(
      "token_cross_entropy(reshape(\(x), [1, 3, 2]), \(table), reshape(\(labels), [1, 3])\(option))",
      [1, 3], expected)
  }

  @Test("logits are products with the rows of the table")
  func logits() throws {
    let expected = Self.product(Self.x, Self.transposed(Self.table)).flatMap(\.self)
    try check(
      "token_logits(\(Self.text(Self.x)), \(Self.text(Self.table)))", [3, 4], expected)
  }

  @Test("gated feed-forward layers")
  func gates() throws {
    let gate = [[0.4, -0.3, 1.1], [0.7, 0.2, -0.5]]
    let up = [[-0.6, 0.9, 0.3], [0.1, -0.8, 0.5]]
    let gates: [(call: String, option: String, function: (Double) -> Double)] = [
      ("swiglu", "", { $0 / (1 + exp(-$0)) }),
      ("geglu", ", exact: true", { $0 * 0.5 * erfc(-$0 / 2.0.squareRoot()) }),
      (
        "geglu", "",
        { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
      ),
    ]
    let down = [[1.0, 0.5], [-0.2, 0.3], [0.7, -0.9]]
    let arguments = [Self.x, gate, up, down].map(Self.text).joined(separator: ", ")
    for (call, option, function) in gates {
      let hidden = zip(Self.product(Self.x, gate), Self.product(Self.x, up)).map { gates, values in
        zip(gates, values).map { function($0) * $1 }
      }
      try check(
        "\(call)(\(arguments)\(option))", [3, 2], Self.product(hidden, down).flatMap(\.self))
    }
  }

  @Test("ALiBi's slopes are powers of the first one")
  func slopes() throws {
    try check("alibi_slopes(4)", [4], [0.25, 0.0625, 0.015625, 0.00390625])
  }

  @Test("distances fall into T5's buckets")
  func buckets() throws {
    /// The bucket of a distance, by comparing powers, which are whole.
    func bucket(_ distance: Int, exact: Int, last: Int, ratio: Double) -> Int {
      guard distance >= exact else { return distance }
      let power = pow(Double(distance) / Double(exact), Double(last + 1 - exact))
      return (exact...last).last { pow(ratio, Double($0 - exact)) <= power } ?? exact
    }
    let distances = Array(-150...140)  // Of 151 queries and 141 keys.
    try check(
      "float(relative_buckets(151, 141))", [distances.count],
      distances.map {
        Double(($0 > 0 ? 16 : 0) + bucket(abs($0), exact: 8, last: 15, ratio: 16))
      })
    try check(
      "float(relative_buckets(151, 141, causal: true))", [distances.count],
      distances.map { Double(bucket(max(-$0, 0), exact: 16, last: 31, ratio: 8)) })
  }
}
