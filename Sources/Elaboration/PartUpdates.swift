// SPDX-License-Identifier: Apache-2.0
//
// Assignments to parts: `theta.w1 = w` and `out[i, 1:] = v` give a variable a new value that differs in
// that part. Arrays of the program do not change, so elements are written by a choice:
//
//     out[i] = v      out = select(iota == i, v stretched along the axis, out)
//
// and of several writes to one place, as index arrays may ask for, the last one wins. Since it is a
// choice, derivatives flow to `v` from the places that were written, and to the old array from the
// others, whatever the values there are.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The value with a new part.
  ///
  /// - Errors: those of fields and subscripts; `shape.mismatch` if the new part does not stretch to
  ///   the shape of the old one, `type.mixed` if its elements are of another type.
  func updated(
    _ base: Operand, _ path: ArraySlice<AssignmentTarget.Step>, with new: Operand
  ) throws -> Value {
    guard let step = path.first else { return new.value }
    let rest = path.dropFirst()
    switch step {
    case .field(let name):
      let old = try field(name, of: base)
      guard case .tree(var tree) = base.value,
        let index = tree.fields.firstIndex(where: { $0.name == name.text })
      else { preconditionFailure("compiler bug: only a tree has fields") }
      tree.fields[index].value = try updated(
        within(base, old, to: name.span), rest, with: new)
      return .tree(tree)
    case .subscripts(let subscripts, let span):
      guard !rest.isEmpty else { return try written(base, subscripts, at: span, new) }
      let old = try subscripted(base, subscripts)
      let part = within(base, old, to: span)
      let value = try updated(part, rest, with: new)
      return try written(base, subscripts, at: span, part.part(value))
    }
  }

  /// A part of an operand that is written up to a place.
  private func within(_ base: Operand, _ value: Value, to end: Span) -> Operand {
    let span = base.expression.span.joined(to: end)
    return Operand(expression: Expression(base.expression.kind, at: span), value: value)
  }

  /// The value with new elements; of a stacked group those of every array.
  private func written(
    _ base: Operand, _ subscripts: [Subscript], at span: Span, _ new: Operand
  ) throws -> Value {
    switch base.value {
    case .tensor, .list:
      return .tensor(try written(try tensor(base), base, subscripts, at: span, new))
    case .tree(let tree) where tree.stack != nil:
      let leafwise = try pairLeaves(at: span, base, new) { leaf, value in
        try written(leaf, subscripts, at: span, value)
      }
      return leafwise ?? base.value
    default:
      throw fail(
        .kind(what: "the left of '['", expected: "an array", found: base.value.kind),
        at: base.expression.span)
    }
  }

  private func written(
    _ x: Tensor, _ base: Operand, _ subscripts: [Subscript], at span: Span, _ new: Operand
  ) throws -> Tensor {
    let places = try WrittenPlaces(self, x, base, subscripts, at: span)
    let value = try fitted(new, to: places.shape, x.dtype, at: span)
    return try places.write(value, into: x, self, at: span)
  }

  /// New elements in the shape of those that they replace.
  private func fitted(
    _ new: Operand, to shape: [Int], _ dtype: DType, at span: Span
  ) throws -> Tensor {
    if let number = new.value.number, new.value.fits(dtype) {
      return emitter.constant(number, TensorType(shape, dtype))
    }
    let value = try tensor(new, dtype: dtype == .i32 ? .i32 : nil)
    guard value.dtype == dtype else {
      throw fail(
        .elementTypes(
          op: "an assignment", lhs: TensorType(shape, dtype).spelling, rhs: new.value.spelling),
        at: new.expression.span, operands: [new],
        help: dtype.isFloat ? "float(...) converts" : nil)
    }
    guard commonShape(value.shape, shape) == shape else {
      throw fail(
        .shape(
          what: "what is assigned to \(span.text.isEmpty ? "the part" : "elements \(span.text)")",
          expected: shape.spelling, found: value.shape.spelling), at: new.expression.span,
        operands: [new])
    }
    return emitter.broadcast(value, to: shape)
  }
}
