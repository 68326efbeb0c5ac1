// SPDX-License-Identifier: Apache-2.0
//
// Long sums in f32, against f64: the error of every kind of sum stays where that of a short one is,
// whatever its length. Equal values are the hard case: every rounding of a running total goes the same
// way, so that one of 2e7 squares of 0.1 was off by 2.7e-3.

import Interpreter
import TensorIR
import TestSupport
import Testing

@Suite("Long sums")
struct LongSumTests {
  /// A kind of sum: a graph with one output, and the relative error that it may have.
  struct Kind: CustomStringConvertible, Sendable {
    let description: String
    let graph: Graph
    /// For terms drawn evenly from 0 to 1, and for equal ones: one block may have every rounding go
    /// the same way.
    let bounds: (drawn: Double, equal: Double)
  }

  private static func f32(_ shape: Int...) -> TensorType { TensorType(shape, .f32) }

  /// The sum of squares over some axes.
  private static func squares(_ shape: [Int], over axes: [Int]) -> Kind {
    Kind(
      description: "squares of \(shape) over \(axes)",
      graph: SchedulingTests.graph([TensorType(shape, .f32)]) { b, x in
        [b.reduce(.sum, b.multiply(x[0], x[0]), axes: axes)]
      }, bounds: (2e-7, 9e-7))
  }

  private static func product(
    _ lhs: TensorType, _ rhs: TensorType, _ labels: ContractionLabels, _ drawn: Double = 3e-7
  ) -> Kind {
    Kind(
      description: "product of \(lhs) and \(rhs)",
      graph: SchedulingTests.graph([lhs, rhs]) { b, x in [b.contract(x[0], x[1], labels)] },
      bounds: (drawn, 3e-6))
  }

  static let kinds: [Kind] = [
    squares([2_000_000], over: [0]),
    squares([2, 700_001], over: [0, 1]),
    squares([3, 300_000], over: [1]),
    squares([5, 5_000], over: [1]),
    squares([150_000, 16], over: [0]),
    squares([100_003, 10], over: [0]),
    squares([4, 60_000, 7], over: [1]),
    squares([400, 3, 300, 10], over: [0, 2]),
    squares([300, 5, 400, 3], over: [0, 1, 2]),
    squares([600, 5_000], over: [0]),
    Kind(
      description: "rows and columns in one nest",
      graph: SchedulingTests.graph([f32(50_000, 24)]) { b, x in
        let squares = b.multiply(x[0], x[0])
        let normal = b.divide(squares, b.spread(.sum, squares))
        return [b.reduce(.sum, normal, axes: [0])]
      }, bounds: (2e-7, 9e-7)),
    product(f32(500_000), f32(500_000), ContractionLabels(lhs: [0], rhs: [0], output: [])),
    product(
      f32(7, 100_000), f32(100_000), ContractionLabels(lhs: [0, 1], rhs: [1], output: [0])),
    product(
      f32(100_000, 20), f32(100_000), ContractionLabels(lhs: [0, 1], rhs: [0], output: [1])),
    product(f32(16, 100_000), f32(100_000, 16), .matrixProduct),
    product(f32(40, 20_000), f32(20_000, 70), .matrixProduct),
    product(f32(3, 20_000), f32(20_000, 300), .matrixProduct),
    product(
      f32(100_000, 16), f32(100_000, 16),
      ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])),
    product(
      f32(30, 2_000, 16), f32(30, 2_000, 16),
      ContractionLabels(lhs: [0, 1, 2], rhs: [0, 1, 2], output: [2])),
    product(
      f32(400, 3, 300), f32(400, 300, 5),
      ContractionLabels(lhs: [0, 1, 2], rhs: [0, 2, 3], output: [1, 3])),
  ]

  private static func inputs(_ graph: Graph, isEqual: Bool) -> [NumericArray] {
    var generator = SeededGenerator(seed: 11)
    return graph.inputTypes.map { type in
      NumericArray(
        type,
        (0..<type.elementCount).map { _ in
          Double(Float(isEqual ? 0.1 : Double.random(in: 0...1, using: &generator)))
        })
    }
  }

  private static func error(_ found: NumericArray, _ expected: NumericArray) -> Double {
    zip(found.elements, expected.elements).map { abs($0 - $1) / abs($1) }.max() ?? 0
  }

  @Test("the error does not grow with the length, and the bits are those of one worker")
  func errors() throws {
    let library = try CompiledGraphs(Self.kinds.map(\.graph))
    for (index, kind) in Self.kinds.enumerated() {
      for isEqual in [false, true] {
        let inputs = Self.inputs(kind.graph, isEqual: isEqual)
        let expected = try Evaluator().evaluate(kind.graph, inputs: inputs)[0]
        let found = try library.call(index, inputs)[0]
        let error = Self.error(found, expected)
        let bound = isEqual ? kind.bounds.equal : kind.bounds.drawn
        #expect(error < bound, "\(kind), \(isEqual ? "equal" : "drawn") terms: \(error)")
        for workers in [2, 3, 7] {
          let shared = try library.call(index, inputs, .init(workers: workers, rubbish: 0x7B))[0]
          #expect(shared == found, "\(kind), \(workers) workers")
        }
      }
    }
  }

  @Test("many updates of one row of a table")
  func scatter() throws {
    let (count, rows) = (300_000, 5)
    let types = [TensorType([count], .i32), Self.f32(count, 4)]
    let graph = SchedulingTests.graph(types) { b, x in [b.scatterAdd(x[0], x[1], rows: rows)] }
    let library = try CompiledGraphs([graph])
    for isEqual in [false, true] {
      var inputs = Self.inputs(graph, isEqual: isEqual)
      inputs[0] = NumericArray(types[0], (0..<count).map { $0 % 3 == 0 ? 4 : 1 })
      let expected = try Evaluator().evaluate(graph, inputs: inputs)[0]
      let found = try library.call(0, inputs)[0]
      for (found, expected) in zip(found.elements, expected.elements) {
        #expect(abs(found - expected) <= 1.2e-7 * expected)
      }
    }
  }

  @Test("infinity and NaN go through, and a sum that overflows is infinite")
  func notFinite() throws {
    let shapes = [([9_000], [0]), ([400, 3], [0])]
    let graphs = shapes.map { shape, axes in
      SchedulingTests.graph([TensorType(shape, .f32)]) { b, x in
        [b.reduce(.sum, x[0], axes: axes)]
      }
    }
    let library = try CompiledGraphs(graphs)
    for (index, graph) in graphs.enumerated() {
      let type = graph.inputTypes[0]
      for (place, value) in [(0, Double.infinity), (777, -.infinity), (1_100, .infinity)] {
        var input = NumericArray(type, repeating: 1)
        input.elements[place] = value
        #expect(try library.call(index, [input])[0].elements.contains(value))
        #expect(try !library.call(index, [input])[0].elements.contains(where: \.isNaN))
        input.elements[place] = .nan
        #expect(try library.call(index, [input])[0].elements.contains(where: \.isNaN))
      }
      let large = NumericArray(type, repeating: Double(Float(1e38)))
      #expect(try library.call(index, [large])[0].elements.allSatisfy { $0 == .infinity })
    }
  }
}

@Suite("The interpreter's long sums")
struct InterpretedSumTests {
  @Test("Float32 is as good a yardstick for a long sum as for a short one")
  func float32() throws {
    let graph = SchedulingTests.graph([TensorType([300_000], .f32)]) { b, x in
      let labels = ContractionLabels(lhs: [0], rhs: [0], output: [])
      return [b.reduce(.sum, x[0], axes: [0]), b.contract(x[0], x[0], labels)]
    }
    let input = NumericArray(graph.inputTypes[0], repeating: Double(Float(0.1)))
    let exact = try Evaluator().evaluate(graph, inputs: [input])
    let rounded = try Evaluator(precision: .float32).evaluate(graph, inputs: [input])
    for (exact, rounded) in zip(exact, rounded) {
      #expect(abs(exact.elements[0] - rounded.elements[0]) < 3e-6 * exact.elements[0])
      #expect(exact != rounded, "nothing was rounded")
    }
  }
}
