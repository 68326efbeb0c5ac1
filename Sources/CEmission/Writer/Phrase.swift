// SPDX-License-Identifier: Apache-2.0
//
// A C expression as text, with how tightly its outermost operator binds, so that one can be written
// into another with no more parentheses than it needs.

/// A C expression.
struct Phrase {
  /// The operators of C that kernels use, the loosest first.
  enum Strength: Int, Comparable {
    case conditional, equality, relation, sum, product, unary, atom

    static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    /// That of an operand on the right of an operator that groups from the left.
    var next: Strength { Strength(rawValue: rawValue + 1) ?? .atom }
  }

  var text: String
  var strength: Strength

  /// An identifier, a literal, a call, an element of an array.
  init(_ text: String) { self.init(text, .atom) }

  init(_ text: String, _ strength: Strength) {
    self.text = text
    self.strength = strength
  }

  /// The text as an operand of an operator that binds as tightly as `least`.
  func operand(_ least: Strength) -> String { strength < least ? "(\(text))" : text }

  /// `a symbol b`.
  static func infix(_ a: Phrase, _ symbol: String, _ b: Phrase, _ strength: Strength) -> Phrase {
    Phrase("\(a.operand(strength)) \(symbol) \(b.operand(strength.next))", strength)
  }

  /// `condition ? a : b`.
  static func conditional(_ condition: Phrase, _ a: Phrase, _ b: Phrase) -> Phrase {
    let branches = "\(a.operand(.equality)) : \(b.operand(.equality))"
    return Phrase("\(condition.operand(.equality)) ? \(branches)", .conditional)
  }
}
