// SPDX-License-Identifier: Apache-2.0
//
// The built-in functions that become structured ops of the IR: attention and linear cross-entropy.
// Their arrays may have any leading axes; the ops take them flattened.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let structured: [Builtin] = [
    Builtin(
      "attention", .floats("q", rank: 3...Int.max), .floats("k", rank: 3...Int.max),
      .floats("v", rank: 3...Int.max), .flag("causal"), .number("scale", or: "1 / sqrt(d)"),
      summary: "attention of `q: [..., s, h, d]` to `k, v: [..., t, g, d]`, where `g` divides `h`"
    ) {
      try $0.attention(at: $1, $2, $3, $4, isCausal: $5, scale: $6)
    },
    Builtin(
      "linear_cross_entropy", .floats("x", rank: 1...Int.max), .floats("table", rank: 2...2),
      .wholes("labels"), summary: "the cross-entropy of the logits `x @ transpose(table)`"
    ) { try $0.linearCrossEntropy(at: $1, $2, $3, $4) },
  ]
}

extension Elaborator {
  /// `attention(q: [..., s, h, d], k: [..., t, g, d], v: [..., t, g, d], causal: true, scale: x)`.
  fileprivate func attention(
    at place: Span, _ q: ArrayArgument, _ k: ArrayArgument, _ v: ArrayArgument, isCausal: Bool,
    scale: Double?
  ) throws -> Value {
    let leading = Array(q.shape.dropLast(3))
    let (queries, heads, width) = (q.positions, q.heads, q.width)
    guard Array(k.shape.dropLast(3)) == leading, k.width == width, v.shape == k.shape,
      heads % k.heads == 0, !isCausal || k.positions == queries
    else {
      throw fail(
        .shape(
          what: "the keys and values of attention",
          expected: "\(leading + [isCausal ? queries : k.positions, heads, width])"
            + " (or a number of heads that divides \(heads))",
          found: "\(k.shape) and \(v.shape)"),
        at: place, operands: [q.operand, k.operand, v.operand])
    }
    let batch = leading.reduce(1, *)
    let operands = [q, k, v].map {
      emitter.reshape($0.tensor, to: [batch] + Array($0.shape.suffix(3)))
    }
    let op = StructuredOp(
      .attention(
        AttentionScores(
          scale: scale ?? 1 / Double(width).squareRoot(), isCausal: isCausal)))
    return .tensor(emitter.reshape(emitter.append(.structured(op), operands)[0], to: q.shape))
  }

  /// `linear_cross_entropy(x: [..., d], table: [v, d], labels: i32 [...]) -> [...]`.
  fileprivate func linearCrossEntropy(
    at place: Span, _ x: ArrayArgument, _ table: ArrayArgument, _ labels: ArrayArgument
  ) throws -> Value {
    let leading = Array(x.shape.dropLast())
    let width = x.shape[x.rank - 1]
    guard table.shape[1] == width, labels.shape == leading else {
      throw fail(
        .shape(
          what: "the table and the labels of linear_cross_entropy",
          expected: "[classes, \(width)] and i32 \(leading)",
          found: "\(table.shape) and \(labels.tensor.dtype.rawValue) \(labels.shape)"),
        at: place, operands: [x.operand, table.operand, labels.operand])
    }
    let count = leading.reduce(1, *)
    let classes = checked(
      labels.tensor, below: table.shape[0], of: labels.operand.expression, "a label")
    let operands = [
      emitter.reshape(x.tensor, to: [count, width]), table.tensor,
      emitter.reshape(classes, to: [count]),
    ]
    let losses = emitter.append(.structured(StructuredOp(.linearCrossEntropy)), operands)[0]
    return .tensor(emitter.reshape(losses, to: leading))
  }
}

extension ArrayArgument {
  /// The axes of `[..., positions, heads, width]`.
  fileprivate var positions: Int { shape[rank - 3] }
  fileprivate var heads: Int { shape[rank - 2] }
  fileprivate var width: Int { shape[rank - 1] }
}
