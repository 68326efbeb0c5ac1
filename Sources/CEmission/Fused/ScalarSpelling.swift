// SPDX-License-Identifier: Apache-2.0
//
// The C spelling of elementwise ops and element types. The last of the places that a new op fills.

import Kernels
import Scheduling
import TensorIR

extension DType {
  /// The C type of an element in memory and of a scalar in a kernel.
  var cName: String {
    switch self {
    case .f32: "float"
    case .f64: "double"
    case .i32: "int32_t"
    case .bool: "uint8_t"
    }
  }

  /// The C literal of a number.
  func literal(_ value: Double) -> String {
    switch self {
    case .f32:
      if value.isNaN { return "__builtin_nanf(\"\")" }
      // A number beyond the range of f32, such as -1e39, rounds to an infinity.
      if Float(value).isInfinite { return value < 0 ? "-__builtin_inff()" : "__builtin_inff()" }
      return "\(Float(value))f"
    case .f64:
      if value.isNaN { return "__builtin_nan(\"\")" }
      if value.isInfinite { return value < 0 ? "-__builtin_inf()" : "__builtin_inf()" }
      return "\(value)"
    case .i32: return "\(Int(value))"
    case .bool: return value != 0 ? "1" : "0"
    }
  }
}

/// Spells elementwise ops, and notes which helpers of `Templates/runtime` they call.
struct ScalarSpelling {
  private(set) var requiredHelpers: Set<String> = []
  /// What is done about angles too large for the sines and cosines of vector lanes.
  var angles = AngleHandling.none

  /// The C expression of `op` applied to scalars.
  ///
  /// - Parameters:
  ///   - operands: C expressions; identifiers or literals where `op.repeatsOperands`.
  ///   - types: their types.
  mutating func expression(
    _ op: ElementwiseOp, _ operands: [Phrase], _ types: [DType], result: DType
  ) -> Phrase {
    switch op {
    case .unary(let function): return unary(function, operands[0], types[0])
    case .binary(let function): return binary(function, operands[0], operands[1], types[0])
    case .compare(let comparison):
      let isEquality = comparison == .equal || comparison == .notEqual
      var (left, right) = (operands[0], operands[1])
      if left.text == right.text, !types[0].isFloat {
        // An index may turn out to be compared with itself; compilers warn of it where it is said so.
        (left, right) = (.infix(left, "-", right, .sum), Phrase("0"))
      }
      return .infix(left, comparison.symbol, right, isEquality ? .equality : .relation)
    case .select: return .conditional(operands[0], operands[1], operands[2])
    case .convert(.i32) where types[0].isFloat:
      return Phrase(helper("mf_to_i32", types[0], operands[0].text))
    case .convert(let dtype):
      return Phrase("(\(dtype.cName))\(operands[0].operand(.unary))", .unary)
    case .stopGradient: return operands[0]
    case .threefry(let word):
      let arguments = operands.map(\.text) + [word.number]
      return Phrase(helper("mf_threefry", types[0], arguments.joined(separator: ", ")))
    }
  }

  /// A number that must be a position, clamped to one; see `ScalarExpression.position`.
  mutating func position(
    _ x: String, limit: Int, check: Int, place: String, faults: String
  ) -> String {
    requiredHelpers.insert("mf_position")
    return "mf_position(\(x), \(limit), \(check), \(place), \(faults))"
  }

  /// The combination of a float reduction; its helper allows reassociation into vector lanes.
  mutating func combine(
    _ reduction: Reduction, _ a: String, _ b: String, _ type: DType
  ) -> String {
    switch reduction {
    case .sum: helper("mf_sum_step", type, "\(a), \(b)")
    case .maximum: helper("mf_maximum_step", type, "\(a), \(b)")
    }
  }

  /// The combination of `count` neighbouring floats that `array` names.
  mutating func combineLanes(
    _ reduction: Reduction, _ array: String, _ type: DType, count: Int
  ) -> String {
    let family =
      switch reduction {
      case .sum: "mf_sum_lanes"
      case .maximum: "mf_maximum_lanes"
      }
    requiredHelpers.insert("\(family)_\(type.rawValue)")
    return "\(family)_\(type.rawValue)x\(count)(\(array))"
  }

  /// Whether a number is too large for the sines and cosines of vector lanes: 1 or 0.
  mutating func isFarAngle(_ x: String, _ type: DType) -> String { helper("mf_is_far", type, x) }

  private mutating func unary(_ function: UnaryFunction, _ x: Phrase, _ type: DType) -> Phrase {
    switch function {
    case .negate: Phrase("-\(x.operand(.atom))", .unary)
    case .exp: call("mf_exp", type, x)
    case .expm1: call("mf_expm1", type, x)
    case .log: call("mf_log", type, x)
    case .log1p: call("mf_log1p", type, x)
    case .sqrt: builtin("sqrt", type, x)
    case .rsqrt: .infix(Phrase(type.literal(1)), "/", builtin("sqrt", type, x), .product)
    case .tanh: call("mf_tanh", type, x)
    case .logistic: call("mf_logistic", type, x)
    case .softplus: call("mf_softplus", type, x)
    case .sin: call("mf_sin\(angles.suffix)", type, x)
    case .cos: call("mf_cos\(angles.suffix)", type, x)
    case .erf: call("mf_erf", type, x)
    case .erfc: call("mf_erfc", type, x)
    case .asin: call("mf_asin", type, x)
    case .acos: call("mf_acos", type, x)
    case .atan: call("mf_atan", type, x)
    case .sinh: call("mf_sinh", type, x)
    case .cosh: call("mf_cosh", type, x)
    case .asinh: call("mf_asinh", type, x)
    case .acosh: call("mf_acosh", type, x)
    case .atanh: call("mf_atanh", type, x)
    case .abs: builtin("fabs", type, x)
    // The last operand is x, not 0: NaN stays NaN.
    case .sign:
      Phrase(
        "\(x.text) > 0 ? \(type.literal(1)) : \(x.text) < 0 ? \(type.literal(-1)) : \(x.text)",
        .conditional)
    case .floor: call("mf_floor", type, x)
    }
  }

  private mutating func binary(
    _ function: BinaryFunction, _ a: Phrase, _ b: Phrase, _ type: DType
  ) -> Phrase {
    switch function {
    // What does not fit wraps around, which C leaves undefined for signed numbers.
    case .add where type == .i32: wrapping("+", a, b, .sum)
    case .subtract where type == .i32: wrapping("-", a, b, .sum)
    case .multiply where type == .i32: wrapping("*", a, b, .product)
    case .add: .infix(a, "+", b, .sum)
    case .subtract: .infix(a, "-", b, .sum)
    case .multiply: .infix(a, "*", b, .product)
    case .divide: .infix(a, "/", b, .product)
    case .power: Phrase(helper("mf_pow", type, "\(a.text), \(b.text)"))
    case .maximum: extremum(">", a.text, b.text, type)
    case .minimum: extremum("<", a.text, b.text, type)
    case .floorDivide: Phrase(helper("mf_floor_divide", type, "\(a.text), \(b.text)"))
    }
  }

  private func wrapping(
    _ symbol: String, _ a: Phrase, _ b: Phrase, _ strength: Phrase.Strength
  ) -> Phrase {
    let operands = [a, b].map { "(uint32_t)\($0.operand(.unary))" }
    return Phrase("(int32_t)(\(operands.joined(separator: " \(symbol) ")))", .unary)
  }

  /// NaN in either operand gives NaN: the comparison takes `a` if it is NaN, the test `b`. Constants
  /// come last, and for one that is not NaN the test goes away: what remains is one instruction.
  private func extremum(_ symbol: String, _ a: String, _ b: String, _ type: DType) -> Phrase {
    let choice = "\(b) \(symbol) \(a) ? \(b) : \(a)"
    return Phrase(type.isFloat ? "\(b) != \(b) ? \(b) : \(choice)" : choice, .conditional)
  }

  private mutating func call(_ name: String, _ type: DType, _ x: Phrase) -> Phrase {
    Phrase(helper(name, type, x.text))
  }

  /// A helper of `Templates/runtime`, one for each float type.
  private mutating func helper(_ name: String, _ type: DType, _ arguments: String) -> String {
    let symbol = "\(name)_\(type.rawValue)"
    requiredHelpers.insert(symbol)
    return "\(symbol)(\(arguments))"
  }

  /// A built-in function that is an instruction or two on every machine; others may become calls of
  /// libm, which no library may make (`Templates/STYLE.md`).
  private func builtin(_ name: String, _ type: DType, _ x: Phrase) -> Phrase {
    Phrase("__builtin_\(name)\(type == .f32 ? "f" : "")(\(x.text))")
  }
}

extension ElementwiseOp {
  /// Whether the C of the op has an operand more than once.
  var repeatsOperands: Bool {
    switch self {
    case .unary(.sign), .binary(.maximum), .binary(.minimum): true
    default: false
    }
  }
}

extension ThreefryWord {
  /// What `mf_threefry` calls the word.
  fileprivate var number: String {
    switch self {
    case .first: "0"
    case .second: "1"
    case .both: "2"
    }
  }
}
