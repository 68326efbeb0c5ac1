// SPDX-License-Identifier: Apache-2.0
//
// Maxima over rows, exact whatever order they are taken in: of long rows, which are kept as
// ordered integers, and of short ones, with infinities, zeros of both signs and whole rows of them.

import Interpreter
import TensorIR
import TestSupport
import Testing

@Suite("Row maxima")
struct RowMaximumTests {
  private func inputs(_ type: TensorType) -> NumericArray {
    var generator = SeededGenerator(seed: 3)
    var array = NumericArray(
      type,
      (0..<type.elementCount).map { _ in
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: -0.0
        case 1: 0
        case 2: -.infinity
        default: Double(Float(Double.random(in: -8...(-1e-3), using: &generator)))
        }
      })
    let width = type.shape[type.rank - 1]
    // A row without a finite number, one with an infinity at its end, one of zeros, tiny numbers.
    let rows = [-Double.infinity, -1, -0.0, -0x1p-149]
    for (row, number) in rows.enumerated() where (row + 1) * width <= type.elementCount {
      for place in (row * width)..<((row + 1) * width) { array.elements[place] = number }
    }
    array.elements[2 * width - 1] = .infinity
    return array
  }

  @Test("maxima are exact", arguments: [DType.f32, .f64])
  func exact(dtype: DType) throws {
    let shapes = [
      [9, 3], [7, 15], [5, 16], [6, 17], [5, 64], [4, 96], [3, 1031], [40, 4096], [2, 5, 33, 40],
    ]
    let graphs = shapes.map { shape in
      graph([TensorType(shape, dtype)]) { b, x in
        let last = shape.count - 1
        let rows = b.reduce(.maximum, x[0], axes: [last])
        let whole = b.reduce(.maximum, x[0], axes: Array(0...last))
        // Read again in the next traversal of the row, and by what comes after it.
        let above = b.minimum(x[0], b.spread(.maximum, b.negate(x[0])))
        return [rows, whole, b.reduce(.maximum, above, axes: [last])]
      }
    }
    let library = try CompiledGraphs(graphs)
    for (index, graph) in graphs.enumerated() {
      let input = inputs(graph.inputTypes[0])
      let expected = try Evaluator().evaluate(graph, inputs: [input])
      for workers in [1, 2, 3] {
        let found = try library.call(index, [input], .init(workers: workers))
        for (expected, found) in zip(expected, found) {
          #expect(expected.elements == found.elements, "\(shapes[index]), \(workers) workers")
        }
      }
    }
  }
}
