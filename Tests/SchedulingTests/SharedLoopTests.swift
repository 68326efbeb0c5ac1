// SPDX-License-Identifier: Apache-2.0
//
// Loop nests that are shared out over workers: sums over tokens made in parts, rows that are looked
// up or added, inner loops of nests whose outermost loop is short. Each gives the same bits for any
// number of workers, and what the interpreter gives up to rounding.

import Interpreter
import Kernels
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Shared loop nests")
struct SharedLoopTests {
  /// Graphs of one element type, with a name each.
  private typealias Case = (name: String, graph: Graph)

  private func inputs(_ graph: Graph) -> [NumericArray] {
    var generator = SeededGenerator(seed: 11)
    return graph.inputTypes.map { type in
      NumericArray(
        type,
        (0..<type.elementCount).map { _ in
          guard type.dtype.isFloat else {
            return Double(Int.random(in: 0..<40, using: &generator))
          }
          return Double(Float(Double.random(in: -1...1, using: &generator)))
        })
    }
  }

  /// Checks every case against the interpreter and with 1, 2, 3 and 7 workers.
  private func check(_ cases: [Case], tolerance: Double) throws {
    let library = try CompiledGraphs(cases.map(\.graph))
    for (index, (name, graph)) in cases.enumerated() {
      let inputs = inputs(graph)
      let expected = try Evaluator().evaluate(graph, inputs: inputs)
      let found = try library.call(index, inputs)
      for (expected, found) in zip(expected, found) {
        let scale = expected.elements.map(abs).max() ?? 1
        let error = zip(expected.elements, found.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= tolerance * max(scale, 1), "\(name)")
      }
      for workers in [2, 3, 7] {
        let shared = try library.call(index, inputs, .init(workers: workers, rubbish: 0x7B))
        #expect(shared == found, "\(name), \(workers) workers")
      }
    }
  }

  private func kernels(_ graph: Graph) -> [KernelCall] {
    scheduled(graph, named: "example").steps.compactMap {
      if case .call(let call) = $0 { call } else { nil }
    }
  }

  // MARK: Sums over tokens

  /// What a normalisation's gain and its neighbours need: sums over tokens and over a row, and the
  /// elements themselves.
  private func gain(_ shape: [Int], _ dtype: DType, maximum: Bool = false) -> Graph {
    let type = TensorType(shape, dtype)
    let width = shape[shape.count - 1]
    return graph([type, type, TensorType([width], dtype)]) { b, x in
      let gain = b.broadcast(x[2], to: shape, axes: [shape.count - 1])
      let scaled = b.multiply(b.unary(.sin, x[0]), gain)
      let product = b.multiply(scaled, x[1])
      let tokens = Array(0..<(shape.count - 1))
      let row = b.spread(.sum, product)
      return [
        b.sum(product, axes: tokens), b.multiply(x[0], row),
        b.reduce(maximum ? .maximum : .sum, scaled, axes: tokens),
      ]
    }
  }

  /// Sizes without a common divisor, a batch, short rows done in whole vectors.
  private func sums(_ dtype: DType) -> [Case] {
    let shapes = [
      [1021, 96], [2, 257, 100], [128, 513], [3, 5, 67, 64], [4001, 25], [8192, 12],
    ]
    let results = shapes.map { ("sums over tokens of \($0)", gain($0, dtype)) }
    // No sum over a row; the first axis stays, but is short.
    let kept = graph([TensorType([3, 2011, 10], dtype)]) { b, x in
      let y = b.unary(.tanh, b.unary(.exp, x[0]))
      return [b.sum(y, axes: [1]), b.sum(b.multiply(y, y), axes: [0, 1])]
    }
    return results + [
      ("a maximum over tokens", gain([911, 130], dtype, maximum: true)), ("a kept axis", kept),
    ]
  }

  @Test("sums over tokens give the same bits on any number of workers")
  func sums() throws {
    for (name, graph) in sums(.f32) {
      let kernels = kernels(graph)
      #expect(kernels.first?.isParallel == true, "\(name)")
      guard case .fused(let fused)? = kernels.first?.kernel.body else { continue }
      #expect(fused.cut?.count == fused.splitExtent, "\(name)")
    }
    try check(sums(.f64), tolerance: 1e-12)
    try check(sums(.f32), tolerance: 1e-4)
  }

  @Test("a sum over tokens is two kernels if large, one if small or in a task of a batch")
  func sumKernels() throws {
    #expect(kernels(gain([1024, 96], .f64)).count == 2)
    #expect(kernels(gain([16, 96], .f64)).count == 1)
    let types = [TensorType([3, 4000, 10], .f32)]
    let tasks = graph(types) { b, x in
      b.append(
        .loop(
          loop(trips: 3, carries: 0, stacked: 1, types) { body, y in
            let z = body.unary(.sin, body.unary(.exp, y[1]))
            return [body.sum(z, axes: [0]), body.multiply(z, body.spread(.sum, z))]
          }), x)
    }
    guard case .loop(let loop)? = scheduled(tasks, named: "tasks").steps.first else {
      Issue.record("tasks are not a loop")
      return
    }
    #expect(loop.isParallel && loop.body.count == 1)
    try check([("tasks", tasks)], tolerance: 1e-4)
  }

  @Test("the parts of a sum need little memory")
  func partMemory() {
    let program = scheduled(gain([4096, 512], .f32), named: "example")
    #expect(program.arenaBytes <= 1 << 20)
    // Two results of 2 MiB: no parts, and the result that stays is what splits the loops.
    let wide = scheduled(gain([64, 1 << 19], .f32), named: "wide")
    #expect(wide.arenaBytes <= 1 << 20)
  }

  // MARK: Other loops

  private func others(_ dtype: DType) -> [Case] {
    let halves = graph([TensorType([2, 300, 3, 64], dtype), TensorType([300, 32], dtype)]) { b, x in
      let angle = b.broadcast(x[1], to: [2, 300, 3, 32], axes: [1, 3])
      let low = b.slice(x[0], starts: [0, 0, 0, 0], shape: [2, 300, 3, 32])
      let high = b.slice(x[0], starts: [0, 0, 0, 32], shape: [2, 300, 3, 32])
      let (cosine, sine) = (b.unary(.cos, angle), b.unary(.sin, angle))
      return [
        b.subtract(b.multiply(low, cosine), b.multiply(high, sine)),
        b.add(b.multiply(low, sine), b.multiply(high, cosine)),
      ]
    }
    let indices = TensorType([2, 501], .i32)
    let looked = graph([TensorType([40, 520], dtype), indices]) { b, x in
      [b.gather(x[0], x[1])]
    }
    let added = graph([TensorType([2, 501, 519], dtype), indices]) { b, x in
      [b.scatterAdd(x[1], x[0], rows: 41)]
    }
    let addedInTwo = graph([TensorType([2, 501, 3, 177], dtype), indices]) { b, x in
      [b.scatterAdd(x[1], b.transpose(x[0], [0, 1, 3, 2]), rows: 41)]
    }
    let turned = graph([TensorType([701, 733], dtype)]) { b, x in
      let reshaped = b.reshape(b.transpose(x[0], [1, 0]), to: [701, 733])
      return [b.gather(reshaped, b.constant(3, .scalar(.i32)))]
    }
    return [
      ("halves", halves), ("rows looked up", looked), ("rows added", added),
      ("blocks added", addedInTwo), ("a copy", turned),
    ]
  }

  @Test("nests with a short outermost loop, looked-up and added rows, and copies are shared out")
  func otherLoops() throws {
    for (name, graph) in others(.f64) {
      #expect(kernels(graph).first?.isParallel == true, "\(name)")
    }
    try check(others(.f64), tolerance: 1e-12)
    try check(others(.f32), tolerance: 1e-4)
  }
}
