// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse verify`: hold a spec's library against oracles.

import ArgumentParser
import MixFuse

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check the meta-gradient of a spec against independent computations of it.",
    discussion: """
      Builds the library and compares every output with the other derivation, with the interpreter
      in Float64, with finite differences of what it is the derivative of, and with a reference file
      if there is one; also at zeros, ties and large values. Says how well-conditioned the problem
      is. Exits with 1 if anything differs by more than its tolerance, or if finite differences could
      not decide anything about one of the derivatives.

        mixfuse verify Examples/maml_sinusoid.mix
        mixfuse verify Examples/mnist1d_lr.mix --set steps=20 --dtype f64 --reference results.npz
      """)

  @OptionGroup var flags: BuildFlags

  @Option(
    help: ArgumentHelp(
      "Inputs and expected results by name (.npz or .safetensors); inputs are drawn otherwise.",
      valueName: "file"))
  var reference: String?

  @Option(
    help: ArgumentHelp("Seed of inputs and directions; the spec's unless given.", valueName: "n"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("Number of threads; all processors unless given.", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print the report as JSON.")
  var json = false

  func validate() throws {
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads needs at least 1") }
  }

  mutating func run() throws {
    let compilation = try flags.compilation(threads: threads)
    var request = VerificationRequest()
    request.reference = reference
    request.seed = seed
    request.threads = threads
    request.usesCache = !flags.noCache
    let report = try compilation.verify(request)
    printError(compilation.warningText)
    try printOutput(json ? report.json() : report.text, terminator: "")
    if !report.isVerified { throw ExitCode(1) }
  }
}
