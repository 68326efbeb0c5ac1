// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions that work element by element. On numbers known at build time they are computed
// here, in Float64.

import Diagnostics
import TensorIR

extension Elaborator {
  /// An elementwise function of one argument that is not a tree.
  func elementwise(_ builtin: Builtin, _ operand: Operand) throws -> Value {
    switch builtin {
    case .float: return .tensor(try float(operand))
    case .int: return try int(operand)
    case .stopGradient:
      let x = try tensor(operand)
      return .tensor(x.dtype.isFloat ? emitter.add(.stopGradient, x) : x)
    default: break
    }
    if let x = operand.value.number, let result = fold(builtin, x) {
      if case .integer = operand.value, let whole = Int(exactly: result) { return .integer(whole) }
      return .real(result)
    }
    if builtin == .square {
      let x = try tensor(operand)
      return .tensor(emitter.binary(.multiply, x, x))
    }
    let x = try floatTensor(operand)
    if builtin == .relu {
      // Not `x > 0 ? x : 0`: the comparison is false for NaN, which has to stay NaN.
      let zero = emitter.constant(0, x.type)
      return .tensor(emitter.add(.select, emitter.add(.compare(.lessOrEqual), x, zero), zero, x))
    }
    guard let function = builtin.function else {
      preconditionFailure("compiler bug: \(builtin) is not an elementwise function")
    }
    return .tensor(emitter.unary(function, x))
  }

  /// The function of a number known at build time.
  private func fold(_ builtin: Builtin, _ x: Double) -> Double? {
    switch builtin {
    case .relu: Swift.max(x, 0)
    case .square: x * x
    default: builtin.function?(x)
    }
  }

  private func float(_ operand: Operand) throws -> Tensor {
    if case .boolean = operand.value {
      return emitter.convert(try condition(operand), to: floatType)
    }
    return emitter.convert(try tensor(operand), to: floatType)
  }

  /// Whole numbers, cut off towards zero.
  private func int(_ operand: Operand) throws -> Value {
    if let number = operand.value.number, let whole = Int(exactly: number.rounded(.towardZero)) {
      return .integer(whole)
    }
    if case .boolean = operand.value {
      return .tensor(emitter.convert(try condition(operand), to: .i32))
    }
    return .tensor(emitter.convert(try tensor(operand), to: .i32))
  }
}

extension Builtin {
  /// The IR's function of one argument, for those that are one: of the same name but for one.
  fileprivate var function: UnaryFunction? {
    self == .sigmoid ? .logistic : UnaryFunction(rawValue: rawValue)
  }
}
