// SPDX-License-Identifier: Apache-2.0
//
// The choices of a build under the names that the command line uses, so that a program that only
// calls the compiler need not import the stages that act on them.

package import Differentiation
package import MixFuseShared
import TensorIR

/// How the meta-gradient is derived.
package typealias Derivation = DerivationOptions.Derivation
/// What loops inside the losses keep for their backward runs.
package typealias Rematerialization = DerivationOptions.Rematerialization
/// What the loop over inner steps keeps besides its carries.
package typealias InnerGradients = DerivationOptions.InnerGradients

/// How many examples of a batch a loss computes at a time.
package typealias Examples = DerivationOptions.Examples

extension Examples {
  /// What is chosen for a user who says nothing.
  package static var usual: Self { .all }

  /// `all`, or a number.
  package init?(text: String) {
    if text == "all" {
      self = .all
    } else if let size = Int(text), size >= 1 {
      self = .groups(of: size)
    } else {
      return nil
    }
  }

  /// The text that `init(text:)` reads.
  package var text: String {
    switch self {
    case .all: "all"
    case .groups(let size): "\(size)"
    }
  }
}

extension Derivation {
  /// What is chosen for a user who says nothing.
  package static var usual: Self { DerivationOptions().derivation }
}

extension Rematerialization {
  /// What is chosen for a user who says nothing.
  package static var usual: Self { DerivationOptions().rematerialization }
}

extension InnerGradients {
  /// What is chosen for a user who says nothing.
  package static var usual: Self { DerivationOptions().innerGradients }
}

extension BuildOptions {
  /// All choices at once.
  package init(
    dims: [String: Int], preset: String? = nil, floatType: FloatType, switches: Switches,
    examples: Examples = .usual, memoryLimit: Int? = nil, target: String? = nil,
    targetCPU: String?, cCompiler: String? = nil
  ) {
    self.init()
    self.dims = dims
    self.preset = preset
    self.dtype = floatType.dtype
    self.derivation = DerivationOptions(
      derivation: switches.derivation, rematerialization: switches.rematerialization,
      innerGradients: switches.innerGradients, examples: examples)
    self.memoryLimit = memoryLimit
    self.target = target
    self.targetCPU = targetCPU
    self.cCompiler = cCompiler
  }

  /// The three switches of the derivation.
  package typealias Switches = (
    derivation: Derivation, rematerialization: Rematerialization, innerGradients: InnerGradients
  )
}

extension DerivationOptions {
  /// ", 2 examples at a time", or nothing if it is all of them.
  package var examplesText: String {
    switch examples {
    case .all: ""
    case .groups(of: 1): ", 1 example at a time"
    case .groups(let size): ", \(size) examples at a time"
    }
  }

  /// What loops inside the losses keep, as text: "block", "block (gradients none)", or "none (last
  /// step kept)".
  package var rematerializationText: String {
    let gradients = gradientRematerialization.map { " (gradients \($0.rawValue))" } ?? ""
    return rematerialization.rawValue + gradients
      + (lastStepText.map { " (last step's \($0) kept)" } ?? "")
  }

  /// What is kept of the last step from its gradient to its second-order pass; `nil` if nothing is.
  var lastStepText: String? {
    switch lastStep {
    case .inLoop: nil
    case .apart(intensity: 0): "values"
    case .apart(intensity: .max): "activations"
    case .apart(let intensity): "values of \(intensity) operations a byte"
    }
  }
}
