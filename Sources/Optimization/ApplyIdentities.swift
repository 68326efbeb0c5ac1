// SPDX-License-Identifier: Apache-2.0
//
// Replaces a function of its own inverse by what it is. For derivatives, not for speed: it runs
// before they are taken, because after that it is too late.
//
//     %1 = sqrt %0 : f32[3]                  %1 = sqrt (select (%0 < 0), %0, 1)
//     %2 = multiply %1, %1 : f32[3]     ->   %2 = select (%0 < 0), %1, %0
//
// sqrt has no finite slope at 0, and the convention for such poles is a derivative of 0; but the
// square of it has the slope 1 there, and an identity decides it. An identity is applied only if the
// result is right for every argument: where the inner function is not defined its NaN is kept, and
// where it is, it is given a harmless argument, for at its own the derivative may be infinite. The
// identities are
//
//     sqrt(x) * sqrt(x) = x        for x >= 0        sqrt(x * x) = |x|       |x * x| = x * x
//     exp(log(x)) = x              for x >= 0        log(exp(x)) = x
//     expm1(log1p(x)) = x          for x >= -1       log1p(expm1(x)) = x
//
// It looks at neighbouring ops of one region and does not rearrange anything to bring them together.

import TensorIR

extension Pass {
  package static let applyIdentities = Pass(
    name: "apply identities",
    summary: "replaces a function of its own inverse, whose derivative no rule could find",
    run: withIdentities)
}

@Sendable private func withIdentities(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    if let simpler = Identities(rewriter: rewriter).simpler(node.op, operands) { return [simpler] }
    return rewriter.append(node.op.mapRegions(withIdentities), operands)
  }
}

private struct Identities {
  let rewriter: Rewriter

  /// The value that `op` applied to `operands` is identical to.
  func simpler(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    switch op {
    case .binary(.multiply):
      guard let x = argument(of: .sqrt, operands[0]), x == argument(of: .sqrt, operands[1])
      else { return nil }
      return restricted(x, to: 0, else: .sqrt)
    case .unary(.sqrt): return squared(operands[0]).map { make(.unary(.abs), $0) }.map(simplerAbs)
    case .unary(.abs): return squared(operands[0]) == nil ? nil : operands[0]
    case .unary(.exp):
      return argument(of: .log, operands[0]).map { restricted($0, to: 0, else: .log) }
    case .unary(.expm1):
      return argument(of: .log1p, operands[0]).map { restricted($0, to: -1, else: .log1p) }
    case .unary(.log): return argument(of: .exp, operands[0])
    case .unary(.log1p): return argument(of: .expm1, operands[0])
    default: return nil  // No identities worth their lines.
    }
  }

  /// `x` if `value` is `function(x)`.
  private func argument(of function: UnaryFunction, _ value: ValueID) -> ValueID? {
    guard let node = rewriter.definition(of: value), node.op == .unary(function) else { return nil }
    return node.operands[0]
  }

  /// `x` if `value` is `x * x`.
  private func squared(_ value: ValueID) -> ValueID? {
    guard let node = rewriter.definition(of: value), node.op == .binary(.multiply),
      node.operands[0] == node.operands[1]
    else { return nil }
    return node.operands[0]
  }

  /// `|x|`, given as a new node, without its sign if `x` is a square: sqrt(x ** 4) is x ** 2.
  private func simplerAbs(_ absolute: ValueID) -> ValueID {
    guard let x = argument(of: .abs, absolute), squared(x) != nil else { return absolute }
    return x
  }

  /// `x` from `least` on and for NaN; below, the function that is not defined there.
  private func restricted(
    _ x: ValueID, to least: Double, else function: UnaryFunction
  ) -> ValueID {
    let type = rewriter.type(of: x)
    let isBelow = make(.compare(.less), x, make(.constant(least, type)))
    let argument = make(.select, isBelow, x, make(.constant(1, type)))
    return make(.select, isBelow, make(.unary(function), argument), x)
  }

  private func make(_ op: Op, _ operands: ValueID...) -> ValueID {
    rewriter.append(op, operands)[0]
  }
}
