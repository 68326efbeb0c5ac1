// SPDX-License-Identifier: Apache-2.0
//
// The built-in functions that become structured ops of the IR: attention and linear cross-entropy.
// Their arrays may have any leading axes; the ops take them flattened.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// `attention(q: [..., s, h, d], k: [..., t, g, d], v: [..., t, g, d], causal: true, scale: x)`.
  ///
  /// The scale is `1 / sqrt(d)` unless given; attention is causal only if asked for.
  func attention(_ call: BuiltinCall) throws -> Value {
    let q = try floats(call["q"], rank: 3...)
    let k = try floats(call["k"], rank: 3...)
    let v = try floats(call["v"], rank: 3...)
    let isCausal = try flag(call.operands["causal"]) ?? false
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
        at: call.callee.span, operands: [call["q"], call["k"], call["v"]])
    }
    let scale = try number(call.operands["scale"]) ?? 1 / Double(width).squareRoot()
    let batch = leading.reduce(1, *)
    let operands = [q, k, v].map {
      emitter.reshape($0, to: [batch] + Array($0.shape.suffix(3)))
    }
    let op = StructuredOp(.attention(isCausal: isCausal, scale: scale))
    return .tensor(emitter.reshape(emitter.append(.structured(op), operands)[0], to: q.shape))
  }

  /// `linear_cross_entropy(x: [..., d], table: [v, d], labels: i32 [...]) -> [...]`.
  func linearCrossEntropy(_ call: BuiltinCall) throws -> Value {
    let x = try floats(call["x"], rank: 1...)
    let table = try floats(call["table"], rank: 2...2)
    let labels = try tensor(call["labels"], dtype: .i32)
    let leading = Array(x.shape.dropLast())
    guard let width = x.shape.last, table.shape[1] == width, labels.shape == leading,
      labels.dtype == .i32
    else {
      throw fail(
        .shape(
          what: "the table and the labels of linear_cross_entropy",
          expected: "[classes, \(x.shape.last ?? 0)] and i32 \(leading)",
          found: "\(table.shape) and \(labels.dtype.rawValue) \(labels.shape)"),
        at: call.callee.span, operands: [call["x"], call["table"], call["labels"]])
    }
    let count = leading.reduce(1, *)
    let classes = checked(
      labels, below: table.shape[0], of: call["labels"].expression, "a label")
    let operands = [
      emitter.reshape(x, to: [count, width]), table, emitter.reshape(classes, to: [count]),
    ]
    let losses = emitter.append(.structured(StructuredOp(.linearCrossEntropy)), operands)[0]
    return .tensor(emitter.reshape(losses, to: leading))
  }

  // MARK: Arguments

  private func floats(_ operand: Operand, rank: any RangeExpression<Int>) throws -> Tensor {
    let tensor = try tensor(operand)
    guard tensor.dtype.isFloat else {
      throw fail(
        .floatsNeeded(operand.value.kind), at: operand.expression.span, operands: [operand],
        help: "float(...) converts")
    }
    guard rank.contains(tensor.shape.count) else {
      throw fail(
        .rank(op: "this argument", expected: "more axes", found: "\(tensor.shape)"),
        at: operand.expression.span, operands: [operand])
    }
    return tensor
  }

  private func flag(_ operand: Operand?) throws -> Bool? {
    guard let operand else { return nil }
    guard case .boolean(let flag) = operand.value else {
      throw fail(
        .kind(what: "this", expected: "true or false", found: operand.value.kind),
        at: operand.expression.span)
    }
    return flag
  }

  private func number(_ operand: Operand?) throws -> Double? {
    guard let operand else { return nil }
    guard let number = operand.value.number else {
      throw fail(
        .kind(what: "this", expected: "a number known at build time", found: operand.value.kind),
        at: operand.expression.span)
    }
    return number
  }
}

extension Tensor {
  /// The axes of `[..., positions, heads, width]`.
  fileprivate var positions: Int { shape[shape.count - 3] }
  fileprivate var heads: Int { shape[shape.count - 2] }
  fileprivate var width: Int { shape[shape.count - 1] }
}
