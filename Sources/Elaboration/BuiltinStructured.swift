// SPDX-License-Identifier: Apache-2.0
//
// The built-in functions that become structured ops of the IR: attention (whose arguments are read in
// `BuiltinAttention.swift`) and linear cross-entropy. Their arrays may have any leading axes; the ops
// take them flattened.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let structured: [Builtin] = [
    Builtin(
      "attention", .floats("q", rank: 3...Int.max), .floats("k", rank: 3...Int.max),
      .floats("v", rank: 3...Int.max), .flag("causal"), .number("scale", or: "1 / sqrt(d)"),
      .whole("window", "the window", or: "none"), .whole("prefix", "the prefix", or: "none"),
      .wholes("lengths", or: "none"), .conditions("mask", or: "none"),
      .number("softcap", or: "none"), .floats("alibi", or: "none"), .floats("relative", or: "none"),
      .floats("bias", or: "none"),
      summary: "attention of `q: [..., s, h, d]` to `k, v: [..., t, g, d]`, where `g` divides `h`;"
        + " see [Attention](#attention)"
    ) {
      try $0.attention(
        at: $1,
        AttentionArguments(
          q: $2, k: $3, v: $4, isCausal: $5, scale: $6, window: $7, prefix: $8, lengths: $9,
          mask: $10, softcap: $11, alibi: $12, relative: $13, bias: $14))
    },
    Builtin(
      "linear_cross_entropy", .floats("x", rank: 1...Int.max), .floats("table", rank: 2...2),
      .wholes("labels"), summary: "the cross-entropy of the logits `x @ transpose(table)`"
    ) { try $0.linearCrossEntropy(at: $1, $2, $3, $4) },
  ]
}

extension Elaborator {
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
