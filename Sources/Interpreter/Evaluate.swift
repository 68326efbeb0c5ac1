// SPDX-License-Identifier: Apache-2.0
//
// The meaning of every op, one case each. Read this file to learn the IR: the code prefers to be
// obvious. Shapes are already checked by the builder or the verifier, so nothing is checked twice;
// only the values of row indices can still be wrong.

import TensorIR

extension Evaluator {
  /// The results of one node for the values of its operands.
  func evaluate(_ node: Node, _ operands: [NumericArray], region: Program?) throws -> [NumericArray]
  {
    switch node.op {
    case .unary(let function):
      return [map(operands[0], rounds: function.rounds) { function($0) }]
    case .binary(let function) where operands[0].type.dtype == .i32:
      return [combine(operands[0], operands[1]) { function.wrapping($0, $1) }]
    case .binary(let function):
      return [combine(operands[0], operands[1], rounds: function.rounds) { function($0, $1) }]
    case .compare(let comparison):
      let type = operands[0].type.with(.bool)
      return [combine(operands[0], operands[1], as: type) { comparison($0, $1) ? 1 : 0 }]
    case .select:
      let chosen = operands[0].elements.indices.map { index in
        operands[operands[0].elements[index] != 0 ? 1 : 2].elements[index]
      }
      return [NumericArray(operands[1].type, chosen)]
    case .convert(let dtype):
      return [map(operands[0], as: operands[0].type.with(dtype)) { dtype.converted($0) }]
    case .stopGradient:
      return [operands[0]]
    case .threefry(let word):
      let numbers = operands[0].elements.indices.map { index in
        word(operands.map { $0.elements[index] })
      }
      return [NumericArray(operands[0].type, numbers)]
    case .constant(let value, let type):
      let precision = precision.appropriate(for: type.dtype)
      return [NumericArray(type, repeating: precision.rounded(value))]
    case .iota(let axis, let shape):
      var strides = [Int](repeating: 0, count: shape.count)
      strides[axis] = 1
      let indices = stridedOffsets(shape: shape, strides: strides)
      return [NumericArray(TensorType(shape, .i32), indices.map(Double.init))]
    case .broadcast(let shape, let axes):
      return [broadcast(operands[0], to: shape, axes: axes)]
    case .reshape(let shape):
      return [NumericArray(TensorType(shape, operands[0].type.dtype), operands[0].elements)]
    case .transpose(let permutation):
      return [transpose(operands[0], permutation)]
    case .slice(let starts, let shape):
      return [slice(operands[0], starts: starts, shape: shape)]
    case .pad(let low, let high):
      return [pad(operands[0], low: low, high: high)]
    case .concatenate(let axis):
      return [concatenate(operands, axis: axis)]
    case .windows(let windows):
      return [self.windows(operands[0], windows)]
    case .sumWindows(let windows, let extent):
      return [sumWindows(operands[0], windows, extent: extent)]
    case .reduce(let reduction, let axes):
      return [reduce(operands[0], reduction, axes: axes)]
    case .cumulativeSum(let axis, let isReversed):
      return [cumulativeSum(operands[0], axis: axis, isReversed: isReversed)]
    case .contract(let labels):
      return [contract(operands[0], operands[1], labels)]
    case .checkPositions(let bound):
      _ = try positions(operands[0], bound, node.provenance)
      return [operands[0]]
    case .gather:
      return [try gather(operands[0], operands[1], node.provenance)]
    case .scatterAdd(let rows):
      return [try scatterAdd(operands[0], operands[1], rows: rows, node.provenance)]
    case .loop(let loop):
      return try run(loop, operands, prepared(region))
    case .structured, .gradient, .jvp:
      return try run(prepared(region), operands)
    }
  }

  /// In blocks, like all long sums: a yardstick should not be worse than what it measures.
  private func cumulativeSum(_ x: NumericArray, axis: Int, isReversed: Bool) -> NumericArray {
    let strides = x.shape.denseStrides
    var others = x.shape
    others[axis] = 1
    let precision = precision.appropriate(for: x.type.dtype)
    let isWhole = x.type.dtype == .i32
    func sum(_ a: Double, _ b: Double) -> Double {
      isWhole ? BinaryFunction.add.wrapping(a, b) : precision.rounded(a + b)
    }
    var elements = x.elements
    for start in stridedOffsets(shape: others, strides: strides) {
      var (total, part) = (0.0, 0.0)
      for step in 0..<x.shape[axis] {
        if step % 256 == 0 { (total, part) = (sum(total, part), 0) }
        let position = isReversed ? x.shape[axis] - 1 - step : step
        part = sum(part, x.elements[start + position * strides[axis]])
        elements[start + position * strides[axis]] = sum(total, part)
      }
    }
    return NumericArray(x.type, elements)
  }

  private func prepared(_ region: Program?) -> Program {
    guard let region else { preconditionFailure("compiler bug: a region was not prepared") }
    return region
  }

  // MARK: Elementwise

  private func map(
    _ x: NumericArray, as type: TensorType? = nil, rounds: Bool = false,
    _ function: (Double) -> Double
  ) -> NumericArray {
    let type = type ?? x.type
    let precision = precision.appropriate(for: type.dtype)
    let round = rounds ? precision.computed : precision.rounded
    return NumericArray(type, x.elements.map { round(function($0)) })
  }

  private func combine(
    _ x: NumericArray, _ y: NumericArray, as type: TensorType? = nil, rounds: Bool = false,
    _ function: (Double, Double) -> Double
  ) -> NumericArray {
    let type = type ?? x.type
    let precision = precision.appropriate(for: type.dtype)
    let round = rounds ? precision.computed : precision.rounded
    let elements = zip(x.elements, y.elements).map { round(function($0, $1)) }
    return NumericArray(type, elements)
  }
}

extension UnaryFunction {
  /// Whether the result is computed, rather than an operand's bits or a whole number.
  fileprivate var rounds: Bool {
    switch self {
    case .negate, .abs, .sign, .floor: false
    case .exp, .expm1, .log, .log1p, .sqrt, .rsqrt, .tanh, .logistic, .softplus, .sin, .cos, .erf,
      .erfc, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh:
      true
    }
  }
}

extension BinaryFunction {
  /// Whether the result is computed, rather than one of the operands.
  fileprivate var rounds: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .power: true
    case .maximum, .minimum, .floorDivide: false
    }
  }
}
