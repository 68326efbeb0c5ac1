// SPDX-License-Identifier: Apache-2.0
//
// The flags that decide what is built, shared by every command that compiles a spec.

import ArgumentParser
import MixFuse
import MixFuseRuntime
import MixFuseShared

extension FloatType: ExpressibleByArgument {}
extension Derivation: ExpressibleByArgument {}
extension Rematerialization: ExpressibleByArgument {}
extension InnerGradients: ExpressibleByArgument {}
extension Examples: ExpressibleByArgument {
  package init?(argument: String) { self.init(text: argument) }
  package var defaultValueDescription: String { text }
}

/// The spec and the choices of its build.
struct BuildFlags: ParsableArguments {
  @Argument(
    help: "The spec, a .mix file, or a .graphs file in its place.",
    completion: .file(extensions: ["mix", "graphs"]))
  var spec: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Bind a dimension; may be repeated.", valueName: "dim=n"))
  var dims: [DimensionBinding] = []

  @Option(
    help: ArgumentHelp(
      "Take the sizes of a preset of the spec; --set overrules it.", valueName: "name"))
  var preset: String?

  @Option(help: "Float type of the library: f32, or that of a .graphs file, unless given.")
  var dtype: FloatType?

  @Option(help: "Forward-over-reverse (mixed) or reverse-over-reverse (standard).")
  var derivation: Derivation = .usual

  @Option(
    help: ArgumentHelp(
      "Recompute each layer in its backward pass (block), or keep it (none); block unless given."))
  var remat: Rematerialization?

  @Option(
    help: ArgumentHelp(
      "Keep as much of the layers as fits into this memory, such as 600MiB, and recompute the rest.",
      valueName: "bytes"))
  var memory: MemorySize?

  @Option(help: "Keep the gradients of the inner steps, or compute them twice.")
  var innerGradients: InnerGradients = .usual

  @Option(
    help: ArgumentHelp(
      "Compute the examples of a batch in groups of at most so many, where each stands alone.",
      valueName: "n|all"))
  var examples: Examples = .usual

  @Option(
    help: ArgumentHelp(
      "Compile for another kind of machine: aarch64-linux-gnu, x86_64-linux-gnu.",
      valueName: "kind"))
  var target: String?

  @Option(
    help: ArgumentHelp(
      "Compile for a CPU by LLVM's name, such as x86-64-v3.", valueName: "name"))
  var targetCPU: String?

  @Option(
    help: ArgumentHelp(
      "Let a C compiler make the objects in place of LLVM in this process: gcc, clang, 'zig cc'.",
      valueName: "command"))
  var cc: String?

  @Flag(help: "Neither read nor write the build cache.")
  var noCache = false

  func validate() throws {
    guard memory == nil || remat == nil else {
      throw ValidationError("--memory decides what --remat would: give one of them")
    }
  }

  /// The compilation that the flags ask for.
  ///
  /// - Parameter threads: the number of threads that `--memory` is for; all processors if `nil`.
  func compilation(threads: Int? = nil) throws -> Compilation {
    try uncheckedCompilation().fittingMemory(workers: threads ?? ThreadPool.availableProcessors)
  }

  /// The same without looking at the spec: whether it fits into `--memory` is not asked.
  func uncheckedCompilation() -> Compilation {
    let bindings = dims.map { ($0.name, $0.size) }
    let spec = LoadedSpec(path: spec)
    return Compilation(
      spec,
      options: BuildOptions(
        dims: Dictionary(bindings) { _, last in last }, preset: preset,
        floatType: dtype ?? spec.ownFloatType ?? .f32,
        switches: (derivation, remat ?? .usual, innerGradients), examples: examples,
        memoryLimit: memory?.bytes, target: target, targetCPU: targetCPU, cCompiler: cc))
  }
}

/// A number of bytes: `600MiB`, `1.5GiB`, `2GB`, `1000000`.
struct MemorySize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let number = argument.prefix { $0.isNumber || $0 == "." }
    let units: [String: Double] = [
      "": 1, "B": 1, "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
      "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    ]
    guard let value = Double(number), let unit = units[String(argument.dropFirst(number.count))],
      value * unit < 1e18
    else { return nil }
    bytes = Int(value * unit)
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
