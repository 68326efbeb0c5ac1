// SPDX-License-Identifier: Apache-2.0
//
// Traits of ops, declared once. Passes and the scheduler ask for these instead of listing ops.

/// The families that differentiation rules, kernels and this catalogue are organised by.
package enum OpFamily: String, Sendable {
  case elementwise, creation, movement, reduction, contraction, indexing, structured, structure
}

extension Op {
  package var family: OpFamily {
    switch self {
    case .unary, .binary, .compare, .select, .convert, .stopGradient: .elementwise
    case .constant, .iota: .creation
    case .broadcast, .reshape, .transpose, .slice, .pad, .concatenate: .movement
    case .reduce: .reduction
    case .contract: .contraction
    case .checkPositions, .gather, .scatterAdd: .indexing
    case .structured: .structured
    case .loop, .gradient: .structure
    }
  }

  package var isElementwise: Bool { family == .elementwise }

  /// Whether exchanging the two operands leaves the value unchanged.
  package var isCommutative: Bool {
    switch self {
    case .binary(.add), .binary(.multiply), .binary(.maximum), .binary(.minimum),
      .compare(.equal), .compare(.notEqual):
      true
    default: false  // A trait, not a meaning: an op is taken as not commutative until said so.
    }
  }

  /// The graphs inside the op.
  package var regions: [Graph] {
    switch self {
    case .loop(let loop): [loop.body]
    case .gradient(let gradient): [gradient.function]
    default: []  // Only the structure family has regions; `Verifier` checks the family.
    }
  }
}
