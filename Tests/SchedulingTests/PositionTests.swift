// SPDX-License-Identifier: Apache-2.0
//
// Positions that are computed, in range and out of range: machine code and the interpreter refuse the
// same calls and name the same element, for any number of workers; what is proved is not checked. The
// memory around all arrays is guarded.

import Interpreter
import Kernels
import Scheduling
import TensorIR
import TestSupport
import Testing

private let table = f64(5, 3)
private let indices = TensorType([4], .i32)

/// `check_positions` as Elaboration writes it.
extension GraphBuilder {
  fileprivate func positions(_ x: ValueID, below limit: Int) -> ValueID {
    checkPositions(x, PositionBound(limit: limit, subject: "x", purpose: "a position"))
  }

  fileprivate func whole(_ number: Int, like x: ValueID) -> ValueID {
    constant(Double(number), like: x)
  }
}

/// Graphs of a table, an index array and a float array, and what they do with them.
private let computed: [(name: String, graph: Graph)] = [
  (
    "sum",
    graph([table, indices]) { b, x in
      [b.gather(x[0], b.add(x[1], b.whole(1, like: x[1])))]
    }
  ),
  (
    "checked sum, read and written",
    graph([table, indices]) { b, x in
      let rows = b.positions(b.add(x[1], b.whole(1, like: x[1])), below: 5)
      let taken = b.gather(x[0], rows)
      return [taken, b.scatterAdd(rows, taken, rows: 5)]
    }
  ),
  (
    "written only",
    graph([f64(4, 3), indices]) { b, x in
      [b.scatterAdd(b.multiply(x[1], b.whole(2, like: x[1])), x[0], rows: 5)]
    }
  ),
  (
    "from floats",
    graph([table, indices, f64(4)]) { b, x in
      let rows = b.convert(b.scale(x[2], by: 4), to: .i32)
      return [b.gather(x[0], b.add(rows, b.multiply(x[1], b.whole(0, like: x[1]))))]
    }
  ),
  (
    "of a gather of indices",
    graph([table, indices]) { b, x in
      let order = b.reshape(b.transpose(b.reshape(x[1], to: [2, 2]), [1, 0]), to: [4])
      return [b.gather(x[0], b.gather(order, b.iota(axis: 0, shape: [4])))]
    }
  ),
  (
    "one of two",
    graph([table, indices]) { b, x in
      let isSmall = b.compare(.less, x[1], b.whole(3, like: x[1]))
      return [b.gather(x[0], b.select(isSmall, b.add(x[1], b.whole(2, like: x[1])), x[1]))]
    }
  ),
  (
    "in a loop",
    graph([table, indices]) { b, x in
      b.append(
        .loop(
          loop(trips: 4, carries: 1, stacked: 1, [f64(3), indices, table]) { body, y in
            let row = body.add(body.subtract(y[2], y[0]), body.whole(1, like: y[0]))
            return [body.add(y[1], body.gather(y[3], row))]
          }), [b.constant(0, f64(3)), x[1], x[0]])
    }
  ),
  (
    "in parallel tasks",
    graph([table, TensorType([6, 4], .i32)]) { b, x in
      b.append(
        .loop(
          loop(trips: 6, carries: 0, stacked: 1, [TensorType([6, 4], .i32), table]) { body, y in
            [body.gather(y[2], body.add(y[1], body.whole(1, like: y[1])))]
          }), [x[1], x[0]])
    }
  ),
  (
    "what a loop carries on",
    graph([table, indices]) { b, x in
      b.append(
        .loop(
          loop(trips: 3, carries: 2, [indices, f64(4, 3), table]) { body, y in
            let rows = body.add(y[1], body.whole(1, like: y[1]))
            return [rows, body.add(y[2], body.gather(y[3], y[1]))]
          }), [x[1], b.constant(0, f64(4, 3)), x[0]])
    }
  ),
]

/// Of a graph's inputs: floats between 0 and 1, whole numbers in a range.
private func inputs(
  _ graph: Graph, _ numbers: ClosedRange<Int>, _ generator: inout SeededGenerator
) -> [NumericArray] {
  graph.inputTypes.map { type in
    NumericArray(
      type,
      (0..<type.elementCount).map { _ in
        type.dtype == .i32
          ? Double(Int.random(in: numbers, using: &generator))
          : Double.random(in: 0...1.3, using: &generator)
      })
  }
}

@Suite("Positions in programs")
struct PositionTests {
  @Test("computed positions are refused where the interpreter refuses them, and nowhere else")
  func refusal() throws {
    let library = try CompiledGraphs(computed.map(\.graph))
    var generator = SeededGenerator(seed: 12)
    for (index, (name, graph)) in computed.enumerated() {
      var outcomes = Set<Bool>()
      for trial in 0..<60 {
        let numbers = [0...2, -1...5, -1_000_000...1_000_000][trial % 3]
        let inputs = inputs(graph, numbers, &generator)
        let expected = Result { try Evaluator().evaluate(graph, inputs: inputs) }
        for workers in [1, 2, 3] {
          let found = Result { try library.call(index, inputs, .init(workers: workers)) }
          switch (expected, found) {
          case (.success(let expected), .success(let found)):
            #expect(found == expected, "\(name), \(numbers)")
            outcomes.insert(true)
          case (.failure, .failure(let failure as CallFailure)):
            #expect(failure.status == 2, "\(name): \(failure)")
            outcomes.insert(false)
          default: Issue.record("\(name), \(inputs[1].elements): \(expected), \(found)")
          }
        }
      }
      #expect(outcomes == [true, false], "\(name) is tried both ways")
    }
  }

  @Test("a refused call names the check, the first element out of range and its value")
  func record() throws {
    let library = try CompiledGraphs(computed.map(\.graph))
    func fault(_ name: String, _ elements: [Double], workers: Int = 1) throws -> [Int] {
      let index = try #require(computed.firstIndex { $0.name == name })
      var generator = SeededGenerator(seed: 1)
      var inputs = inputs(computed[index].graph, 0...0, &generator)
      inputs[1].elements = elements
      let failure = #expect(throws: CallFailure.self) {
        try library.call(index, inputs, .init(workers: workers))
      }
      return failure?.fault ?? []
    }
    #expect(try fault("sum", [0, 3, 4, 7]) == [0, 2, 5])
    #expect(try fault("written only", [2, -3, 9, 0]) == [0, 1, -6])
    // The first iteration that is wrong, though the next has a smaller number.
    #expect(try fault("in a loop", [0, 0, 9, 7]) == [0, 0, 8])
    var tasks = [Double](repeating: 3, count: 24)
    tasks[2 * 4 + 3] = 9
    tasks[4 * 4 + 1] = 8
    tasks[5 * 4 + 1] = 7
    for workers in [1, 2, 3] {
      #expect(try fault("in parallel tasks", tasks, workers: workers) == [0, 1, 8])
    }
    let program = library.programs[0]
    #expect(program.checks.count == 1 && program.checks[0].input == nil)
    #expect(program.checks[0].range == 0...4 && program.checks[0].shape == [4])
  }

  @Test("what is proved is not checked")
  func proved() {
    let types = [f64(6), indices]
    let graphs = [
      graph([f64(6)]) { b, x in [b.gather(x[0], b.iota(axis: 0, shape: [6]))] },
      graph([f64(6)]) { b, x in
        let i = b.iota(axis: 0, shape: [3])
        return [b.gather(x[0], b.add(b.multiply(i, b.whole(2, like: i)), b.whole(1, like: i)))]
      },
      graph(types) { b, x in
        let five = b.whole(5, like: x[1])
        return [b.gather(x[0], b.maximum(b.minimum(x[1], five), b.whole(0, like: x[1])))]
      },
      graph([f64(6)]) { b, x in
        b.append(
          .loop(
            loop(trips: 6, carries: 1, [f64(), f64(6)]) { body, y in
              let last = body.subtract(body.whole(5, like: y[0]), y[0])
              return [body.add(y[1], body.gather(y[2], last))]
            }), [b.constant(0, f64()), x[0]])
      },
      graph(types) { b, x in
        let rows = b.positions(b.add(x[1], x[1]), below: 6)
        return [b.gather(x[0], rows), b.scatterAdd(rows, b.constant(1, f64(4)), rows: 8)]
      },
    ]
    #expect(graphs.map { scheduled($0, named: "proved").checks.count } == [0, 0, 0, 0, 1])
  }

  @Test("an input is checked at entry, for the narrowest of its uses, and proves what follows")
  func entry() {
    let program = scheduled(
      graph([f64(6), f64(9), indices]) { b, x in
        let flat = b.add(b.multiply(x[2], b.whole(2, like: x[2])), b.whole(1, like: x[2]))
        let doubled = b.constant(1, f64(12))
        return [
          b.gather(x[1], x[2]), b.gather(x[0], b.positions(x[2], below: 6)),
          b.gather(b.multiply(doubled, doubled), flat),
        ]
      }, named: "entry")
    #expect(program.inputs.map(\.range) == [nil, nil, 0...5])
    #expect(program.checks.map(\.input) == [2])
  }
}

@Suite("Position ranges")
struct PositionRangeTests {
  /// A random whole-number formula over counters of two loops and an axis, and constants.
  private struct Formula {
    var builder: GraphBuilder
    var leaves: [ValueID]
    var generator: SeededGenerator

    mutating func value(depth: Int) -> ValueID {
      if depth == 0 || Int.random(in: 0..<4, using: &generator) == 0 {
        let leaf = Int.random(in: 0...leaves.count, using: &generator)
        guard leaf == leaves.count else { return leaves[leaf] }
        return builder.constant(
          Double(Int.random(in: -3...6, using: &generator)), TensorType([3], .i32))
      }
      let (a, b) = (value(depth: depth - 1), value(depth: depth - 1))
      switch Int.random(in: 0..<8, using: &generator) {
      case 0, 1: return builder.add(a, b)
      case 2, 3: return builder.subtract(a, b)
      case 4: return builder.multiply(a, b)
      case 5: return builder.maximum(a, b)
      case 6: return builder.minimum(a, b)
      default: return builder.select(builder.compare(.less, a, b), a, b)
      }
    }
  }

  /// Loops of 2 and 4 iterations around a gather of 5 rows at random positions.
  private func graph(seed: UInt64) -> Graph {
    let outer = GraphBuilder(name: "outer")
    let i = outer.input("i", .scalar(.i32))
    let (sum, x) = (outer.input("sum", f64(3)), outer.input("x", f64(5)))
    let inner = GraphBuilder(name: "inner")
    let j = inner.input("j", .scalar(.i32))
    let innerSum = inner.input("sum", f64(3))
    let (innerX, innerI) = (inner.input("x", f64(5)), inner.input("i", .scalar(.i32)))
    var formula = Formula(
      builder: inner,
      leaves: [
        inner.broadcast(scalar: innerI, to: [3]), inner.broadcast(scalar: j, to: [3]),
        inner.iota(axis: 0, shape: [3]),
      ], generator: SeededGenerator(seed: seed))
    inner.output("sum", inner.add(innerSum, inner.gather(innerX, formula.value(depth: 3))))
    let innerLoop = Loop(
      role: .other("inner"), tripCount: 4, carryCount: 1, stackedInputCount: 0, body: inner.graph)
    outer.output("sum", outer.append(.loop(innerLoop), [sum, x, i])[0])
    let builder = GraphBuilder(name: "positions")
    let table = builder.input("x", f64(5))
    let outerLoop = Loop(
      role: .other("outer"), tripCount: 2, carryCount: 1, stackedInputCount: 0, body: outer.graph)
    builder.output(
      "sum", builder.append(.loop(outerLoop), [builder.constant(0, f64(3)), table])[0])
    return builder.graph
  }

  @Test("what is certainly out of range is, what is proved is in range; most is known")
  func agreement() throws {
    var (known, all) = (0, 0)
    for seed in UInt64(0)..<2000 {
      let graph = graph(seed: seed)
      let isFaulty =
        (try? Evaluator().evaluate(graph, inputs: [NumericArray(f64(5), repeating: 1)])) == nil
      let isCertain = !certainFaults(in: graph).isEmpty
      let isProved = !guardPositions(graph).graph.hasChecks
      if isCertain { #expect(isFaulty, "seed \(seed): \(graph.text)") }
      if isProved { #expect(!isFaulty, "seed \(seed): \(graph.text)") }
      known += isCertain || isProved ? 1 : 0
      all += 1
    }
    #expect(known * 2 > all, "\(known) of \(all) are known")
  }
}

extension Graph {
  /// Whether it or one of its regions checks positions.
  fileprivate var hasChecks: Bool {
    nodes.contains { node in
      if case .checkPositions = node.op {
        true
      } else {
        node.op.regions.contains(where: \.hasChecks)
      }
    }
  }
}
