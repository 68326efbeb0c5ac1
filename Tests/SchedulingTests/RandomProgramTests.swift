// SPDX-License-Identifier: Apache-2.0
//
// The scheduler's main promise, on random programs: machine code computes what the interpreter
// does, to rounding, serially and on workers, whatever memory held before, and twice the same bits.
// A failure prints the seed.

import Interpreter
import Optimization
import TensorIR
import TestSupport
import Testing
import Toolchain

/// Relative to the bound on what an output is computed from.
private let valueTolerance = 1e-10

@Suite("Random programs as machine code")
struct RandomProgramTests {
  /// Graphs that share a library.
  static let batchSize = 40

  /// A set of programs that are compiled together.
  struct Batch: CustomTestStringConvertible {
    var firstSeed: UInt64
    var sizes = RandomSizes.small
    var nodes = 30
    /// Whether the passes run first; without them the scheduler sees what they remove.
    var isOptimized = false
    /// The processor to compile for, if not this machine's.
    var processor: String?

    var testDescription: String {
      "seeds from \(firstSeed), \(nodes) nodes\(isOptimized ? ", optimised" : "")"
        + (processor.map { ", \($0)" } ?? "")
    }
  }

  static let batches: [Batch] =
    [
      Batch(firstSeed: 0), Batch(firstSeed: 100, isOptimized: true),
      Batch(firstSeed: 200, nodes: 12), Batch(firstSeed: 300, nodes: 60, isOptimized: true),
      Batch(firstSeed: 400, sizes: .wide), Batch(firstSeed: 500, sizes: .wide, isOptimized: true),
    ] + PlainMachine.names.map { Batch(firstSeed: 600, isOptimized: true, processor: $0) }

  /// What must run before scheduling, and what may.
  private func passes(_ batch: Batch) -> [Pass] {
    guard batch.isOptimized else { return [.lowerLinearCrossEntropy] }
    return [
      .lowerLinearCrossEntropy, .inlineSingleTripLoops, .simplifyAlgebra,
      .eliminateCommonSubexpressions, .simplifyLoops, .eliminateDeadCode, .hoistLoopInvariants,
    ]
  }

  @Test("machine code agrees with the interpreter", arguments: batches)
  func agreement(batch: Batch) throws {
    let seeds = batch.firstSeed..<(batch.firstSeed + UInt64(Self.batchSize))
    let programs = seeds.map { RandomProgram(seed: $0, nodes: batch.nodes, sizes: batch.sizes) }
    let graphs = programs.map { program in
      runPasses(program.graph, passes(batch)) { _, _ in }
    }
    let target = try batch.processor.map { try TargetDescription.named($0) } ?? .host()
    let library = try CompiledGraphs(graphs, for: target)
    for (index, (seed, program)) in zip(seeds, programs).enumerated() {
      let expected = try Evaluator().evaluate(program.graph, inputs: program.inputs)
      do {
        let found = try library.call(index, program.inputs)
        let difference = difference(expected, found, program)
        #expect(difference == nil, "seed \(seed)")
        for conditions in [
          CompiledGraphs.Conditions(rubbish: 0x7B), .init(workers: 2), .init(workers: 3),
        ] {
          let again = try library.call(index, program.inputs, conditions)
          #expect(bits(again) == bits(found), "seed \(seed), \(conditions)")
        }
      } catch let failure as CallFailure {
        Issue.record("seed \(seed): \(failure)")
      }
    }
  }

  private func bits(_ arrays: [NumericArray]) -> [[UInt8]] { arrays.map(\.storedBytes) }

  /// Nil if the outputs agree, else a description of the first difference.
  private func difference(
    _ expected: [NumericArray], _ found: [NumericArray], _ program: RandomProgram
  ) -> String? {
    for (index, (expected, found)) in zip(expected, found).enumerated() {
      let tolerance = valueTolerance * max(1, program.bounds[index])
      for (place, (x, y)) in zip(expected.elements, found.elements).enumerated()
      where !(abs(x - y) <= tolerance) {
        return "\(program.graph.outputNames[index])[\(place)]: expected \(x), found \(y)"
      }
    }
    return nil
  }
}
