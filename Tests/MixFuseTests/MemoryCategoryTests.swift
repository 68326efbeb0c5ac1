// SPDX-License-Identifier: Apache-2.0
//
// `plan` sorts memory by what it is for: the trajectory grows by the same number of bytes with each
// inner step, whether the steps run in a loop, apart or inlined, and nothing but arrays like theta
// counts as state. Sizes are reckoned here from the spec.

import Differentiation
import Foundation
import Scheduling
import TensorIR
import Testing

@testable import MixFuse

@Suite("Memory categories")
struct MemoryCategoryTests {
  static let tasks = ["chinchilla_maml", "chinchilla_learning_lr", "chinchilla_loss_weighting"]
  static let limits = [nil, 700 << 20]

  static func compilation(
    _ task: String, steps: Int, limit: Int? = nil, dims: [String: Int]? = nil,
    switches: DerivationOptions = DerivationOptions()
  ) throws -> Compilation {
    var options = BuildOptions()
    options.preset = dims == nil ? "small" : nil
    options.dims = (dims ?? [:]).merging(["steps": steps]) { $1 }
    options.derivation = switches
    options.memoryLimit = limit
    return try Compilation(
      path: Repository.file("Examples/\(task).mix").path, options: options
    ).fittingMemory(workers: 2)
  }

  static func plan(_ compilation: Compilation) throws -> EntryPointPlan {
    try compilation.plan([.metaGradient]).entryPoints[0]
  }

  @Test("the trajectory is a gradient for each inner step", arguments: tasks, limits)
  func replayed(_ task: String, _ limit: Int?) throws {
    // At these sizes the steps are replayed from their gradients.
    let gradient = 4 * (8192 * 256 + 256 + 6 * (2 * 256 + 4 * 256 * 256 + 2 * 256 * 1024))
    // Nothing is asked of the first step but what its rates do: what the update made of its gradient
    // is kept, which is state, and not the gradient.
    let withoutGradient = task == "chinchilla_learning_lr" ? 1 : 0
    for steps in 1...4 {
      let plan = try Self.plan(Self.compilation(task, steps: steps, limit: limit))
      let kept = (steps - withoutGradient) * gradient
      // If it is the only step, parts of its gradient may wait until the update has read them.
      let waiting = kept == 0 ? gradient : 0
      #expect((kept...kept + waiting).contains(plan.keptBytes), "\(steps)")
      // At the peak, in the second-order pass of the last step, that step's own may be gone.
      let atPeak = plan.shared[.trajectory] + plan.perWorker[.trajectory]
      #expect((kept - gradient...kept).contains(atPeak), "\(steps)")
      if let limit { #expect(plan.totalBytes(workers: 2) <= limit) }
    }
  }

  /// Sizes that tell arrays apart by their shapes: no length of tokens is one of parameters, and
  /// every leaf of theta fills whole units of the arena.
  static let dims = [
    "layers": 3, "width": 16, "heads": 2, "head_width": 16, "ffw": 64, "vocab": 80, "seq": 21,
    "batch": 5,
  ]
  static let thetaBytes = 4 * (80 * 16 + 16 + 3 * (2 * 16 + 4 * 16 * 32 + 2 * 16 * 64))

  @Test("stored, it is the parameters, the state and a gradient for each", arguments: tasks)
  func stored(_ task: String) throws {
    var switches = DerivationOptions()
    switches.trajectory = .stored
    let kept = try (3...5).map { steps in
      try Self.plan(
        Self.compilation(task, steps: steps, dims: Self.dims, switches: switches)
      ).keptBytes
    }
    // Theta, the two moments of Adam, the gradient.
    #expect(kept[1] - kept[0] == 4 * Self.thetaBytes)
    #expect(kept[2] - kept[1] == 4 * Self.thetaBytes)
    #expect(kept[0] > 3 * Self.thetaBytes)
  }

  @Test("an only step keeps at most its gradient", arguments: tasks)
  func onlyStep(_ task: String) throws {
    for limit in [nil, 1 << 30] {
      let plan = try Self.plan(
        Self.compilation(task, steps: 1, limit: limit, dims: Self.dims))
      #expect(plan.keptBytes <= Self.thetaBytes)
    }
  }

  /// The shapes of arrays that are for parameters and state: those of leaves, of one layer of them,
  /// and of what a number of steps keeps of them.
  private static func stateShapes(of problem: MetaProblem) -> Set<[Int]> {
    var shapes: Set<[Int]> = [[]]
    for leaf in problem.theta + problem.meta {
      shapes.insert(leaf.type.shape)
      shapes.insert(Array(leaf.type.shape.dropFirst()))
    }
    for steps in 1...problem.steps { shapes.formUnion(shapes.map { [steps] + $0 }) }
    return shapes
  }

  @Test(
    "only arrays like theta are state and trajectory", arguments: tasks,
    DerivationOptions.Derivation.allCases)
  func shapes(_ task: String, _ derivation: DerivationOptions.Derivation) throws {
    let switches = DerivationOptions(derivation: derivation)
    for steps in 1...3 {
      for limit in [nil, 1 << 30] {
        let compilation = try Self.compilation(
          task, steps: steps, limit: limit, dims: Self.dims, switches: switches)
        let problem = try compilation.problem()
        let shapes = Set(Self.stateShapes(of: problem).map { "\(TensorType($0, .f32))" })
        let programs = try compilation.programs(
          of: problem, on: compilation.target().machine,
          entries: [.metaGradient, .innerStep, .hessianVectorProduct])
        for buffer in programs.flatMap(\.buffers) {
          switch buffer.category {
          case .parametersAndState, .trajectory:
            #expect(shapes.contains(buffer.comment), "\(buffer.name), \(steps), \(limit ?? 0)")
          case .activations, .temporaries, nil: break
          }
        }
      }
    }
  }

  @Test("no reader of a loop's role looks into its text")
  func typedRoles() throws {
    let pattern = try Regex(
      #"(label|role|phase|subject)\w*(\(\))?\??\.(description\.)?(hasPrefix|hasSuffix|contains\(")"#
    )
    let names = ["inner steps", "layers", "tasks", "token strips", "vocabulary tiles"]
    for file in try Repository.files(under: Repository.file("Sources"), extension: "swift") {
      let text = try String(contentsOf: file, encoding: .utf8)
      for line in text.split(separator: "\n") where !line.contains("//") {
        #expect(line.firstMatch(of: pattern) == nil, "\(file.lastPathComponent): \(line)")
        // The header of a file of graphs has a word for the number of tasks.
        if ["LoopRole.swift", "ProblemParser.swift"].contains(file.lastPathComponent) { continue }
        #expect(
          !names.contains { line.contains("\"\($0)\"") }, "\(file.lastPathComponent): \(line)")
      }
    }
  }
}
