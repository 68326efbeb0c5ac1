// SPDX-License-Identifier: Apache-2.0
//
// What arena memory is for, in the terms of meta-learning. Each array's provenance says what for it was
// made (`Purpose`); this file sorts by that.

import Scheduling
import TensorIR

/// What an array of the arena holds.
///
/// An array belongs to the category of the value that needs it longest, for as long as it is in use.
package enum MemoryCategory: Int, CaseIterable, Sendable {
  /// The inner parameters and the optimiser's state of the step at hand, what its update makes of
  /// them, and their gradients, adjoints and tangents: arrays like theta, of which there are as many
  /// whatever the number of steps. Where steps are replayed, the parameters and the state from which
  /// the replay starts are among them.
  case parametersAndState
  /// What the inner steps keep for the backward run over them, as many arrays like theta as there are
  /// steps: the gradient of each step where it is saved, and the parameters and the state at its start
  /// unless they are replayed. A first step that starts from an input keeps at most its gradient, so
  /// with one step there is one gradient or none.
  case trajectory
  /// Values of the model and their tangents: what a forward pass computes and a backward pass of the
  /// same loss may read.
  case activations
  /// Everything else: adjoints of activations on their way, tiles, panels and scratch of kernels.
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
