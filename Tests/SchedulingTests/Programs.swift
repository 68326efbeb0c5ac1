// SPDX-License-Identifier: Apache-2.0
//
// Small programs as the compiler meets them, for tests that count kernels.

import TensorIR

func f64(_ shape: Int...) -> TensorType { TensorType(shape, .f64) }

/// A graph from inputs of the given types to the values that `build` returns.
func graph(
  _ inputs: [TensorType], _ build: (GraphBuilder, [ValueID]) -> [ValueID]
) -> Graph {
  let builder = GraphBuilder(name: "example")
  let values = inputs.enumerated().map { builder.input("x\($0)", $1) }
  for (index, value) in build(builder, values).enumerated() { builder.output("y\(index)", value) }
  return builder.graph
}

/// A loop whose carries are the first `carries` operands and whose other operands are invariants.
func loop(
  trips: Int, carries: Int, stacked: Int = 0, isReversed: Bool = false, _ types: [TensorType],
  _ build: (GraphBuilder, [ValueID]) -> [ValueID]
) -> Loop {
  let body = GraphBuilder(name: "body")
  let index = body.input("i", .scalar(.i32))
  let values = types.enumerated().map { position, type in
    let isSlice = (carries..<(carries + stacked)).contains(position)
    return body.input(
      "x\(position)", isSlice ? TensorType(Array(type.shape.dropFirst()), type.dtype) : type)
  }
  for (position, value) in build(body, [index] + values).enumerated() {
    body.output("y\(position)", value)
  }
  return Loop(
    role: .other("steps"), tripCount: trips, carryCount: carries, stackedInputCount: stacked,
    isReversed: isReversed, body: body.graph)
}

extension GraphBuilder {
  /// `x` reduced along the last axis, and repeated along it again.
  func spread(_ reduction: Reduction, _ x: ValueID) -> ValueID {
    let shape = shape(of: x)
    let row = reduce(reduction, x, axes: [shape.count - 1])
    return broadcast(row, to: shape, axes: Array(0..<(shape.count - 1)))
  }

  /// Softmax along the last axis.
  func softmax(_ x: ValueID) -> ValueID {
    let exponentials = unary(.exp, subtract(x, spread(.maximum, x)))
    return divide(exponentials, spread(.sum, exponentials))
  }

  /// Layer normalisation along the last axis, with a learned scale and shift.
  func layerNorm(_ x: ValueID, scale: ValueID, shift: ValueID) -> ValueID {
    let shape = shape(of: x)
    let width = Double(shape[shape.count - 1])
    let centred = subtract(x, self.scale(spread(.sum, x), by: 1 / width))
    let variance = self.scale(spread(.sum, multiply(centred, centred)), by: 1 / width)
    let normal = multiply(centred, unary(.rsqrt, add(variance, constant(1e-5, like: variance))))
    func row(_ x: ValueID) -> ValueID { broadcast(x, to: shape, axes: [shape.count - 1]) }
    return add(multiply(normal, row(scale)), row(shift))
  }

  /// One step of Adam on a leaf: the next parameter and moments.
  func adam(
    gradient: ValueID, _ theta: ValueID, _ m: ValueID, _ v: ValueID, step: ValueID
  ) -> [ValueID] {
    let count = add(convert(step, to: .f64), constant(1, .scalar(.f64)))
    func correction(_ decay: Double) -> ValueID {
      let one = constant(1, .scalar(.f64))
      let factor = subtract(one, power(constant(decay, .scalar(.f64)), count))
      return broadcast(scalar: factor, to: shape(of: theta))
    }
    let nextM = add(scale(m, by: 0.9), scale(gradient, by: 0.1))
    let nextV = add(scale(v, by: 0.999), scale(multiply(gradient, gradient), by: 0.001))
    let root = unary(.sqrt, divide(nextV, correction(0.999)))
    let move = divide(divide(nextM, correction(0.9)), add(root, constant(1e-8, like: root)))
    return [subtract(theta, scale(move, by: 0.01)), nextM, nextV]
  }
}
