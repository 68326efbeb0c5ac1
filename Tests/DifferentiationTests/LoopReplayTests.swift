// SPDX-License-Identifier: Apache-2.0
//
// Replaying the inner trajectory from saved gradients: the same meta-gradient for every number of
// steps, with gradients kept and nothing else, and none of them computed again.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("replayed trajectories")
struct LoopReplayTests {
  private func loops(_ graph: Graph) -> [Loop] {
    graph.nodes.flatMap { node -> [Loop] in
      guard case .loop(let loop) = node.op else { return [] }
      return [loop] + loops(loop.body)
    }
  }

  private func results(_ meta: MetaCase, _ options: DerivationOptions) throws -> [NumericArray] {
    let graph = try metaGradient(of: meta.problem, options: options)
    #expect(graph.problems() == [])
    return try Evaluator().evaluate(graph, inputs: meta.inputs)
  }

  @Test("stored and replayed trajectories give one meta-gradient", arguments: [1, 2, 3, 7])
  func agreement(steps: Int) throws {
    for meta in [mamlCase(steps: steps), adamCase(steps: steps)] {
      for var options in DerivationOptions.allCombinations where options.innerGradients == .save {
        options.trajectory = .stored
        let stored = try results(meta, options)
        options.trajectory = .replayed
        let replayed = try results(meta, options)
        #expect(relativeError(replayed, stored) < 1e-12, "\(meta.problem.name), \(options)")
        #expect(stored.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
      }
    }
  }

  @Test("the forward loop keeps gradients and no carries")
  func keptValues() throws {
    let meta = adamCase(steps: 4)
    func forward(_ trajectory: DerivationOptions.Trajectory) throws -> Loop {
      let graph = try metaGradient(
        of: meta.problem, options: DerivationOptions(trajectory: trajectory, firstStep: .inLoop))
      return try #require(loops(graph).first { $0.role == .innerSteps })
    }
    // The losses that the outer loss reads, and a gradient for each leaf of theta.
    let leaves = meta.problem.theta.count
    #expect(try forward(.replayed).stackedOutputCount == 1 + leaves)
    #expect(try forward(.stored).stackedOutputCount > 1 + 2 * leaves)
  }

  @Test("the replay runs as many steps as came before, without the work of their gradients")
  func replay() throws {
    let options = DerivationOptions(trajectory: .replayed, firstStep: .inLoop)
    let graph = try metaGradient(of: adamCase(steps: 4).problem, options: options)
    let backward = try #require(loops(graph).first { $0.role == .innerSteps.entering(.backward) })
    let replay = try #require(loops(backward.body).first { $0.isLimited })
    #expect(replay.tripCount == 4 && replay.savePolicy == .everything)
    #expect(replay.body.count(of: "contract") == 0 && replay.body.count(of: "gather") == 0)
    let node = try #require(
      backward.body.nodes.first { if case .loop(replay) = $0.op { true } else { false } })
    #expect(node.operands.last == backward.body.inputs[0])
  }

  @Test("one step has nothing to replay")
  func oneStep() throws {
    let options = DerivationOptions(trajectory: .replayed, firstStep: .inLoop)
    for meta in [mamlCase(steps: 1), adamCase(steps: 1)] {
      let graph = try metaGradient(of: meta.problem, options: options)
      #expect(!loops(graph).contains { $0.isLimited })
    }
  }
}
