// SPDX-License-Identifier: Apache-2.0
//
// Derivative rules that are slightly wrong, to check the checker with.

import Differentiation
import TensorIR

/// A mistake of 0.1 %.
enum Mistake: CaseIterable {
  /// In the value of the derivative.
  case first
  /// Only in the derivative of the derivative: its value is right.
  case second

  /// The array with the mistake in it.
  func applied(to value: ValueID, _ builder: GraphBuilder) -> ValueID {
    let larger = builder.scale(value, by: 1.001)
    switch self {
    case .first: return larger
    case .second: return builder.add(larger, builder.scale(builder.stopGradient(value), by: -0.001))
    }
  }

  /// A differentiator whose rule for the ops named `name` has the mistake.
  func differentiator(for name: String) -> Differentiator {
    Differentiator { op in
      let rule = derivativeRule(for: op)
      return op.name == name ? applied(to: rule) : rule
    }
  }

  private func applied(to rule: DerivativeRule) -> DerivativeRule {
    switch rule {
    case .partials(let partial):
      return .partials { scope, operand in
        switch partial(scope, operand) {
        case .number(let number):
          return .array(
            Term(applied(to: scope.result.filled(number).value, scope.builder), scope.builder))
        case .array(let term):
          return .array(Term(applied(to: term.value, scope.builder), scope.builder))
        }
      }
    case .linear(let steering, let transpose):
      return .linear(steering: steering) { scope, adjoint, operand in
        applied(to: transpose(scope, adjoint, operand), scope.builder)
      }
    case .bilinear(let lhs, let rhs):
      return .bilinear(
        lhs: lhs, rhs: { scope, adjoint in applied(to: rhs(scope, adjoint), scope.builder) })
    case .structured(let rule):
      return .structured(
        StructuredRule(
          jvp: rule.jvp,
          vjp: { scope, flow in
            let (results, pullback) = try rule.vjp(scope, flow)
            return (
              results,
              { adjoints in
                try pullback(adjoints).map { $0.map { applied(to: $0, scope.builder) } }
              }
            )
          }))
    case .constant, .undefined: return rule
    }
  }
}
