// SPDX-License-Identifier: Apache-2.0
//
// What arena memory is for, in the terms of meta-learning. Each array's provenance says what for it was
// made (`Purpose`); this file sorts by that.

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
    case .scratch: .temporaries
    case .carry, .stack, .value:
      switch provenance.purpose {
      case .state: .parametersAndState
      case .trajectory: .trajectory
      case .activation: .activations
      case nil: .temporaries
      }
    }
  }
}
