// SPDX-License-Identifier: Apache-2.0
//
// Arrays as terms of formulas, so that a derivative rule reads like its line in a textbook:
// `1 - y * y` emits a constant, a product and a difference. All terms of a formula have one shape.

package import TensorIR

/// An array of the graph under construction.
package struct Term {
  package let value: ValueID
  package let builder: GraphBuilder

  package init(_ value: ValueID, _ builder: GraphBuilder) {
    self.value = value
    self.builder = builder
  }

  /// An array like this one, filled with `number`.
  package func filled(_ number: Double) -> Term {
    Term(builder.constant(number, like: value), builder)
  }

  /// An elementwise function of the term.
  package func applying(_ function: UnaryFunction) -> Term {
    Term(builder.unary(function, value), builder)
  }

  /// The term to an elementwise power.
  package func power(_ exponent: Term) -> Term {
    Term(builder.power(value, exponent.value), builder)
  }

  /// The term as a number that does not change.
  package var stopped: Term { Term(builder.stopGradient(value), builder) }

  /// This term where `condition` holds between `a` and `b`, else `other`.
  package func `where`(
    _ a: Term, _ condition: Comparison, _ b: Term, else other: Term
  ) -> Term {
    let mask = builder.compare(condition, a.value, b.value)
    return Term(builder.select(mask, value, other.value), builder)
  }

  package static prefix func - (a: Term) -> Term { a.applying(.negate) }

  package static func + (a: Term, b: Term) -> Term {
    Term(a.builder.add(a.value, b.value), a.builder)
  }

  package static func - (a: Term, b: Term) -> Term {
    Term(a.builder.subtract(a.value, b.value), a.builder)
  }

  package static func * (a: Term, b: Term) -> Term {
    Term(a.builder.multiply(a.value, b.value), a.builder)
  }

  package static func / (a: Term, b: Term) -> Term {
    Term(a.builder.divide(a.value, b.value), a.builder)
  }

  package static func + (a: Double, b: Term) -> Term { b + b.filled(a) }
  package static func - (a: Double, b: Term) -> Term { b.filled(a) - b }
  package static func - (a: Term, b: Double) -> Term { a - a.filled(b) }
  package static func * (a: Double, b: Term) -> Term { b.filled(a) * b }
  package static func / (a: Double, b: Term) -> Term { b.filled(a) / b }
}

/// A partial derivative of an elementwise op: a number where it is one, so that the derivative of
/// `a + b` is not multiplied by an array of ones.
package enum Factor {
  case number(Double)
  case array(Term)

  /// The factor times a tangent or an adjoint; `nil` for the factor 0.
  func times(_ value: ValueID, _ builder: GraphBuilder) -> ValueID? {
    switch self {
    case .number(0): nil
    case .number(1): value
    case .number(-1): builder.negate(value)
    case .number(let number): builder.scale(value, by: number)
    case .array(let term): builder.multiply(value, term.value)
    }
  }
}
