// SPDX-License-Identifier: Apache-2.0
//
// Short ways to write arrays and to apply one op, for tests against values worked out by hand.

import Interpreter
import TensorIR

/// An f64 array from its elements in C order.
func array(_ shape: [Int], _ elements: [Double]) -> NumericArray {
  NumericArray(TensorType(shape, .f64), elements)
}

/// An i32 array.
func integers(_ shape: [Int], _ elements: [Double]) -> NumericArray {
  NumericArray(TensorType(shape, .i32), elements)
}

/// The elements `first, first + 1, ...` in an array of the given shape.
func counting(_ shape: [Int], from first: Double = 0) -> NumericArray {
  array(shape, (0..<shape.reduce(1, *)).map { first + Double($0) })
}

/// The results of one op.
func apply(
  _ op: Op, _ operands: [NumericArray], precision: Precision = .float64
) throws -> [NumericArray] {
  let builder = GraphBuilder(name: "one op")
  let inputs = operands.enumerated().map { builder.input("x\($0)", $1.type) }
  for (index, result) in builder.append(op, inputs).enumerated() {
    builder.output("y\(index)", result)
  }
  return try Evaluator(precision: precision).evaluate(builder.graph, inputs: operands)
}

/// The elements of the only result of one op.
func elements(
  _ op: Op, _ operands: NumericArray..., precision: Precision = .float64
) throws -> [Double] {
  try apply(op, operands, precision: precision)[0].elements
}
