// SPDX-License-Identifier: Apache-2.0
//
// What every pass promises, on random programs: the same values, a valid graph, the same signature,
// and nothing left to do when it runs again. A failure prints the seed.

import Interpreter
import Optimization
import TensorIR
import TestSupport
import Testing

/// Every pass of the target; a new one belongs here.
let allPasses: [Pass] = [
  .applyIdentities, .simplifyAlgebra, .eliminateCommonSubexpressions, .eliminateDeadCode,
  .inlineSingleTripLoops, .simplifyLoops, .hoistLoopInvariants, .removeStopGradients,
  .lowerLinearCrossEntropy, .lowerWindowSums, .lowerWeightedSums,
  .orderProducts,
  .shareLoopValues(intensity: 0), .shareLoopValues(intensity: .max),
]

/// Relative to the bound on what an output is computed from.
private let valueTolerance = 1e-12

@Suite("Every pass on random programs")
struct PassPropertyTests {
  static let seeds = [UInt64](0..<60)

  /// Nil if the outputs agree, else a description of the first difference.
  private func difference(_ program: RandomProgram, _ graph: Graph) throws -> String? {
    let expected = try Evaluator().evaluate(program.graph, inputs: program.inputs)
    let found = try Evaluator().evaluate(graph, inputs: program.inputs)
    for (index, (expected, found)) in zip(expected, found).enumerated() {
      let tolerance = valueTolerance * max(1, program.bounds[index])
      for (x, y) in zip(expected.elements, found.elements)
      where !(abs(x - y) <= tolerance) {
        return "output \(index): expected \(x), found \(y)"
      }
    }
    return nil
  }

  @Test("random programs are valid, finite and survive a round trip through text", arguments: seeds)
  func programs(seed: UInt64) throws {
    let program = RandomProgram(seed: seed)
    #expect(program.graph.problems() == [], "seed \(seed)")
    #expect(try Graph(parsing: program.graph.text) == program.graph, "seed \(seed)")
    let outputs = try Evaluator().evaluate(program.graph, inputs: program.inputs)
    #expect(outputs.allSatisfy { $0.elements.allSatisfy(\.isFinite) }, "seed \(seed)")
  }

  @Test("a pass keeps values and signature and leaves a valid graph", arguments: seeds)
  func meaning(seed: UInt64) throws {
    let program = RandomProgram(seed: seed)
    for pass in allPasses {
      let result = pass.run(program.graph)
      #expect(result.problems() == [], "seed \(seed), \(pass.name)")
      #expect(result.inputNames == program.graph.inputNames, "seed \(seed), \(pass.name)")
      #expect(result.outputTypes == program.graph.outputTypes, "seed \(seed), \(pass.name)")
      #expect(try difference(program, result) == nil, "seed \(seed), \(pass.name)")
    }
  }

  @Test("a pass finds nothing to do in its own result", arguments: seeds)
  func idempotence(seed: UInt64) {
    let program = RandomProgram(seed: seed)
    for pass in allPasses {
      let once = pass.run(program.graph)
      let twice = pass.run(once)
      #expect(twice == once, "seed \(seed), \(pass.name)")
    }
  }

  @Test("all passes in a row, twice, keep values", arguments: seeds)
  func pipeline(seed: UInt64) throws {
    let program = RandomProgram(seed: seed, nodes: 60)
    var problems: [String] = []
    let result = runPasses(program.graph, allPasses + allPasses) { pass, graph in
      problems += graph.problems().map { "after \(pass.name): \($0)" }
    }
    #expect(problems == [], "seed \(seed)")
    #expect(try difference(program, result) == nil, "seed \(seed)")
  }

  @Test("a mistake of a pass is caught")
  func checker() throws {
    for change in wrongChanges {
      var caught = 0
      for seed in PassPropertyTests.seeds {
        let program = RandomProgram(seed: seed, nodes: 60)
        if try difference(program, changing(change, in: program.graph)) != nil { caught += 1 }
      }
      #expect(caught >= 10)
    }
  }

  /// Mistakes that a pass could make: the op to put in place of another, `nil` to leave it.
  private var wrongChanges: [(Op) -> Op?] {
    [
      { $0 == .binary(.maximum) ? .binary(.minimum) : nil },
      { op in
        guard case .loop(var loop) = op, loop.carryCount > 0 else { return nil }
        loop.isReversed.toggle()
        return .loop(loop)
      },
      { op in
        guard case .constant(let value, let type) = op else { return nil }
        return .constant(value * (1 + 1e-9) + 1e-9, type)
      },
    ]
  }

  private func changing(_ change: (Op) -> Op?, in graph: Graph) -> Graph {
    var graph = graph
    for index in graph.nodes.indices {
      if let op = change(graph.nodes[index].op) { graph.nodes[index].op = op }
    }
    return graph
  }
}
