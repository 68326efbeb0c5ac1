// SPDX-License-Identifier: Apache-2.0
//
// A computation that has diverged must say so: NaN goes through every elementwise op of the compiled
// program as through the interpreter's.

import Interpreter
import TensorIR
import Testing

@Suite("NaN in compiled programs")
struct NotANumberTests {
  /// Each value paired with each other one, often enough to fill vectors and leave a remainder.
  private static let values = [Double.nan, 1.5, -2, 0, .infinity, -.infinity]
  private static let pairs: [(Double, Double)] = {
    let all = values.flatMap { x in values.map { (x, $0) } }
    return Array((all + all + all).dropLast(5))
  }()

  @Test("elementwise ops give NaN where the interpreter does", arguments: [DType.f32, .f64])
  func elementwise(_ dtype: DType) throws {
    let type = TensorType([Self.pairs.count], dtype)
    let graphs =
      UnaryFunction.allCases.map { function in
        graph([type, type]) { b, x in [b.unary(function, x[0])] }
      }
      + BinaryFunction.allCases.filter(\.isForFloats).flatMap { function in
        [
          graph([type, type]) { b, x in [b.add(.binary(function), x[0], x[1])] },
          graph([type, type]) { b, x in
            [b.add(.binary(function), x[0], b.constant(1, like: x[1]))]
          },
          graph([type, type]) { b, x in
            [b.add(.binary(function), b.constant(1, like: x[1]), x[0])]
          },
        ]
      }
    let inputs = [Self.pairs.map(\.0), Self.pairs.map(\.1)].map { NumericArray(type, $0) }
    let compiled = try CompiledGraphs(graphs)
    for (index, graph) in graphs.enumerated() {
      let found = try compiled.call(index, inputs)[0].elements
      let expected = try Evaluator().evaluate(graph, inputs: inputs)[0].elements
      let name = graph.nodes.last?.op.name ?? ""
      let lost = found.indices.filter { expected[$0].isNaN && !found[$0].isNaN }
      let first = lost.first.map { "\(name) of \(Self.pairs[$0]) is \(found[$0])" } ?? ""
      #expect(lost.isEmpty, "\(first)")
    }
  }

  @Test("a maximum is NaN if one of its values is", arguments: [DType.f32, .f64])
  func maxima(_ dtype: DType) throws {
    let widths = [2, 3, 7, 8, 10, 15, 16, 17, 31, 64, 100, 1031]
    let graphs = widths.flatMap { width in
      // Over rows, over columns, over everything.
      [[1], [0], [0, 1]].map { axes in
        graph([TensorType([width + 1, width], dtype)]) { b, x in
          [b.reduce(.maximum, x[0], axes: axes)]
        }
      }
    }
    let compiled = try CompiledGraphs(graphs)
    for (index, graph) in graphs.enumerated() {
      let type = graph.inputTypes[0]
      // Everywhere on a diagonal, of both signs; and nowhere in one row.
      for sign in [FloatingPointSign.plus, .minus] {
        var input = NumericArray(type, (0..<type.elementCount).map { Double($0 % 11) - 5 })
        for row in 0..<type.shape[1] {
          let number = row % 3 == 1 ? Double.infinity : -.infinity
          input.elements[row * type.shape[1]] = number
          input.elements[row * type.shape[1] + row] = Double(
            sign: sign, exponent: 0, significand: .nan)
        }
        let expected = try Evaluator().evaluate(graph, inputs: [input])[0].elements
        for workers in [1, 2] {
          let found = try compiled.call(index, [input], .init(workers: workers))[0].elements
          let isSame = zip(expected, found).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
          #expect(isSame, "maximum of \(type): \(found), not \(expected)")
        }
      }
    }
  }
}
