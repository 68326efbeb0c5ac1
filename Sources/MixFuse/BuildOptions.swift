// SPDX-License-Identifier: Apache-2.0
//
// What a user may choose about a build. The command line, the tests and other programs all speak to
// the compiler through this one type.

package import Differentiation
package import TensorIR

/// The choices of one build.
public struct BuildOptions: Sendable {
  /// Dimensions that replace the spec's own values: `--set hidden=64`.
  public var dims: [String: Int] = [:]
  /// The preset of the spec whose sizes hold where `dims` says nothing: `--preset 57M`.
  public var preset: String?
  /// The float type of the build, `f32` or `f64`.
  package var dtype: DType = .f32
  /// The three switches of the derivation.
  package var derivation = DerivationOptions()
  /// Bytes that a call of the meta-gradient may take, arrays of all threads included; `nil` if the
  /// switches decide. See `Compilation.fittingMemory`.
  package var memoryLimit: Int?
  /// The CPU to compile for, by LLVM's name; `nil` for the machine at hand.
  public var targetCPU: String?

  /// The kind of machine to compile for, such as `aarch64-linux-gnu`; `nil` for that at hand.
  public var target: String?

  /// The C compiler that makes objects, a command such as `zig cc`; `nil` for LLVM in this process.
  public var cCompiler: String?

  /// The usual choices.
  public init() {}

  /// The choices as text, for cache keys and for the manifest.
  package var summary: [String: String] {
    var summary = [
      "derivation": derivation.derivation.rawValue,
      "remat": derivation.rematerialization.rawValue,
      "inner_gradients": derivation.innerGradients.rawValue,
    ]
    if let gradients = derivation.gradientRematerialization {
      summary["remat_of_gradients"] = gradients.rawValue
    }
    if derivation.rules != .standard { summary["rules"] = derivation.rules.name }
    if case .groups(let size) = derivation.examples { summary["examples"] = "\(size)" }
    if let lastStep = derivation.lastStepText { summary["last_step"] = lastStep }
    return summary
  }
}
