// SPDX-License-Identifier: Apache-2.0
//
// Structured ops against formulas written out element by element, and limited loops.

import Foundation
import Interpreter
import TensorIR
import Testing

@Suite("Structured ops")
struct StructuredOpTests {
  /// Numbers without a pattern, about -1...1.
  private func numbers(_ shape: [Int], seed: Double) -> NumericArray {
    array(shape, (0..<shape.reduce(1, *)).map { sin(1.7 * Double($0) + seed) })
  }

  /// The largest difference of elements.
  private func difference(_ a: [Double], _ b: [Double]) -> Double {
    #expect(a.count == b.count)
    return zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
  }

  /// Output and log-sum-exp of attention, one query and head at a time.
  private func attention(
    _ q: NumericArray, _ k: NumericArray, _ v: NumericArray, isCausal: Bool, scale: Double
  ) -> (output: [Double], statistics: [Double]) {
    let (batch, queries, heads, width) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    let (keys, keyHeads) = (k.shape[1], k.shape[2])
    var output = [Double](repeating: 0, count: q.elements.count)
    var statistics = [Double](repeating: 0, count: batch * heads * queries)
    for (b, head) in (0..<batch).flatMap({ b in (0..<heads).map { (b, $0) } }) {
      let group = head / (heads / keyHeads)
      for i in 0..<queries {
        let query = ((b * queries + i) * heads + head) * width
        let seen = (0..<keys).filter { !isCausal || $0 <= i }
        let rows = seen.map { ((b * keys + $0) * keyHeads + group) * width }
        let weights = rows.map { row in
          exp(scale * (0..<width).reduce(0) { $0 + q.elements[query + $1] * k.elements[row + $1] })
        }
        let sum = weights.reduce(0, +)
        statistics[(b * heads + head) * queries + i] = log(sum)
        for d in 0..<width {
          output[query + d] =
            zip(weights, rows).reduce(0) { $0 + $1.0 * v.elements[$1.1 + d] } / sum
        }
      }
    }
    return (output, statistics)
  }

  @Test("attention is a softmax of scores times values", arguments: [false, true])
  func attentionValue(isCausal: Bool) throws {
    for (heads, keyHeads) in [(1, 1), (2, 2), (4, 2), (3, 1)] {
      let keys = isCausal ? 3 : 5
      let q = numbers([2, 3, heads, 2], seed: 0.1)
      let k = numbers([2, keys, keyHeads, 2], seed: 0.2)
      let v = numbers([2, keys, keyHeads, 2], seed: 0.3)
      let op = StructuredOp(.attention(AttentionScores(scale: 0.8, isCausal: isCausal)))
      let found = try apply(.structured(op), [q, k, v])
      let expected = attention(q, k, v, isCausal: isCausal, scale: 0.8)
      #expect(difference(found[0].elements, expected.output) < 1e-14)
      #expect(difference(found[1].elements, expected.statistics) < 1e-14)
    }
  }

  @Test("attention counts the pairs that it should, and adds the terms that there are")
  func attentionScores() throws {
    let (queries, keys) = (4, 3)
    let q = numbers([2, queries, 2, 2], seed: 0.1)
    let k = numbers([2, keys, 1, 2], seed: 0.2)
    let v = numbers([2, keys, 1, 2], seed: 0.3)
    let relative = numbers([2, 2, queries + keys - 1], seed: 0.4)
    let bias = numbers([1, 2, 1, keys], seed: 0.5)
    let mask = NumericArray(
      TensorType([2, 1, queries, keys], .bool),
      (0..<(2 * queries * keys)).map { $0 % 5 == 3 || $0 >= 21 ? 0 : 1 })
    let scores = AttentionScores(
      scale: 0.8, window: 1, prefix: 1, softcap: 0.6, relative: .fixed, bias: .moving,
      hasLengths: true, hasMask: true)
    let found = try apply(
      .structured(StructuredOp(.attention(scores))),
      [q, k, v, relative, bias, integers([2], [7, 2]), mask])
    for (b, head) in (0..<2).flatMap({ b in (0..<2).map { (b, $0) } }) {
      for i in 0..<queries {
        let row = (b * queries + i) * 2 + head
        var (total, expected) = (0.0, [0.0, 0.0])
        for j in 0..<keys
        where (abs(i - j) <= 1 || j == 0) && j < [7, 2][b]
          && mask.elements[(b * queries + i) * keys + j] != 0
        {
          let key = (b * keys + j) * 2
          let product = (0..<2).reduce(0) { $0 + q.elements[row * 2 + $1] * k.elements[key + $1] }
          let score =
            0.6 * tanh(0.8 * product / 0.6)
            + relative.elements[(b * 2 + head) * (queries + keys - 1) + j - i + queries - 1]
            + bias.elements[head * keys + j]
          total += exp(score)
          for d in 0..<2 { expected[d] += exp(score) * v.elements[key + d] }
        }
        // A query that sees no key has the value 0 and the statistic 0.
        if total == 0 { total = 1 }
        for d in 0..<2 {
          #expect(abs(found[0].elements[row * 2 + d] - expected[d] / total) < 1e-14)
        }
        #expect(abs(found[1].elements[(b * 2 + head) * queries + i] - log(total)) < 1e-14)
      }
    }
    #expect(found[1].elements.contains(0))
  }

  @Test("linear cross-entropy is the log-sum-exp of the logits less the label's logit")
  func crossEntropyValue() throws {
    let (x, w) = (numbers([3, 2], seed: 0.4), numbers([5, 2], seed: 0.5))
    let labels = integers([3], [4, 0, 2])
    let found = try apply(.structured(StructuredOp(.linearCrossEntropy)), [x, w, labels])
    for token in 0..<3 {
      let logits = (0..<5).map { word in
        (0..<2).reduce(0) { $0 + x.elements[2 * token + $1] * w.elements[2 * word + $1] }
      }
      let logSum = log(logits.map(exp).reduce(0, +))
      #expect(abs(found[1].elements[token] - logSum) < 1e-14)
      let loss = logSum - logits[Int(labels.elements[token])]
      #expect(abs(found[0].elements[token] - loss) < 1e-14)
    }
  }

  @Test("large scores neither overflow nor lose the difference between them")
  func largeScores() throws {
    let q = array([1, 1, 1, 1], [1000])
    let k = array([1, 2, 1, 1], [1, 0.999])
    let v = array([1, 2, 1, 1], [1, 0])
    let op = StructuredOp(.attention(AttentionScores(scale: 1)))
    let found = try apply(.structured(op), [q, k, v])
    #expect(abs(found[0].elements[0] - 1 / (1 + exp(-1))) < 1e-12)
    #expect(abs(found[1].elements[0] - (1000 + log(1 + exp(-1)))) < 1e-9)
  }

  @Test("an op in a loop is evaluated at each iteration's values")
  func inLoop() throws {
    let body = GraphBuilder(name: "body")
    _ = body.input("i", .scalar(.i32))
    let x = body.input("x", TensorType([1, 1], .f64))
    let w = body.input("w", TensorType([2, 1], .f64))
    let labels = body.input("labels", TensorType([1], .i32))
    let results = body.append(.structured(StructuredOp(.linearCrossEntropy)), [x, w, labels])
    body.output("loss", results[0])
    let loop = Loop(
      role: .other("tokens"), tripCount: 3, carryCount: 0, stackedInputCount: 1, body: body.graph)
    let found = try apply(
      .loop(loop),
      [array([3, 1, 1], [0, 1, -2]), array([2, 1], [0, 1]), integers([1], [1])])
    let expected = [0.0, 1, -2].map { log(1 + exp($0)) - $0 }
    #expect(difference(found[0].elements, expected) < 1e-14)
  }
}

@Suite("Limited loops")
struct LimitedLoopTests {
  @Test("a limited loop runs as many iterations as its last operand says", arguments: 0...4)
  func limit(count: Int) throws {
    let body = GraphBuilder(name: "body")
    _ = body.input("i", .scalar(.i32))
    let x = body.input("x", .scalar(.f64))
    let slice = body.input("slice", .scalar(.f64))
    _ = body.input("limit", .scalar(.i32))
    body.output("x", body.add(body.scale(x, by: 10), slice))
    let loop = Loop(
      role: .other("limited"), tripCount: 4, carryCount: 1, stackedInputCount: 1, isLimited: true,
      body: body.graph)
    let found = try apply(
      .loop(loop), [array([], [0]), array([4], [1, 2, 3, 4]), integers([], [Double(count)])])
    #expect(found[0].elements == [[0, 1, 12, 123, 1234][count]])
  }
}
