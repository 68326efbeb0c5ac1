// SPDX-License-Identifier: Apache-2.0
//
// Derivative rules that are wrong by 0.1 %, in both modes or in one, to see that `verify` finds them.

import TensorIR

@testable import Differentiation

/// A mistake in the rule of some ops.
struct WrongRule {
  /// What tangents are multiplied by.
  var tangents = 1.001
  /// What adjoints are multiplied by.
  var adjoints = 1.001
  /// The ops.
  let applies: @Sendable (Op) -> Bool

  /// All rules, with this one in the place of the right one.
  func table(_ name: String) -> RuleTable {
    RuleTable(name: name) { op in
      let rule = derivativeRule(for: op)
      return applies(op) ? wrong(rule) : rule
    }
  }

  private func wrong(_ rule: DerivativeRule) -> DerivativeRule {
    switch rule {
    case .partials(let partial): return .structured(wrong(structured(partial)))
    case .structured(let rule): return .structured(wrong(rule))
    case .linear(let steering, let transpose):
      return .linear(steering: steering) { scaled(transpose($0, $1, $2), adjoints, $0.builder) }
    case .bilinear(let lhs, let rhs):
      return .bilinear(lhs: lhs) { scaled(rhs($0, $1), adjoints, $0.builder) }
    case .constant, .undefined: return rule
    }
  }

  private func wrong(_ rule: StructuredRule) -> StructuredRule {
    StructuredRule(
      jvp: { scope, tangents in
        let (results, resultTangents) = try rule.jvp(scope, tangents)
        return (results, resultTangents.map { $0.map { scaled($0, self.tangents, scope.builder) } })
      },
      vjp: { scope, flow in
        let (results, pullback) = try rule.vjp(scope, flow)
        return (
          results,
          { try pullback($0).map { $0.map { scaled($0, adjoints, scope.builder) } } }
        )
      })
  }

  /// The rule of an elementwise function, both modes written out.
  private func structured(
    _ partial: @escaping (RuleScope, Int) -> Factor
  ) -> StructuredRule {
    StructuredRule(
      jvp: { scope, tangents in
        let results = scope.builder.append(scope.op, scope.operands)
        let inner = scope.rule(results)
        let terms = tangents.enumerated().map { position, tangent in
          tangent.flatMap { partial(inner, position).times($0, scope.builder) }
        }
        return (results, [scope.builder.sum(terms)])
      },
      vjp: { scope, flow in
        let results = scope.builder.append(scope.op, scope.operands)
        let inner = scope.rule(results)
        let pullback: StructuredRule.Pullback = { adjoints in
          scope.operands.indices.map { position in
            guard flow.neededOperands[position], let adjoint = adjoints[0] else { return nil }
            return partial(inner, position).times(adjoint, scope.builder)
          }
        }
        return (results, pullback)
      })
  }

  private func scaled(_ value: ValueID, _ factor: Double, _ builder: GraphBuilder) -> ValueID {
    factor == 1 ? value : builder.scale(value, by: factor)
  }
}

extension StructuredScope {
  fileprivate func rule(_ results: [ValueID]) -> RuleScope {
    RuleScope(op: op, operands: operands, results: results, builder: builder)
  }
}
