// SPDX-License-Identifier: Apache-2.0
//
// The flags that decide what is built, shared by every command that compiles a spec.

import ArgumentParser
import MixFuse

extension FloatType: ExpressibleByArgument {}
extension Derivation: ExpressibleByArgument {}
extension Rematerialization: ExpressibleByArgument {}
extension InnerGradients: ExpressibleByArgument {}

/// The spec and the choices of its build.
struct BuildFlags: ParsableArguments {
  @Argument(help: "The spec, a .mix file.", completion: .file(extensions: ["mix"]))
  var spec: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Bind a dimension; may be repeated.", valueName: "dim=n"))
  var dims: [DimensionBinding] = []

  @Option(
    help: ArgumentHelp(
      "Take the sizes of a preset of the spec; --set overrules it.", valueName: "name"))
  var preset: String?

  @Option(help: "Float type of the library.")
  var dtype: FloatType = .f32

  @Option(help: "Forward-over-reverse (mixed) or reverse-over-reverse (standard).")
  var derivation: Derivation = .usual

  @Option(help: "Recompute each layer in its backward pass (block), or keep it (none).")
  var remat: Rematerialization = .usual

  @Option(help: "Keep the gradients of the inner steps, or compute them twice.")
  var innerGradients: InnerGradients = .usual

  @Option(
    help: ArgumentHelp(
      "Compile for a CPU by LLVM's name, such as x86-64-v3.", valueName: "name"))
  var targetCPU: String?

  @Flag(help: "Neither read nor write the build cache.")
  var noCache = false

  /// The compilation that the flags ask for.
  var compilation: Compilation {
    let bindings = dims.map { ($0.name, $0.size) }
    return Compilation(
      path: spec,
      options: BuildOptions(
        dims: Dictionary(bindings) { _, last in last }, preset: preset, floatType: dtype,
        switches: (derivation, remat, innerGradients), targetCPU: targetCPU))
  }
}

/// `NAME=SIZE`.
struct DimensionBinding: ExpressibleByArgument {
  let name: String
  let size: Int

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let size = Int(parts[1]) else { return nil }
    self.name = String(parts[0])
    self.size = size
  }
}
