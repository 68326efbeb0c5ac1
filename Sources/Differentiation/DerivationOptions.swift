// SPDX-License-Identifier: Apache-2.0
//
// The three switches of the paper's ablation (DESIGN section 1). All eight combinations compute the
// same meta-gradient; they differ in what is kept, what is recomputed, and how the second-order
// product is formed.

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

  package var derivation: Derivation
  package var rematerialization: Rematerialization
  package var innerGradients: InnerGradients

  package init(
    derivation: Derivation = .mixed, rematerialization: Rematerialization = .block,
    innerGradients: InnerGradients = .save
  ) {
    self.derivation = derivation
    self.rematerialization = rematerialization
    self.innerGradients = innerGradients
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

  /// The differentiator with these choices and the ordinary rules.
  var differentiator: Differentiator {
    switch derivation {
    case .mixed: Differentiator(derivation: .forwardOverReverse)
    case .standard: Differentiator(derivation: .reverseOverReverse)
    }
  }

  /// The policy of loops inside the losses.
  var lossSavePolicy: SavePolicy {
    switch rematerialization {
    case .block: .carries
    case .none: .everything
    }
  }

  /// The policy of the loop over inner steps.
  var stepSavePolicy: SavePolicy {
    switch innerGradients {
    case .save: .carriesAndGradients
    case .recompute: .carries
    }
  }
}

extension Graph {
  /// The graph with another save policy in all its loops, nested ones included.
  func withSavePolicy(_ policy: SavePolicy) -> Graph {
    var graph = self
    for index in graph.nodes.indices {
      if case .loop(var loop) = graph.nodes[index].op {
        loop.savePolicy = policy
        loop.body = loop.body.withSavePolicy(policy)
        graph.nodes[index].op = .loop(loop)
      } else if case .gradient(var gradient) = graph.nodes[index].op {
        gradient.function = gradient.function.withSavePolicy(policy)
        graph.nodes[index].op = .gradient(gradient)
      }
    }
    return graph
  }
}
