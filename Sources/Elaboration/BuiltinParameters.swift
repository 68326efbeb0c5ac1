// SPDX-License-Identifier: Apache-2.0
//
// The kinds of parameters that built-in functions have: what each takes for an argument, what it makes
// of it, and what it says of anything else, at the argument.

import Diagnostics
import SpecLanguage
import TensorIR

/// A parameter of a built-in function.
struct Parameter<Argument>: Sendable {
  let slot: Builtin.Slot
  /// Whether it takes all arguments that are left.
  var takesMore = false
  /// Makes of the argument what the function works with; of none if it is left out, which it can be
  /// only with a fallback.
  let read: @Sendable (Elaborator, [Operand]) throws -> Argument

  /// A parameter that needs an argument.
  init(_ name: String, needed: @escaping @Sendable (Elaborator, Operand) throws -> Argument) {
    slot = Builtin.Slot(name: name, fallback: nil)
    read = { elaborator, operands in
      guard let operand = operands.first else {
        preconditionFailure("compiler bug: no argument for \(name)")
      }
      return try needed(elaborator, operand)
    }
  }

  /// A parameter that may be left out.
  private init(
    _ name: String, or fallback: String,
    optional: @escaping @Sendable (Elaborator, Operand?) throws -> Argument
  ) {
    slot = Builtin.Slot(name: name, fallback: fallback)
    read = { try optional($0, $1.first) }
  }

  /// A parameter that may be left out, with what `read` makes of its argument or of none.
  static func optional(
    _ name: String, or fallback: String,
    read: @escaping @Sendable (Elaborator, Operand?) throws -> Argument
  ) -> Self { Self(name, or: fallback, optional: read) }

  /// A parameter that takes any number of arguments.
  private init(_ name: String, all: @escaping @Sendable ([Operand]) -> Argument) {
    slot = Builtin.Slot(name: name, fallback: "")
    takesMore = true
    read = { all($1) }
  }
}

/// An argument that is an array.
struct ArrayArgument {
  let operand: Operand
  let tensor: Tensor

  var shape: [Int] { tensor.shape }
  var rank: Int { tensor.shape.count }
}

/// An argument that is a whole number known at build time.
struct WholeArgument {
  let operand: Operand
  let value: Int
}

/// An argument that is a number known at build time.
struct NumberArgument {
  let operand: Operand
  let value: Double
}

/// A list of sizes, with its expression for messages.
struct SizesArgument {
  let operand: Operand
  let sizes: [Int]
}

// MARK: - Values and arrays

extension Parameter<Operand> {
  /// Anything; the function sees to it itself.
  static func any(_ name: String) -> Self { Self(name, needed: { $1 }) }
}

extension Parameter<Operand?> {
  /// Anything that may be left out; the function sees to it itself.
  static func optional(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback, optional: { $1 })
  }
}

extension Parameter<[Operand]> {
  /// All arguments that are left.
  static func rest(_ name: String) -> Self { Self(name, all: { $0 }) }
}

extension Parameter<ArrayArgument> {
  /// An array of any element type; numbers and lists are made arrays.
  static func array(_ name: String) -> Self {
    Self(name, needed: { ArrayArgument(operand: $1, tensor: try $0.tensor($1)) })
  }

  /// An array of floats with so many axes.
  static func floats(_ name: String, rank: ClosedRange<Int> = 0...Int.max) -> Self {
    Self(name) { elaborator, operand in
      let tensor = try elaborator.floatTensor(operand)
      guard rank.contains(tensor.shape.count) else {
        let expected =
          tensor.shape.count < rank.lowerBound
          ? "at least \(rank.lowerBound) axes" : "at most \(rank.upperBound) axes"
        throw elaborator.fail(
          .rank(op: name, expected: expected, found: tensor.shape.spelling),
          at: operand.expression.span, operands: [operand])
      }
      return ArrayArgument(operand: operand, tensor: tensor)
    }
  }

  /// An array of whole numbers.
  static func wholes(_ name: String) -> Self {
    Self(name) { elaborator, operand in
      let tensor = try elaborator.tensor(operand, dtype: .i32)
      guard tensor.dtype == .i32 else {
        throw elaborator.fail(
          .kind(what: name, expected: "an i32 array", found: operand.value.kind),
          at: operand.expression.span, operands: [operand])
      }
      return ArrayArgument(operand: operand, tensor: tensor)
    }
  }
}

extension Parameter<ArrayArgument?> {
  /// An array of floats that may be left out.
  static func floats(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback) { elaborator, operand in
      try operand.map { ArrayArgument(operand: $0, tensor: try elaborator.floatTensor($0)) }
    }
  }

  /// An array of whole numbers that may be left out.
  static func wholes(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback, elements: .i32, "an i32 array")
  }

  /// An array of conditions that may be left out.
  static func conditions(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback, elements: .bool, "a bool array")
  }

  private init(_ name: String, or fallback: String, elements dtype: DType, _ expected: String) {
    self.init(name, or: fallback) { elaborator, operand in
      try operand.map { operand in
        let tensor = try elaborator.tensor(operand, dtype: dtype)
        guard tensor.dtype == dtype else {
          throw elaborator.fail(
            .kind(what: name, expected: expected, found: operand.value.kind),
            at: operand.expression.span, operands: [operand])
        }
        return ArrayArgument(operand: operand, tensor: tensor)
      }
    }
  }
}

// MARK: - What is known at build time

extension Parameter<WholeArgument?> {
  /// A whole number that may be left out; messages call it `what`.
  static func whole(_ name: String, _ what: String, or fallback: String) -> Self {
    Self(name, or: fallback) { elaborator, operand in
      try operand.map { WholeArgument(operand: $0, value: try elaborator.integer($0, what)) }
    }
  }
}

extension Parameter<NumberArgument?> {
  /// A number that may be left out, with its expression.
  static func number(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback) { elaborator, operand in
      guard let operand else { return nil }
      return try Parameter<Double?>.number(name, or: fallback).read(elaborator, [operand])
        .map { NumberArgument(operand: operand, value: $0) }
    }
  }
}

extension Parameter<Int> {
  /// A whole number; messages call it `what`.
  static func whole(_ name: String, _ what: String) -> Self {
    Self(name, needed: { try $0.integer($1, what) })
  }

  /// A whole number of at least 1.
  static func positive(_ name: String, _ what: String) -> Self {
    Self(name) { elaborator, operand in
      let count = try elaborator.integer(operand, what)
      try elaborator.requirePositive(count, operand)
      return count
    }
  }
}

extension Parameter<Double?> {
  /// A number that may be left out.
  static func number(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback) { elaborator, operand in
      try operand.map { operand in
        guard let number = operand.value.number else {
          throw elaborator.fail(
            .kind(what: name, expected: "a number known at build time", found: operand.value.kind),
            at: operand.expression.span)
        }
        return number
      }
    }
  }
}

extension Parameter<Bool> {
  /// `true` or `false`, the latter if left out.
  static func flag(_ name: String) -> Self {
    Self(name, or: "false") { elaborator, operand in
      guard let operand else { return false }
      guard case .boolean(let flag) = operand.value else {
        throw elaborator.fail(
          .kind(what: name, expected: "true or false", found: operand.value.kind),
          at: operand.expression.span)
      }
      return flag
    }
  }
}

extension Parameter<SizesArgument> {
  /// A list of whole numbers, of any sign.
  static func sizes(_ name: String) -> Self {
    Self(name, needed: { SizesArgument(operand: $1, sizes: try $0.sizes($1)) })
  }
}

extension Parameter<SizesArgument?> {
  /// A list of whole numbers that may be left out.
  static func sizes(_ name: String, or fallback: String) -> Self {
    Self(name, or: fallback) { elaborator, operand in
      try operand.map { SizesArgument(operand: $0, sizes: try elaborator.sizes($0)) }
    }
  }
}

/// The sizes of an array that is made, with what is known of them beside their values.
struct ShapeArgument {
  let sizes: [Int]
  let forms: [SizeForm?]
}

extension Parameter<ShapeArgument> {
  /// A list of sizes of at least 1.
  static func shape(_ name: String) -> Self {
    Self(name) { elaborator, operand in
      let sizes = try elaborator.sizes(operand)
      for size in sizes { try elaborator.requirePositive(size, operand) }
      return ShapeArgument(sizes: sizes, forms: elaborator.sizeForms(operand))
    }
  }

  /// The size of an array with one axis; messages call it `what`.
  static func count(_ name: String, _ what: String) -> Self {
    Self(name) { elaborator, operand in
      let count = try elaborator.integer(operand, what)
      try elaborator.requirePositive(count, operand)
      return ShapeArgument(sizes: [count], forms: [operand.form])
    }
  }
}

// MARK: - Axes

/// Axes of an array that another argument gives.
struct AxesArgument {
  /// What was given, if it was.
  let operand: Operand?
  /// The axis that it is if it was not; nil stands for all.
  let fallback: Int?
}

/// One axis of an array that another argument gives.
struct AxisArgument {
  let operand: Operand?
  /// The axis that it is if none was given.
  let fallback: Int
}

extension Parameter<AxisArgument> {
  /// An axis.
  static func axis(_ name: String) -> Self {
    Self(name, needed: { AxisArgument(operand: $1, fallback: 0) })
  }

  /// An axis that may be left out; negative ones count from the end.
  static func axis(_ name: String, or fallback: Int) -> Self {
    Self(name, or: String(fallback)) { AxisArgument(operand: $1, fallback: fallback) }
  }
}

extension Parameter<AxesArgument> {
  /// An axis or a list of them, all if left out.
  static func axes(_ name: String) -> Self {
    Self(name, or: "all") { AxesArgument(operand: $1, fallback: nil) }
  }

  /// An axis or a list of them, one certain axis if left out.
  static func axes(_ name: String, or fallback: Int) -> Self {
    Self(name, or: String(fallback)) { AxesArgument(operand: $1, fallback: fallback) }
  }
}

extension Elaborator {
  /// The axes that an argument names, counted from the start and increasing. An array without axes has
  /// none to leave out.
  func axes(_ argument: AxesArgument, rank: Int) throws -> [Int] {
    guard let operand = argument.operand else {
      guard let axis = argument.fallback else { return Array(0..<rank) }
      return rank == 0 ? [] : [axis < 0 ? axis + rank : axis]
    }
    let values: [Value] =
      switch operand.value {
      case .list(let parts), .tuple(let parts): parts
      default: [operand.value]
      }
    let axes = try values.map { try axis(operand.part($0), rank: rank) }
    guard Set(axes).count == axes.count else {
      throw fail(.argumentRepeated("an axis"), at: operand.expression.span)
    }
    return axes.sorted()
  }

  /// The axis that an argument names, counted from the start.
  ///
  /// - Parameter place: where the function is called.
  func axis(_ argument: AxisArgument, rank: Int, at place: Span) throws -> Int {
    if let operand = argument.operand { return try axis(operand, rank: rank) }
    guard rank > 0 else { throw fail(.axisOutOfRange(argument.fallback, rank: rank), at: place) }
    return argument.fallback < 0 ? argument.fallback + rank : argument.fallback
  }

  /// One axis, counted from the start; negative numbers count from the end.
  private func axis(_ operand: Operand, rank: Int) throws -> Int {
    let value = try integer(operand, "an axis")
    let axis = value < 0 ? value + rank : value
    guard axis >= 0, axis < rank else {
      throw fail(.axisOutOfRange(value, rank: rank), at: operand.expression.span)
    }
    return axis
  }

  /// The whole numbers in a list.
  fileprivate func sizes(_ operand: Operand) throws -> [Int] {
    guard case .list(let parts) = operand.value else {
      throw fail(
        .kind(what: "a shape", expected: "a list such as [2, 3]", found: operand.value.kind),
        at: operand.expression.span)
    }
    return try parts.indices.map { try integer(operand.element($0, of: parts), "a size") }
  }

  func requirePositive(_ size: Int, _ operand: Operand) throws {
    guard size < 1 else { return }
    throw fail(
      .kind(what: "a size", expected: "at least 1", found: String(size)),
      at: operand.expression.span)
  }
}
