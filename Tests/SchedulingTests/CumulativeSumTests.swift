// SPDX-License-Identifier: Apache-2.0
//
// Running sums as machine code, against sums that are written out here: along every axis, both ways,
// of arrays as they lie and as views of others, short and in blocks, on any number of workers.

import Interpreter
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Cumulative sums")
struct CumulativeSumTests {
  struct Kind: CustomStringConvertible, Sendable {
    var shape: [Int]
    var axis: Int
    var isReversed: Bool
    /// Whether the operand is a part of a transposed array.
    var isView = false

    var description: String {
      "\(shape) along \(axis)\(isReversed ? " from the end" : "")\(isView ? ", a view" : "")"
    }

    func graph(_ dtype: DType) -> Graph {
      let op = Op.cumulativeSum(axis: axis, isReversed: isReversed)
      guard isView else {
        return SchedulingTests.graph([TensorType(shape, dtype)]) { b, x in [b.add(op, x[0])] }
      }
      // One more at the front of each axis, and axes in the opposite order.
      let whole = TensorType(shape.reversed().map { $0 + 1 }, dtype)
      return SchedulingTests.graph([whole]) { b, x in
        let turned = b.transpose(x[0], Array(shape.indices.reversed()))
        return [b.add(op, b.slice(turned, starts: shape.map { _ in 1 }, shape: shape))]
      }
    }
  }

  static let kinds: [Kind] =
    [
      ([1], 0), ([7], 0), ([128], 0), ([129], 0), ([1000], 0), ([4099], 0), ([3, 1], 1),
      ([1, 5], 0),
      ([5, 7], 0), ([5, 7], 1), ([300, 9], 0), ([9, 300], 1), ([3, 4, 5], 0), ([3, 4, 5], 1),
      ([3, 4, 5], 2), ([2, 200, 3], 1), ([2, 1, 200, 3], 2),
      // Large: shared out before the axis, behind it, and in parts that fit on the stack, of which a
      // prime number of columns has none but single ones.
      ([640, 1030], 1), ([1030, 640], 0), ([150, 24_000], 0), ([130, 20_011], 0),
      ([40, 150, 97], 1),
    ].flatMap { shape, axis in
      [false, true].map { Kind(shape: shape, axis: axis, isReversed: $0) }
    }
    + [false, true].flatMap { isReversed in
      [([6, 5], 0), ([6, 5], 1), ([3, 200, 4], 1), ([150, 33], 0)].map {
        Kind(shape: $0.0, axis: $0.1, isReversed: isReversed, isView: true)
      }
    }

  /// The operand of the op, element by element in C order, from the graph's input.
  private func operand(_ kind: Kind, _ input: NumericArray) -> [Double] {
    guard kind.isView else { return input.elements }
    let strides = Array(input.type.shape.denseStrides.reversed())
    return places(kind.shape).map { place in
      input.elements[zip(place, strides).reduce(0) { $0 + ($1.0 + 1) * $1.1 }]
    }
  }

  private func places(_ shape: [Int]) -> [[Int]] {
    shape.reduce([[]]) { places, extent in places.flatMap { p in (0..<extent).map { p + [$0] } } }
  }

  /// The sums, with a second number that has what rounding took: exact to twice the digits.
  private func expected(_ kind: Kind, _ input: NumericArray) -> [Double] {
    let x = operand(kind, input)
    let behind = kind.shape[(kind.axis + 1)...].reduce(1, *)
    let extent = kind.shape[kind.axis]
    var result = x
    for first in x.indices where first / behind % extent == 0 {
      var (sum, lost) = (0.0, 0.0)
      for step in 0..<extent {
        let place = first + behind * (kind.isReversed ? extent - 1 - step : step)
        let next = sum + x[place]
        let added = next - sum
        lost += (sum - (next - added)) + (x[place] - added)
        sum = next
        result[place] = sum + lost
      }
    }
    return result
  }

  private func input(_ graph: Graph, isWhole: Bool) -> NumericArray {
    var generator = SeededGenerator(seed: 7)
    let type = graph.inputTypes[0]
    return NumericArray(
      type,
      (0..<type.elementCount).map { _ in
        isWhole
          ? Double(Int.random(in: -9...9, using: &generator))
          : Double(Float.random(in: 0...1, using: &generator))
      })
  }

  @Test(
    "are right to a few roundings of the sum, and the same on any number of workers",
    arguments: [DType.f32, .f64, .i32])
  func right(_ dtype: DType) throws {
    let graphs = Self.kinds.map { $0.graph(dtype) }
    let library = try CompiledGraphs(graphs)
    let tolerance =
      switch dtype {
      case .f32: 9e-7  // A block of 64 terms and two more.
      case .f64: 2e-15
      case .i32, .bool: 0.0
      }
    for (index, kind) in Self.kinds.enumerated() {
      let input = input(graphs[index], isWhole: dtype == .i32)
      let expected = expected(kind, input)
      let found = try library.call(index, [input])[0]
      #expect(found.type.shape == kind.shape)
      let error = zip(found.elements, expected).map { abs($0 - $1) / max(abs($1), 1e-30) }.max()
      #expect(error ?? .nan <= tolerance, "\(kind): \(error ?? .nan)")
      for workers in [2, 3, 7] {
        let shared = try library.call(index, [input], .init(workers: workers, rubbish: 0x7B))[0]
        #expect(shared == found, "\(kind), \(workers) workers")
      }
      let interpreted = try Evaluator(
        precision: dtype == .f32 ? .float32 : .float64
      ).evaluate(graphs[index], inputs: [input])[0]
      let difference = zip(interpreted.elements, expected).map {
        abs($0 - $1) / max(abs($1), 1e-30)
      }.max()
      #expect(difference ?? .nan <= 4 * tolerance, "\(kind) interpreted: \(difference ?? .nan)")
    }
  }

  @Test("infinity and NaN stay from where they come in")
  func notFinite() throws {
    let graph = SchedulingTests.graph([TensorType([400], .f32)]) { b, x in
      [false, true].map { b.add(.cumulativeSum(axis: 0, isReversed: $0), x[0]) }
    }
    let library = try CompiledGraphs([graph])
    for special in [Double.infinity, -.infinity, .nan] {
      for place in [0, 70, 399] {
        var input = NumericArray(graph.inputTypes[0], repeating: 1)
        input.elements[place] = special
        let outputs = try library.call(0, [input])
        for (position, values) in zip(0..., zip(outputs[0].elements, outputs[1].elements)) {
          let upTo = position < place ? Double(position + 1) : special
          let from = position > place ? Double(400 - position) : special
          #expect(values.0 == upTo || values.0.isNaN && upTo.isNaN, "\(special), \(position)")
          #expect(values.1 == from || values.1.isNaN && from.isNaN, "\(special), \(position)")
        }
      }
    }
  }

  @Test("the work grows with the elements, not with their square")
  func cost() {
    for count in [1000, 2000] {
      let graph = Kind(shape: [count], axis: 0, isReversed: false).graph(.f32)
      let program = scheduled(graph, named: "sums")
      #expect(program.flops == count && program.bytesMoved == 8 * count)
    }
  }
}
