// SPDX-License-Identifier: Apache-2.0
//
// Axes of size 1 that are there for the language's sake: `sum(x, axis: -1, keep: true)` is `[n, 1]` so
// that it meets `x: [n, d]`. What is computed of such arrays element by element is computed of the arrays
// without these axes, which come back last:
//
//     mean(x, axis: -1, keep: true) + 1       sum x : [n]; multiply; add; reshape : [n, 1]
//
// and where the result is stretched to `x` again, the reshape falls away. A reduction, what follows it
// and its use are then neighbours in the IR, as if the axes had never been kept.

import TensorIR

/// The arrays of a graph that have such axes.
struct UnitAxes {
  private var sources: [Emitter.ValueKey: Tensor] = [:]
  private var constants: [Emitter.ValueKey: Double] = [:]

  /// The array that another was before it got axes of size 1.
  func source(of tensor: Tensor) -> Tensor? { sources[tensor.key] }

  /// The number that fills an array.
  func number(filling tensor: Tensor) -> Double? { constants[tensor.key] }

  mutating func note(_ tensor: Tensor, isMadeOf source: Tensor) { sources[tensor.key] = source }

  mutating func note(_ tensor: Tensor, isFilledWith value: Double) {
    constants[tensor.key] = value
  }
}

extension Tensor {
  fileprivate var key: Emitter.ValueKey { Emitter.ValueKey(region: region, id: id) }
}

extension Emitter {
  /// An array with axes of size 1 put in; `shape` says where.
  func withUnitAxes(_ x: Tensor, shape: [Int]) -> Tensor {
    guard x.shape != shape else { return x }
    let result = reshape(x, to: shape)
    unitAxes.note(result, isMadeOf: x)
    return result
  }

  /// The value of an elementwise op made of what its operands were before they got axes of size 1; nil
  /// if they were not all of one shape then.
  func elementwiseBeforeUnitAxes(_ op: Op, _ operands: [Tensor]) -> Tensor? {
    guard op.isElementwise,
      let shape = operands.lazy.compactMap({ self.unitAxes.source(of: $0)?.shape }).first
    else { return nil }
    var sources: [Tensor] = []
    for operand in operands {
      if let source = unitAxes.source(of: operand), source.shape == shape {
        sources.append(source)
      } else if let number = unitAxes.number(filling: operand) {
        sources.append(constant(number, TensorType(shape, operand.dtype)))
      } else {
        return nil
      }
    }
    return withUnitAxes(append(op, sources)[0], shape: operands[0].shape)
  }
}
