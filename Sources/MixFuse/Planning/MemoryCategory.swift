// SPDX-License-Identifier: Apache-2.0
//
// What arena memory is for, in the terms of meta-learning: the scheduler knows how an array came
// about (`ArrayRole`), this file says what that means for a program derived from inner steps.

import Scheduling
import TensorIR

/// What an array of the arena holds.
package enum MemoryCategory: Int, CaseIterable, Sendable {
  /// The inner parameters, the optimiser's state, and their adjoints: what the loop over inner
  /// steps hands on, and what the loop over layers gathers for all layers on its way back.
  case parametersAndState
  /// What the inner steps keep for the backward run over them.
  case trajectory
  /// Values of the model: what forward passes keep for backward passes.
  case activations
  /// Everything else: tangents and adjoints on their way, tiles and panels of kernels.
  case temporaries

  /// The name in tables.
  package var title: String {
    switch self {
    case .parametersAndState: "parameters and state"
    case .trajectory: "trajectory"
    case .activations: "activations"
    case .temporaries: "temporaries"
    }
  }

  /// The name in JSON.
  package var key: String {
    switch self {
    case .parametersAndState: "parameters_and_state_bytes"
    case .trajectory: "trajectory_bytes"
    case .activations: "activation_bytes"
    case .temporaries: "temporary_bytes"
    }
  }
}

extension Buffer {
  /// What the array holds; `nil` for inputs and outputs, which are not in the arena.
  var category: MemoryCategory? {
    switch role {
    case .port: nil
    case .carry(let loop):
      Self.isInnerLoop(loop) ? .parametersAndState : .temporaries
    case .stack(let loop, let isReversed):
      switch (Self.isInnerLoop(loop), isReversed) {
      case (true, _): .trajectory
      case (false, true): .parametersAndState
      case (false, false): Self.loopsOverParts.contains(loop) ? .temporaries : .activations
      }
    // What no derivative rule made is a value of the model or of the update.
    case .value: provenance.rules.isEmpty ? .activations : .temporaries
    case .scratch: .temporaries
    }
  }

  /// Loops that gather results, for a mean or side by side, and keep nothing for a backward run.
  private static let loopsOverParts: Set<String> = ["tasks", "vocabulary tiles"]

  /// Whether a loop is the one over the inner steps, or one derived from it.
  private static func isInnerLoop(_ label: String) -> Bool { label.hasPrefix("inner steps") }
}
