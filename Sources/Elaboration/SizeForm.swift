// SPDX-License-Identifier: Apache-2.0
//
// Sizes as they are written: sums of products of dimensions, so that `heads * width` and `width * heads`
// are one size, and `features` and `classes` are two even where both are 10. What is not made of
// dimensions by `+ - * / div` has no form, and a number says nothing: those fit every size that they are
// equal to.

import Diagnostics
import SpecLanguage

/// A size, as a polynomial in the dimensions, whose coefficients are fractions: half of an even size is
/// `1/2 * size`.
struct SizeForm: Hashable {
  /// The factors of each product, in alphabetical order, with its coefficient; never 0.
  private var terms: [[String]: Fraction] = [:]

  /// A number.
  init(_ constant: Int) { add(Fraction(constant, 1), []) }

  /// A dimension, or something else that is a size of its own.
  init(dimension name: String) { terms[[name]] = Fraction(1, 1) }

  /// Whether no dimension is in it: a number fits every size that it is equal to.
  var isNumber: Bool { terms.keys.allSatisfy(\.isEmpty) }

  static func + (a: SizeForm, b: SizeForm) -> SizeForm {
    var result = a
    for (factors, coefficient) in b.terms { result.add(coefficient, factors) }
    return result
  }

  static func - (a: SizeForm, b: SizeForm) -> SizeForm { a + SizeForm(-1) * b }

  static func * (a: SizeForm, b: SizeForm) -> SizeForm {
    var result = SizeForm(0)
    for (left, coefficient) in a.terms {
      for (right, other) in b.terms { result.add(coefficient * other, (left + right).sorted()) }
    }
    return result
  }

  private mutating func add(_ coefficient: Fraction, _ factors: [String]) {
    let sum = (terms[factors] ?? Fraction(0, 1)) + coefficient
    terms[factors] = sum.numerator == 0 ? nil : sum
  }

  /// A quotient without a rest; nil unless the divisor is one product that is in every term.
  func divided(by divisor: SizeForm) -> SizeForm? {
    guard divisor.terms.count == 1, let (factors, coefficient) = divisor.terms.first else {
      return nil
    }
    var result = SizeForm(0)
    for (product, multiple) in terms {
      guard let rest = product.without(factors) else { return nil }
      result.add(multiple * coefficient.inverse, rest)
    }
    return result
  }

  /// As the language writes it: `2 * heads * width + 1`.
  var text: String {
    let ordered = terms.sorted { a, b in
      a.key.count != b.key.count
        ? a.key.count > b.key.count : a.key.lexicographicallyPrecedes(b.key)
    }
    var text = ""
    for (factors, coefficient) in ordered {
      let count = coefficient.numerator.magnitude
      var product = (count == 1 && !factors.isEmpty ? [] : ["\(count)"]) + factors
      if coefficient.denominator != 1 {
        product[product.count - 1] += " / \(coefficient.denominator)"
      }
      let isNegative = coefficient.numerator < 0
      text += text.isEmpty ? (isNegative ? "-" : "") : isNegative ? " - " : " + "
      text += product.joined(separator: " * ")
    }
    return text.isEmpty ? "0" : text
  }

  /// How many terms a form may have; a size of more has none.
  static let termLimit = 32

  /// Itself, if it is not too long to be handled.
  var limited: SizeForm? { terms.count <= Self.termLimit ? self : nil }
}

/// A fraction in lowest terms, with a denominator of at least 1.
private struct Fraction: Hashable {
  let numerator: Int
  let denominator: Int

  init(_ numerator: Int, _ denominator: Int) {
    var (a, b) = (numerator.magnitude, denominator.magnitude)
    while b != 0 { (a, b) = (b, a % b) }
    let divisor = Int(clamping: max(a, 1)) * (denominator < 0 ? -1 : 1)
    self.numerator = numerator.dividedReportingOverflow(by: divisor).partialValue
    self.denominator = denominator.dividedReportingOverflow(by: divisor).partialValue
  }

  // Coefficients are small: what overflows is no size, and only compared.
  static func + (a: Fraction, b: Fraction) -> Fraction {
    Fraction(
      a.numerator &* b.denominator &+ b.numerator &* a.denominator,
      a.denominator &* b.denominator)
  }

  static func * (a: Fraction, b: Fraction) -> Fraction {
    Fraction(a.numerator &* b.numerator, a.denominator &* b.denominator)
  }

  var inverse: Fraction { Fraction(denominator, numerator) }
}

extension [String] {
  /// The sorted factors that are left if others are taken out once each; nil if one is not there.
  fileprivate func without(_ others: [String]) -> [String]? {
    var rest = self
    for other in others {
      guard let place = rest.firstIndex(of: other) else { return nil }
      rest.remove(at: place)
    }
    return rest
  }
}

extension Optional<SizeForm> {
  /// Whether both are sizes of their own, and two of them.
  func differs(from other: SizeForm?) -> Bool {
    guard let self, let other, !self.isNumber, !other.isNumber else { return false }
    return self != other
  }

  /// The one that says more.
  func joined(_ other: SizeForm?) -> SizeForm? {
    self?.isNumber ?? true ? other ?? self : self
  }
}

extension Elaborator {
  /// The form of a whole-number expression; nil if it has none.
  func sizeForm(_ expression: Expression) -> SizeForm? {
    switch expression.kind {
    case .integer(let value): return SizeForm(value)
    case .name(let name):
      guard let binding = scope.lookup(name), case .integer = binding.value else { return nil }
      return binding.form
    case .unary(.minus, let operand): return sizeForm(operand).map { SizeForm(0) - $0 }
    case .binary(let op, _, let left, let right):
      guard let a = sizeForm(left), let b = sizeForm(right) else { return nil }
      switch op {
      case .add: return (a + b).limited
      case .subtract: return (a - b).limited
      case .multiply: return (a * b).limited
      case .divide, .floorDivide:
        // What has a rest is a size of its own.
        guard let x = number(left), let y = number(right), y != 0 else { return nil }
        if x.isMultiple(of: y) { return a.divided(by: b) }
        return SizeForm(dimension: "(\(a.text)) div (\(b.text))")
      default: return nil
      }
    default: return nil
    }
  }

  /// The value of an expression that has a form: of names and numbers nothing is made.
  func number(_ expression: Expression) -> Int? {
    guard case .integer(let value)? = try? evaluate(expression) else { return nil }
    return value
  }

  /// The forms of the elements of a list.
  func sizeForms(_ list: Operand) -> [SizeForm?] {
    guard case .list(let elements) = list.expression.kind else { return [] }
    return elements.map(sizeForm)
  }

  /// The forms of the axes of a written shape.
  func sizeForms(_ syntax: TensorSyntax) -> [SizeForm?] {
    syntax.shape.map { entry in
      if case .size(let expression) = entry { sizeForm(expression) } else { nil }
    }
  }

  /// Checks that two sizes that are equal are the same: a size of 1 stretches to any.
  ///
  /// - Errors: `shape.dimension` at `place`.
  func requireSame(
    _ a: SizeForm?, _ b: SizeForm?, _ size: Int, _ what: String, at place: Span,
    operands: [Operand] = []
  ) throws {
    guard size != 1, a.differs(from: b), let a, let b else { return }
    throw fail(
      .sizesDiffer(what, lhs: a.text, rhs: b.text, size: size), at: place, operands: operands,
      help: "if they are always the same, declare one by the other: dim \(b.text) = \(a.text)"
        .onlyIfNames(a, b))
  }
}

extension String {
  /// Itself if both sizes are single dimensions; else there is nothing so simple to say.
  fileprivate func onlyIfNames(_ a: SizeForm, _ b: SizeForm) -> String? {
    [a, b].allSatisfy { form in form.text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } }
      ? self : nil
  }
}

extension Tensor {
  /// The form of an axis.
  func form(_ axis: Int) -> SizeForm? { axis < forms.count ? forms[axis] : nil }

  /// The same array, of whose axes more is known.
  func with(_ forms: [SizeForm?]) -> Tensor {
    guard forms.contains(where: { $0 != nil }) else { return self }
    var result = self
    result.forms = shape.indices.map { axis in
      (axis < forms.count ? forms[axis] : nil).joined(form(axis))
    }
    return result
  }
}
