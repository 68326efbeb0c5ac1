// SPDX-License-Identifier: Apache-2.0
//
// The three switches of the paper's ablation. All eight combinations compute the
// same meta-gradient; they differ in what is kept, what is recomputed, and how the second-order
// product is formed.

import Kernels
import TensorIR

/// How a meta-gradient is derived.
package struct DerivationOptions: Hashable, Sendable {
  /// How the derivative of the inner gradient is taken.
  package enum Derivation: String, Hashable, Sendable, CaseIterable {
    /// Forward over reverse: MixFlow-MG, algorithm 2 of the paper.
    case mixed
    /// Reverse over reverse: algorithm 1.
    case standard
  }

  /// What loops inside the losses (layers, strips) keep for their backward runs.
  package enum Rematerialization: String, Hashable, Sendable, CaseIterable {
    /// The carries between iterations; each iteration is recomputed going backwards.
    case block
    /// Everything the backward run reads.
    case none
  }

  /// What the loop over inner steps keeps besides its carries.
  package enum InnerGradients: String, Hashable, Sendable, CaseIterable {
    /// The inner loss and gradient of every step.
    case save
    /// Nothing: each step's gradient is computed again going backwards.
    case recompute
  }

  /// Where the backward run of the inner steps finds theta and the optimiser's state, given that
  /// the inner gradients are saved.
  package enum Trajectory: String, Hashable, Sendable, CaseIterable {
    /// Every step's theta and state are kept.
    case stored
    /// They are found by replaying the updates from the start: T gradients of memory in all.
    case replayed
    /// Replayed where that saves memory worth the T^2 / 2 updates it costs.
    case automatic
  }

  /// Whether the backward run of the inner steps finds what each step computed on the way to its
  /// gradient, or computes it again, given that the inner gradients are saved.
  package enum StepActivations: String, Hashable, Sendable, CaseIterable {
    case saved
    case recomputed
    /// Saved for small models, whose trajectory then still fits into a cache.
    case automatic
  }

  /// Where the first inner step stands.
  package enum FirstStep: String, Hashable, Sendable, CaseIterable {
    /// In the loop with the others.
    case inLoop
    /// Before the loop: unless theta_0 is learned, nobody asks for its adjoint, and of the step's
    /// second-order pass only what the meta parameters need is left; often nothing.
    case apart
    /// Apart where that saves a good part of the second-order passes.
    case automatic
  }

  /// Where the last inner step stands.
  package enum LastStep: Hashable, Sendable {
    /// In the loop with the others.
    case inLoop
    /// After the loop: its second-order pass, the first to run, then finds in the same region what
    /// the step computed on the way to its gradient, and takes it from there (`ShareLoopValues`).
    /// What is kept for that saves at least `intensity` floating-point operations a byte.
    case apart(intensity: Int)
  }

  /// How many examples of a batch a loss computes at a time, where each is computed alone.
  package enum Examples: Hashable, Sendable {
    case all
    /// At most so many, at least 1. The arrays of one group exist at a time; each is computed once
    /// more, for the backward run.
    case groups(of: Int)
  }

  package var derivation: Derivation
  package var rematerialization: Rematerialization
  /// What loops inside the losses keep where only the gradient is taken, whose peak is lower than
  /// that of the second-order pass; as `rematerialization` unless chosen.
  package var gradientRematerialization: Rematerialization?
  package var innerGradients: InnerGradients
  package var trajectory: Trajectory
  package var stepActivations: StepActivations
  package var firstStep: FirstStep
  package var lastStep: LastStep
  package var examples: Examples
  /// A parameter so that tests can show that a wrong rule is found.
  package var rules: RuleTable = .standard

  package init(
    derivation: Derivation = .mixed, rematerialization: Rematerialization = .block,
    innerGradients: InnerGradients = .save, trajectory: Trajectory = .automatic,
    stepActivations: StepActivations = .automatic,
    gradientRematerialization: Rematerialization? = nil, firstStep: FirstStep = .automatic,
    lastStep: LastStep = .inLoop, examples: Examples = .all
  ) {
    self.derivation = derivation
    self.rematerialization = rematerialization
    self.innerGradients = innerGradients
    self.trajectory = trajectory
    self.stepActivations = stepActivations
    self.firstStep = firstStep
    self.lastStep = lastStep
    self.examples = examples
    self.gradientRematerialization = gradientRematerialization
  }

  /// All eight combinations of the three switches.
  package static let allCombinations: [DerivationOptions] = Derivation.allCases.flatMap {
    derivation in
    Rematerialization.allCases.flatMap { rematerialization in
      InnerGradients.allCases.map { innerGradients in
        DerivationOptions(
          derivation: derivation, rematerialization: rematerialization,
          innerGradients: innerGradients)
      }
    }
  }

  /// The differentiator with these choices.
  var differentiator: Differentiator {
    var differentiator =
      switch derivation {
      case .mixed: Differentiator(derivation: .forwardOverReverse, rule: rules.rule)
      case .standard: Differentiator(derivation: .reverseOverReverse, rule: rules.rule)
      }
    if gradientRematerialization != nil {
      differentiator.secondOrderSavePolicy = rematerialization.savePolicy
    }
    return differentiator
  }

  /// The policy of loops inside the losses.
  var lossSavePolicy: SavePolicy {
    (gradientRematerialization ?? rematerialization).savePolicy
  }

  /// The policy of the loop over a problem's inner steps.
  func stepSavePolicy(for problem: MetaProblem) -> SavePolicy {
    guard innerGradients == .save else { return .carries }
    let areActivationsSaved =
      switch stepActivations {
      case .saved: true
      case .recomputed: false
      case .automatic: problem.hasSmallActivations
      }
    if areActivationsSaved { return .activations }
    let isReplayed =
      switch trajectory {
      case .stored: false
      case .replayed: true
      case .automatic: problem.isWorthReplaying
      }
    return isReplayed ? .gradients : .carriesAndGradients
  }
}

extension DerivationOptions {
  /// The inner steps of a problem that run in a loop; those before and after are apart.
  ///
  /// An only step counts as the last one.
  func loopedSteps(of problem: MetaProblem) -> Range<Int> {
    let isFirstApart =
      switch firstStep {
      case .inLoop: false
      case .apart: true
      case .automatic: problem.initialParameters == .input && problem.steps <= 16
      }
    let last = lastStep == .inLoop ? problem.steps : problem.steps - 1
    let first = isFirstApart && problem.steps > 1 ? 1 : 0
    return first..<max(first, last)
  }
}

extension Graph {
  /// The graph with another save policy in all its loops, nested ones included. Loops over groups of
  /// examples keep nothing, whatever others do.
  func withSavePolicy(_ policy: SavePolicy) -> Graph {
    var graph = self
    for index in graph.nodes.indices {
      if case .loop(var loop) = graph.nodes[index].op {
        if loop.role.subject != .exampleGroups { loop.savePolicy = policy }
        loop.body = loop.body.withSavePolicy(policy)
        graph.nodes[index].op = .loop(loop)
      } else if case .gradient(var gradient) = graph.nodes[index].op {
        gradient.function = gradient.function.withSavePolicy(policy)
        graph.nodes[index].op = .gradient(gradient)
      } else if case .jvp(var jvp) = graph.nodes[index].op {
        jvp.function = jvp.function.withSavePolicy(policy)
        graph.nodes[index].op = .jvp(jvp)
      }
    }
    return graph
  }
}

extension MetaProblem {
  /// Whether what the inner steps compute on the way to their gradients is little enough to keep:
  /// about as much as a last-level cache holds, and no more in a loop of its own.
  fileprivate var hasSmallActivations: Bool {
    var bytes = 0
    for node in innerLoss.nodes {
      guard node.op.regions.isEmpty else { return false }
      if let cost = node.op.costPerElement, cost.transcendentals == 0 { continue }
      // Each has an adjoint of its size.
      bytes += 2 * node.results.reduce(0) { $0 + innerLoss.type(of: $1).byteCount }
    }
    return steps * bytes <= Machine.usual.keptActivationBytes
  }

  /// Whether storing the trajectory takes so much memory that recomputing it is the better choice.
  /// The limit on the steps bounds the extra work: about T / 2 updates a step, of which one moves
  /// ten times theta where a gradient of a large model moves thousands of times as much.
  fileprivate var isWorthReplaying: Bool {
    let stateBytes = (theta + state).reduce(0) { $0 + $1.type.byteCount }
    return steps <= 32 && steps * stateBytes > Machine.usual.storedTrajectoryBytes
  }
}

extension DerivationOptions.Rematerialization {
  /// The policy of loops inside the losses.
  fileprivate var savePolicy: SavePolicy {
    switch self {
    case .block: .carries
    case .none: .everything
    }
  }
}
