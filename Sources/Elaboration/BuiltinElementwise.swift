// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions that work element by element, on trees leaf by leaf. Of numbers known at build
// time they are computed here, in Float64.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let elementwise: [Builtin] =
    UnaryFunction.allCases.compactMap(Builtin.init(of:)) + [
      Builtin("power", .any("x"), .any("exponent"), summary: "`x ** exponent`") {
        try $0.binary(.power, at: $1, $2, $3)
      },
      Builtin("maximum", .any("a"), .any("b"), summary: "the larger of each two elements") {
        try $0.extremum(.maximum, at: $1, $2, $3)
      },
      Builtin("minimum", .any("a"), .any("b"), summary: "the smaller of each two elements") {
        try $0.extremum(.minimum, at: $1, $2, $3)
      },
      Builtin(
        "mod", .any("a"), .any("b"),
        summary: "the rest of `a` over `b`, with the sign of `b`: `a - b * floor(a / b)`"
      ) { try $0.remainder(at: $1, $2, $3) },
      Builtin(
        "select", .any("condition"), .any("a"), .any("b"), summary: "`if condition then a else b`"
      ) { e, _, condition, a, b in try e.select(condition, a, b) },
      Builtin("stop_gradient", .any("x"), summary: "`x`, through which no derivative flows") {
        e, _, x in try e.mapLeaves(x, e.stopGradient)
      },
      Builtin("float", .any("x"), summary: "whole numbers and conditions as floats") { e, _, x in
        try e.mapLeaves(x, e.float)
      },
      Builtin("int", .any("x"), summary: "whole numbers, cut off towards zero") { e, _, x in
        try e.mapLeaves(x, e.int)
      },
    ]

  /// A function of the IR with one argument; nil for one that is an operator of the language.
  private init?(of function: UnaryFunction) {
    guard let (name, summary) = function.inLanguage else { return nil }
    self.init(name, .any("x"), summary: summary) { e, _, x in
      try e.mapLeaves(x) { try e.unary(function, $0) }
    }
  }
}

extension UnaryFunction {
  /// What the language calls the function, and what it is; nil for an operator.
  fileprivate var inLanguage: (name: String, summary: String)? {
    switch self {
    case .negate: nil
    case .exp: ("exp", "e to the power of `x`")
    case .expm1: ("expm1", "`exp(x) - 1`, exact near 0")
    case .log: ("log", "the natural logarithm")
    case .log1p: ("log1p", "`log(1 + x)`, exact near 0")
    case .sqrt: ("sqrt", "the square root")
    case .rsqrt: ("rsqrt", "`1 / sqrt(x)`")
    case .tanh: ("tanh", "the hyperbolic tangent")
    case .logistic: ("sigmoid", "`1 / (1 + exp(-x))`")
    case .softplus: ("softplus", "`log(1 + exp(x))`, without overflow")
    case .sin: ("sin", "the sine of an angle in radians")
    case .cos: ("cos", "the cosine of an angle in radians")
    case .erf: ("erf", "the error function")
    case .erfc: ("erfc", "`1 - erf(x)`, exact for large `x`")
    case .asin: ("asin", "the angle in radians whose sine is `x`")
    case .acos: ("acos", "the angle in radians whose cosine is `x`")
    case .atan: ("atan", "the angle in radians whose tangent is `x`")
    case .sinh: ("sinh", "the hyperbolic sine")
    case .cosh: ("cosh", "the hyperbolic cosine")
    case .asinh: ("asinh", "the inverse hyperbolic sine")
    case .acosh: ("acosh", "the inverse hyperbolic cosine")
    case .atanh: ("atanh", "the inverse hyperbolic tangent")
    case .abs: ("abs", "the absolute value")
    case .sign: ("sign", "-1, 0 or 1")
    case .floor: ("floor", "the largest whole number that is not larger")
    }
  }
}

extension Elaborator {
  /// A function of the IR of an argument that is not a tree.
  fileprivate func unary(_ function: UnaryFunction, _ operand: Operand) throws -> Value {
    guard let x = operand.value.number else {
      return .tensor(emitter.unary(function, try floatTensor(operand)))
    }
    let result = function(x)
    if case .integer = operand.value, let whole = Int(exactly: result) { return .integer(whole) }
    return .real(result)
  }

  fileprivate func stopGradient(_ operand: Operand) throws -> Value {
    let x = try tensor(operand)
    return .tensor(x.dtype.isFloat ? emitter.add(.stopGradient, x) : x)
  }

  fileprivate func float(_ operand: Operand) throws -> Value {
    if case .boolean = operand.value {
      return .tensor(emitter.convert(try condition(operand), to: floatType))
    }
    return .tensor(emitter.convert(try tensor(operand), to: floatType))
  }

  fileprivate func int(_ operand: Operand) throws -> Value {
    if let number = operand.value.number, let whole = Int(exactly: number.rounded(.towardZero)) {
      return .integer(whole)
    }
    if case .boolean = operand.value {
      return .tensor(emitter.convert(try condition(operand), to: .i32))
    }
    return .tensor(emitter.convert(try tensor(operand), to: .i32))
  }
}
