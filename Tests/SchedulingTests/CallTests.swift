// SPDX-License-Identifier: Apache-2.0
//
// Programs as machine code: every layout of a contraction, work that is shared out over workers,
// and row indices that are out of range.

import Interpreter
import Kernels
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Programs as machine code")
struct CallTests {
  /// Inputs in -1...1.
  private func inputs(_ graph: Graph, seed: UInt64 = 1) -> [NumericArray] {
    var generator = SeededGenerator(seed: seed)
    return graph.inputTypes.map { type in
      NumericArray(
        type,
        (0..<type.elementCount).map { _ in
          type.dtype.isFloat
            ? Double.random(in: -1...1, using: &generator)
            : Double(Int.random(in: 0...2, using: &generator))
        })
    }
  }

  /// Checks all graphs against the interpreter, with 1 to 3 workers.
  private func check(
    _ graphs: [Graph], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let library = try CompiledGraphs(graphs)
    for (index, graph) in graphs.enumerated() {
      let inputs = inputs(graph)
      let expected = try Evaluator().evaluate(graph, inputs: inputs)
      let found = try library.call(index, inputs)
      for (expected, found) in zip(expected, found) {
        let error = zip(expected.elements, found.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(error < 1e-10, "\(graph.text)", sourceLocation: sourceLocation)
      }
      for workers in [2, 3] {
        let shared = try library.call(index, inputs, .init(workers: workers, rubbish: 0x7B))
        #expect(shared == found, "\(workers) workers", sourceLocation: sourceLocation)
      }
    }
  }

  @Test("rows of a few elements, done in whole vectors and in blocks")
  func shortRows() throws {
    // 37 and 1 row cannot be blocked; 8 and 64 elements are whole vectors.
    let shapes = [
      [50, 10], [37, 10], [1, 9], [6, 5], [12, 50], [4, 3, 7], [2, 6, 33], [9, 8], [3, 64],
    ]
    try check(
      shapes.map { shape in
        graph([TensorType(shape, .f64), TensorType([shape[shape.count - 1]], .f64)]) { b, x in
          let bias = b.broadcast(x[1], to: shape, axes: [shape.count - 1])
          let p = b.softmax(b.add(x[0], bias))
          let y = b.multiply(p, b.unary(.tanh, x[0]))
          return [p, y, b.sum(y, axes: Array(0..<(shape.count - 1)))]
        }
      })
    let steps = scheduled(graph([f64(50, 10)]) { b, x in [b.softmax(x[0])] }, named: "example")
      .steps
    guard case .call(let call)? = steps.first, case .fused(let kernel) = call.kernel.body else {
      Issue.record("a softmax is not one fused kernel")
      return
    }
    #expect(kernel.lanes?.extent == 10 && kernel.lanes?.paddedExtent == 16)
    #expect(kernel.splitExtent == 5, "blocks of ten rows")
  }

  @Test("contractions of every layout")
  func contractions() throws {
    // Labels: batch 0, row 1, column 2, summed 3 and 4.
    var generator = SeededGenerator(seed: 4)
    let graphs = (0..<48).map { number -> Graph in
      let extents = [[1, 3], [1, 5, 33], [1, 6, 40], [1, 7, 64], [1, 2]].map {
        generator.choose($0)
      }
      let isBatched = number % 2 == 0
      let batch = isBatched ? [0] : []
      let labels = ContractionLabels(
        lhs: (batch + [1, 3, 4]).shuffled(using: &generator),
        rhs: (batch + [2, 3, 4]).shuffled(using: &generator),
        output: (batch + [1, 2]).shuffled(using: &generator))
      let (lhs, rhs) = (labels.lhs.map { extents[$0] }, labels.rhs.map { extents[$0] })
      // Every third operand is a window of a larger array.
      let margin = number % 3 == 0 ? 1 : 0
      return graph([TensorType(lhs.map { $0 + margin }, .f64), TensorType(rhs, .f64)]) { b, x in
        let window = b.slice(x[0], starts: lhs.map { _ in margin }, shape: lhs)
        return [b.contract(window, x[1], labels)]
      }
    }
    try check(graphs)
  }

  /// Graphs with enough work for several workers.
  private var largeGraphs: [Graph] {
    let square = f64(160, 200)
    let chain = graph([square, f64(200)]) { b, x in
      let row = b.broadcast(x[1], to: [160, 200], axes: [1])
      let y = b.multiply(b.unary(.sin, b.add(x[0], row)), b.unary(.exp, x[0]))
      return [y, b.multiply(y, b.unary(.cos, y))]
    }
    let softmax = graph([square]) { b, x in [b.softmax(b.unary(.sin, b.unary(.exp, x[0])))] }
    let leading = graph([f64(250, 200)]) { b, x in
      let y = b.unary(.sin, b.unary(.exp, x[0]))
      return [b.sum(y, axes: [0]), b.reduce(.maximum, y, axes: [0]), b.multiply(y, y)]
    }
    let product = graph([f64(130, 150), f64(150, 110)]) { b, x in
      [b.contract(x[0], x[1], .matrixProduct)]
    }
    let types = [f64(7, 20, 24), f64(24, 24)]
    let map = graph(types) { b, x in
      b.append(
        .loop(
          loop(trips: 7, carries: 0, stacked: 1, types) { body, y in
            let product = body.contract(y[1], y[2], .matrixProduct)
            let index = body.broadcast(scalar: body.convert(y[0], to: .f64), to: [20, 24])
            return [body.softmax(product), body.sum(body.add(product, index), axes: [0])]
          }), x)
    }
    return [chain, softmax, leading, product, map]
  }

  @Test("work is shared out over workers without changing a bit")
  func workers() throws {
    let graphs = largeGraphs
    for graph in graphs {
      let program = scheduled(graph, named: "large")
      let isShared = program.steps.contains { step in
        switch step {
        case .call(let call): call.isParallel
        case .loop(let loop): loop.isParallel
        }
      }
      #expect(isShared, "\(graph.text)")
    }
    try check(graphs)
  }

  @Test("a row index out of range is refused before anything is written")
  func rowIndices() throws {
    let table = f64(4, 3)
    let indices = TensorType([2, 5], .i32)
    let looked = graph([table, indices]) { b, x in [b.gather(x[0], x[1])] }
    let summed = graph([f64(2, 5, 3), indices]) { b, x in
      [b.scatterAdd(x[1], x[0], rows: 4)]
    }
    let types = [indices, table]
    let inLoop = graph([table, indices]) { b, x in
      b.append(
        .loop(
          loop(trips: 2, carries: 0, stacked: 1, types) { body, y in [body.gather(y[2], y[1])] }),
        [x[1], x[0]])
    }
    let moved = graph([table, indices, indices]) { b, x in
      let both = b.concatenate([b.transpose(x[2], [1, 0]), b.transpose(x[1], [1, 0])], axis: 0)
      return [b.gather(x[0], both), b.gather(b.slice(x[0], starts: [0, 0], shape: [3, 3]), x[2])]
    }
    let graphs = [looked, summed, inLoop, moved]
    let library = try CompiledGraphs(graphs)
    #expect(library.programs[3].inputs.map(\.range) == [nil, 0...3, 0...2])
    for (index, graph) in graphs.enumerated() {
      #expect(library.programs[index].inputs[1].range == 0...3)
      var inputs = inputs(graph)
      _ = try library.call(index, inputs)
      for wrong in [-1.0, 4, 1e9] {
        inputs[1].elements[7] = wrong
        let failure = #expect(throws: CallFailure.self) { _ = try library.call(index, inputs) }
        #expect(failure?.status == 2)
      }
    }
  }
}
