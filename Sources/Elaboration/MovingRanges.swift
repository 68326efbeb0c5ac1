// SPDX-License-Identifier: Apache-2.0
//
// Ranges that move: `x[i : i + k]`, whose start is computed and whose length is known. The two ends
// are compared as they are written, as sums of whole multiples of what they are made of; what is equal
// text in one subscript is an equal number, for an expression changes nothing that its neighbour sees.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The positions of a range whose start is computed; nil if it is known, or left out.
  ///
  /// - Errors: `type.whole` if the length is not known, `shape.range` if it is none.
  func movingRange(
    _ from: Expression, _ to: Expression?, _ by: Expression?, _ span: Span
  ) throws -> Tensor? {
    guard mayBeComputed(from) else { return nil }
    let start = try evaluated(from)
    guard case .tensor(let first) = start.value, first.dtype == .i32, first.shape.isEmpty else {
      return nil
    }
    let step = try by.map { try integer($0, "the step of a range") } ?? 1
    guard step != 0 else {
      throw fail(.kind(what: "the step of a range", expected: "not 0", found: "0"), at: span)
    }
    guard let to, let length = (linearForm(to) - linearForm(from)).constant else {
      let name = from.span.text
      throw fail(
        .wholeNumberNeeded("the length of a range", found: to.map { $0.span.text } ?? "no end"),
        at: span, help: "write \(name) : \(name) + k, with a k that is known")
    }
    // A step below 0 goes from its start down.
    let count = (length + step - step.signum()) / step
    guard length.signum() == step.signum() else {
      throw fail(.rangeEmpty(from: 0, to: length), at: span)
    }
    return progression(from: first, step: step, count: count)
  }

  /// `first`, `first + step`, ...: so many whole numbers.
  func progression(from first: Tensor, step: Int, count: Int) -> Tensor {
    let places = emitter.add(.iota(axis: 0, shape: [count]))
    let steps =
      step == 1
      ? places : emitter.binary(.multiply, places, emitter.constant(Double(step), places.type))
    return emitter.binary(.add, emitter.broadcast(first, to: [count]), steps)
  }

  /// Whether an expression is not a number as it stands; so that those that are cost nothing.
  private func mayBeComputed(_ expression: Expression) -> Bool {
    linearForm(expression).constant == nil
  }

  /// A whole-number expression as a sum.
  func linearForm(_ expression: Expression) -> LinearForm {
    switch expression.kind {
    case .integer(let value): return LinearForm(value)
    case .name(let name):
      if case .integer(let value)? = scope.lookup(name)?.value { return LinearForm(value) }
    case .unary(.minus, let operand): return LinearForm(0) - linearForm(operand)
    case .binary(.add, _, let left, let right):
      return LinearForm(0) - (LinearForm(0) - linearForm(left) - linearForm(right))
    case .binary(.subtract, _, let left, let right): return linearForm(left) - linearForm(right)
    case .binary(.multiply, _, let left, let right):
      let (a, b) = (linearForm(left), linearForm(right))
      if let factor = a.constant { return b.scaled(by: factor) }
      if let factor = b.constant { return a.scaled(by: factor) }
    default: break
    }
    return LinearForm(term: expression.printed())
  }
}

/// A whole multiple of each of some terms, and a constant. Numbers that overflow are no form.
struct LinearForm {
  private var terms: [String: Int] = [:]
  private var number = 0
  private var isKnown = true

  init(_ constant: Int) { number = constant }

  init(term: String) { terms[term] = 1 }

  /// The value, if it depends on no term.
  var constant: Int? { isKnown && terms.values.allSatisfy { $0 == 0 } ? number : nil }

  static func - (a: LinearForm, b: LinearForm) -> LinearForm {
    var result = a
    let (number, overflow) = a.number.subtractingReportingOverflow(b.number)
    result.number = number
    result.isKnown = a.isKnown && b.isKnown && !overflow
    for (term, factor) in b.terms {
      let (value, overflow) = (a.terms[term] ?? 0).subtractingReportingOverflow(factor)
      result.terms[term] = value
      if overflow { result.isKnown = false }
    }
    return result
  }

  func scaled(by factor: Int) -> LinearForm {
    var result = self
    for (term, value) in terms {
      let (product, overflow) = value.multipliedReportingOverflow(by: factor)
      result.terms[term] = product
      if overflow { result.isKnown = false }
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    result.number = product
    if overflow { result.isKnown = false }
    return result
  }
}
