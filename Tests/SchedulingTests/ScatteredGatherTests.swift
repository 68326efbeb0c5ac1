// SPDX-License-Identifier: Apache-2.0
//
// Rows that go from one table to another by two arrays of numbers: a gather whose only reader is a scatter
// is no array. Against sums that are written out here, of whole numbers, so that they are exact.

import Interpreter
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Scattered gathers")
struct ScatteredGatherTests {
  struct Kind: CustomStringConvertible, Sendable {
    var table: [Int]
    var edges: [Int]
    var rows: Int
    /// Whether the table is the transpose of an array.
    var isView = false

    var description: String { "\(table) by \(edges) into \(rows)\(isView ? ", a view" : "")" }

    /// Sums of the rows, and the rows themselves if they are read by something else, too.
    func graph(_ dtype: DType, isReadTwice: Bool = false) -> Graph {
      let stored = TensorType(isView ? table.reversed() : table, dtype)
      let numbers = TensorType(edges, .i32)
      return SchedulingTests.graph([stored, numbers, numbers]) { b, x in
        let source = isView ? b.transpose(x[0], Array(table.indices.reversed())) : x[0]
        let from = b.checkPositions(x[1], .rows(table[0]))
        let to = b.checkPositions(x[2], .rows(rows))
        let messages = b.gather(source, from)
        let sums = b.scatterAdd(to, messages, rows: rows)
        return isReadTwice ? [sums, messages] : [sums]
      }
    }
  }

  static let kinds = [
    Kind(table: [5], edges: [7], rows: 3), Kind(table: [5, 1], edges: [7], rows: 3),
    Kind(table: [9, 16], edges: [40], rows: 6), Kind(table: [9, 7], edges: [5, 8], rows: 6),
    Kind(table: [4, 3, 5], edges: [11], rows: 2),
    Kind(table: [6, 9], edges: [30], rows: 5, isView: true),
    Kind(table: [3, 2, 4], edges: [2, 5], rows: 7, isView: true),
    // Large enough to be shared out; and so many updates of one row that errors are kept.
    Kind(table: [500, 64], edges: [3000], rows: 400), Kind(table: [50, 3], edges: [9000], rows: 2),
  ]

  private func inputs(_ kind: Kind, _ graph: Graph) -> [NumericArray] {
    var generator = SeededGenerator(seed: 11)
    func array(_ position: Int, _ range: Range<Int>) -> NumericArray {
      let type = graph.inputTypes[position]
      return NumericArray(
        type,
        (0..<type.elementCount).map { _ in Double(Int.random(in: range, using: &generator)) })
    }
    return [array(0, -9..<10), array(1, 0..<kind.table[0]), array(2, 0..<kind.rows)]
  }

  private func expected(_ kind: Kind, _ inputs: [NumericArray]) -> [Double] {
    let width = kind.table.dropFirst().reduce(1, *)
    let strides = inputs[0].type.shape.denseStrides
    let tableStrides = kind.isView ? strides.reversed() : strides
    var sums = [Double](repeating: 0, count: kind.rows * width)
    for (from, to) in zip(inputs[1].elements, inputs[2].elements) {
      for column in 0..<width {
        var (rest, place) = (column, Int(from) * tableStrides[0])
        for axis in kind.table.indices.dropFirst().reversed() {
          place += rest % kind.table[axis] * tableStrides[axis]
          rest /= kind.table[axis]
        }
        sums[Int(to) * width + column] += inputs[0].elements[place]
      }
    }
    return sums
  }

  @Test("are right, for any number of workers", arguments: [DType.f32, .f64, .i32])
  func right(_ dtype: DType) throws {
    let graphs = Self.kinds.flatMap { [$0.graph(dtype), $0.graph(dtype, isReadTwice: true)] }
    let library = try CompiledGraphs(graphs)
    for (index, kind) in Self.kinds.enumerated() {
      let inputs = inputs(kind, graphs[2 * index])
      let right = expected(kind, inputs)
      for workers in [1, 2, 3] {
        for graph in [2 * index, 2 * index + 1] {
          let found = try library.call(graph, inputs, .init(workers: workers, rubbish: 0x7B))[0]
          #expect(found.elements == right, "\(kind), \(workers) workers")
        }
      }
    }
  }

  @Test("rows that nobody else reads are not stored")
  func notStored() {
    let kind = Kind(table: [500, 64], edges: [3000], rows: 400)
    let alone = scheduled(kind.graph(.f32), named: "alone")
    let shared = scheduled(kind.graph(.f32, isReadTwice: true), named: "shared")
    #expect(shared.bytesMoved - alone.bytesMoved >= 2 * 3000 * 64 * 4)
  }
}
