// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse run`: call an entry point of a library on arrays from a file, or on drawn ones.

import ArgumentParser
import MixFuse

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Call an entry point of a library.",
    discussion: """
      Inputs come from a file with the names of the spec (.npz or .safetensors), or are drawn from the
      spec's initialisers. With --repeat the call is warmed up, repeated and timed.

        mixfuse run build/maml_sinusoid.so --inputs tasks.npz --outputs gradient.npz
        mixfuse run build/mnist1d_lr.so --repeat 100 --threads 2 --json
      """)

  @Argument(help: "The library, a .so file written by 'mixfuse build'.")
  var library: String

  @Option(help: ArgumentHelp("The arrays to call it on.", valueName: "file"))
  var inputs: String?

  @Option(help: ArgumentHelp("Where to write the results.", valueName: "file"))
  var outputs: String?

  @Option(help: ArgumentHelp("The entry point.", valueName: "name"))
  var entry = "meta_gradient"

  @Option(help: ArgumentHelp("Number of threads; all processors unless given.", valueName: "n"))
  var threads: Int?

  @Option(name: .customLong("repeat"), help: ArgumentHelp("Number of timed calls.", valueName: "n"))
  var repetitions = 1

  @Option(help: ArgumentHelp("Seed of drawn inputs; the spec's unless given.", valueName: "n"))
  var seed: UInt64?

  @Flag(help: "Convert arrays of another element type, such as f64 for a library in f32.")
  var convert = false

  @Flag(help: "Print times, memory and loss as one JSON object.")
  var json = false

  func validate() throws {
    guard repetitions >= 1 else { throw ValidationError("--repeat needs at least 1") }
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads needs at least 1") }
  }

  mutating func run() throws {
    let report = try runLibrary(
      RunRequest(
        library: library, inputs: inputs, outputs: outputs, entryPoint: entry, threads: threads,
        repetitions: repetitions, seed: seed, converts: convert))
    try printOutput(json ? report.json : report.text)
  }
}
