// SPDX-License-Identifier: Apache-2.0
//
// The built-in functions: their names, parameters and dispatch. What can be written in the language
// is in the prelude instead. A new function is a case here, a line in `parameters`, and a line in
// the switch of its family (BuiltinElementwise.swift, BuiltinReductions.swift, BuiltinArrays.swift).

import Diagnostics
import SpecLanguage
import TensorIR

/// The built-in functions by the name the language gives them.
enum Builtin: String, CaseIterable {
  // Elementwise; trees are treated leaf by leaf.
  case exp, expm1, log, log1p, sqrt, rsqrt, tanh, sigmoid, softplus, sin, cos, erf, erfc
  case abs, sign, floor, relu, square
  case power, maximum, minimum, select
  case stopGradient = "stop_gradient"
  case float, int

  // Reductions and what is made of them.
  case sum, mean, max, min, softmax, logsumexp, dot
  case logSoftmax = "log_softmax"

  // Products.
  case matmul, einsum

  // Functions with fused kernels at every derivative order.
  case attention
  case linearCrossEntropy = "linear_cross_entropy"

  // Creation.
  case zeros, ones, full, iota
  case oneHot = "one_hot"
  case checkLabels = "check_labels"

  // Movement and indexing.
  case reshape, transpose, broadcast, concatenate, stack, split, take, expand, pad, size

  /// The parameters in order; those that end in `=` may be left out.
  var parameters: [String] {
    switch self {
    case .exp, .expm1, .log, .log1p, .sqrt, .rsqrt, .tanh, .sigmoid, .softplus, .sin, .cos, .erf,
      .erfc, .abs, .sign, .floor, .relu, .square, .stopGradient, .float, .int:
      ["x"]
    case .power: ["x", "exponent"]
    case .maximum, .minimum, .dot, .matmul: ["a", "b"]
    case .select: ["condition", "a", "b"]
    case .sum, .mean, .max, .min, .logsumexp: ["x", "axis=", "keep="]
    case .softmax, .logSoftmax: ["x", "axis="]
    case .einsum: []
    case .attention: ["q", "k", "v", "causal=", "scale="]
    case .linearCrossEntropy: ["x", "table", "labels"]
    case .zeros, .ones: ["shape"]
    case .full: ["shape", "value"]
    case .iota: ["count"]
    case .oneHot, .checkLabels: ["labels", "classes"]
    case .reshape, .broadcast: ["x", "shape"]
    case .transpose: ["x", "axes="]
    case .concatenate, .stack: ["parts", "axis="]
    case .split: ["x", "count", "axis="]
    case .take: ["table", "indices", "axis="]
    case .expand: ["x", "axis"]
    case .pad: ["x", "low", "high", "axis="]
    case .size: ["x", "axis="]
    }
  }
}

/// A call of a built-in function with its arguments evaluated.
struct BuiltinCall {
  let callee: Name
  /// By parameter name; arguments not given are absent.
  let operands: [String: Operand]
  /// All arguments in the order in which they were written.
  let all: [Operand]

  /// An argument that must have been given; `matched` has made sure of it.
  subscript(name: String) -> Operand {
    guard let operand = operands[name] else {
      preconditionFailure("compiler bug: \(callee.text) was called without \(name)")
    }
    return operand
  }
}

extension Elaborator {
  /// The value of a call of a built-in function.
  func call(_ builtin: Builtin, _ callee: Name, _ arguments: [Argument]) throws -> Value {
    let call = try matched(builtin, callee, arguments)
    return try calling(callee) { try value(of: builtin, callee, call) }
  }

  private func value(
    of builtin: Builtin, _ callee: Name, _ call: BuiltinCall
  ) throws -> Value {
    switch builtin {
    case .exp, .expm1, .log, .log1p, .sqrt, .rsqrt, .tanh, .sigmoid, .softplus, .sin, .cos, .erf,
      .erfc, .abs, .sign, .floor, .relu, .square, .stopGradient, .float, .int:
      return try mapLeaves(call["x"]) { try elementwise(builtin, $0) }
    case .power: return try binary(.power, at: callee.span, call["x"], call["exponent"])
    case .maximum: return try extremum(.maximum, at: callee.span, call["a"], call["b"])
    case .minimum: return try extremum(.minimum, at: callee.span, call["a"], call["b"])
    case .select: return try select(call["condition"], call["a"], call["b"])
    case .sum, .mean, .max, .min, .logsumexp, .softmax, .logSoftmax, .dot:
      return try reduction(builtin, call)
    case .matmul: return .tensor(try matrixProduct(at: callee.span, call["a"], call["b"]))
    case .einsum:
      guard let specification = call.all.first else {
        throw fail(.argumentMissing("the letters", of: callee.text), at: callee.span)
      }
      return .tensor(try einsum(at: callee.span, specification, Array(call.all.dropFirst())))
    case .attention: return try attention(call)
    case .linearCrossEntropy: return try linearCrossEntropy(call)
    case .zeros, .ones, .full, .iota, .oneHot, .checkLabels, .reshape, .transpose, .broadcast,
      .concatenate, .stack, .split, .take, .expand, .pad, .size:
      return try array(builtin, call)
    }
  }

  private func matched(
    _ builtin: Builtin, _ callee: Name, _ arguments: [Argument]
  ) throws -> BuiltinCall {
    if builtin == .einsum {
      let all = try evaluated(arguments.map(\.value))
      return BuiltinCall(callee: callee, operands: [:], all: all)
    }
    let names = builtin.parameters.map { $0.hasSuffix("=") ? String($0.dropLast()) : $0 }
    let matched = try match(arguments, to: names, of: callee)
    var operands: [String: Operand] = [:]
    for (index, argument) in matched.enumerated() {
      if let argument {
        operands[names[index]] = try evaluated(argument.value)
      } else if !builtin.parameters[index].hasSuffix("=") {
        throw fail(.argumentMissing(names[index], of: callee.text), at: callee.span)
      }
    }
    return BuiltinCall(callee: callee, operands: operands, all: [])
  }
}
