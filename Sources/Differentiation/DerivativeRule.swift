// SPDX-License-Identifier: Apache-2.0
//
// What a derivative rule is. Every op of the catalogue has exactly one, of one of six algebraic
// kinds; the kind says which half of the work is left to write. The sweeps (`ForwardSweep.swift`,
// `ReverseSweep.swift`) apply a rule to a node; the rules themselves are in `Rules/`.
//
// Conventions: `x_tan` is the tangent of `x`, `x_adj` its adjoint. A tangent or adjoint that is
// known to be zero is `nil`, never an array of zeros. Rules emit ops of the catalogue through the
// builder, so a derivative can be differentiated again.

package import TensorIR

/// How one op is differentiated.
package enum DerivativeRule {
  /// An elementwise function: the partial derivative with respect to one operand, asked for lazily,
  /// one operand at a time. `y_tan = sum_k partial_k * x_k_tan`, `x_k_adj = partial_k * y_adj`.
  case partials((_ scope: RuleScope, _ operand: Int) -> Factor)

  /// A function linear in its operands together, but for the `steering` ones (conditions, indices).
  /// Its JVP is the op itself applied to the tangents; only the transpose is written: the adjoint
  /// of one operand from that of the result.
  case linear(
    steering: [Int] = [],
    transpose: (_ scope: RuleScope, _ adjoint: ValueID, _ operand: Int) -> ValueID)

  /// A function linear in each of its two operands. Its JVP is the op applied twice; the two
  /// transposes give the adjoint of one operand from that of the result and the other operand.
  case bilinear(
    lhs: (_ scope: RuleScope, _ adjoint: ValueID) -> ValueID,
    rhs: (_ scope: RuleScope, _ adjoint: ValueID) -> ValueID)

  /// Both modes written out.
  case structured(StructuredRule)

  /// The result does not change, or not smoothly, with any operand: its derivative is zero by
  /// definition.
  case constant(reason: String)

  /// There is no derivative. Asking for one is an error that names the op and what to do instead.
  case undefined(reason: String, hint: String)

  /// Whether a derivative can flow through the given operand. The types are not considered: only
  /// float values have tangents.
  package func isDifferentiable(operand: Int) -> Bool {
    switch self {
    case .partials, .bilinear, .structured, .undefined: true
    case .linear(let steering, _): !steering.contains(operand)
    case .constant: false
    }
  }
}

/// A node whose primal is already in the graph under construction, as a rule sees it.
package struct RuleScope {
  package let op: Op
  package let operands: [ValueID]
  package let results: [ValueID]
  package let builder: GraphBuilder

  /// The operand as a term of a formula.
  package func operand(_ position: Int) -> Term { Term(operands[position], builder) }

  /// The only result, as a term of a formula.
  package var result: Term { Term(results[0], builder) }
}

/// A node that a structured rule has yet to emit.
package struct StructuredScope {
  package let op: Op
  package let operands: [ValueID]
  package let builder: GraphBuilder
  /// For rules that differentiate regions.
  package let differentiator: Differentiator
}

/// An explicit JVP and VJP. Both emit the primal themselves, because the derivative may need more
/// from it than its results: a loop hands out the values that its backward loop reads.
package struct StructuredRule {
  /// The results and tangents of a node.
  package typealias Linearized = (results: [ValueID], tangents: [ValueID?])
  /// From the adjoints of the results, the adjoints of the operands.
  package typealias Pullback = (_ adjoints: [ValueID?]) throws -> [ValueID?]

  /// Emits the primal together with its tangents.
  package var jvp: (_ scope: StructuredScope, _ tangents: [ValueID?]) throws -> Linearized

  /// Emits the primal; the pullback, called later, emits the adjoints.
  ///
  /// `flow` tells which operands need an adjoint and which results can have one.
  package var vjp:
    (_ scope: StructuredScope, _ flow: NodeFlow) throws -> (results: [ValueID], pullback: Pullback)

  package init(
    jvp: @escaping (StructuredScope, [ValueID?]) throws -> Linearized,
    vjp: @escaping (StructuredScope, NodeFlow) throws -> (results: [ValueID], pullback: Pullback)
  ) {
    self.jvp = jvp
    self.vjp = vjp
  }
}

/// Which operands and results of a node take part in a reverse sweep; see `Activity.swift`.
package struct NodeFlow {
  /// Per operand: whether its adjoint is wanted.
  package var neededOperands: [Bool]
  /// Per result: whether an adjoint may arrive. Where one may and none does, it is zero.
  package var usefulResults: [Bool]
}

/// The rule of every op, under a name.
package struct RuleTable: Hashable, Sendable {
  /// Tables of one name are the same.
  package let name: String
  package let rule: @Sendable (Op) -> DerivativeRule

  package init(name: String, rule: @escaping @Sendable (Op) -> DerivativeRule) {
    self.name = name
    self.rule = rule
  }

  /// The rules of this compiler.
  package static let standard = RuleTable(name: "standard") { derivativeRule(for: $0) }

  package static func == (lhs: Self, rhs: Self) -> Bool { lhs.name == rhs.name }

  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A derivative that does not exist was asked for.
package struct UndefinedDerivative: Error, CustomStringConvertible {
  /// The op, as dumps name it.
  package let op: String
  package let reason: String
  /// What to write instead.
  package let hint: String
  /// Where the op comes from.
  package let provenance: Provenance

  package var description: String { "\(op) has no derivative: \(reason); \(hint)" }
}
