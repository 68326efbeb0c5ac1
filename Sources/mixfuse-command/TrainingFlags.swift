// SPDX-License-Identifier: Apache-2.0
//
// The flags of a training run that do not concern the build.

import ArgumentParser
import MixFuse

struct TrainingFlags: ParsableArguments {
  @Option(help: ArgumentHelp("The data, an .npz or .safetensors file.", valueName: "file"))
  var data: String

  @Option(help: ArgumentHelp("Outer steps of the whole run.", valueName: "n"))
  var outerSteps = 1000

  @Option(help: "How the meta parameters follow their gradient.")
  var optimizer = OuterOptimizerKind.adam

  @Option(help: ArgumentHelp("The optimiser's step size.", valueName: "r"))
  var rate = 0.001

  @Option(
    help: ArgumentHelp(
      "Seed of drawn rows and initial values; the spec's unless given.",
      valueName: "n"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("Number of threads; all processors unless given.", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Folder of the results; SPEC_training unless given.",
      valueName: "folder"))
  var out: String?

  @Flag(help: "Go on from the checkpoint in the folder, bit for bit.")
  var resume = false

  @Flag(help: "Replace what an earlier run left in the folder.")
  var overwrite = false

  @Option(
    help: ArgumentHelp(
      "Go on although the checkpoint's run differs in these, such as rate,data; all for everything.",
      valueName: "name,..."))
  var allowChanges: NameList?

  @Option(
    help: ArgumentHelp(
      "Draw rows of this data apart from those of other tables; may be repeated.",
      valueName: "name"))
  var drawApart: [String] = []

  @Flag(help: "Start each step's inner parameters where those of the step before ended.")
  var carryTheta = false

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp("Fill a parameter at the start; may be repeated.", valueName: "name=value"))
  var initialValues: [InitialValue] = []

  func validate() throws {
    guard !resume || !overwrite else {
      throw ValidationError("--resume keeps what --overwrite replaces: give one of them")
    }
    guard resume || allowChanges == nil else {
      throw ValidationError("--allow-changes goes with --resume")
    }
  }

  /// The choices for the trainer; the default folder is named after the spec's file.
  func options(spec: String) -> TrainingOptions {
    let file = spec.split(separator: "/").last ?? "spec"
    let stem = file.split(separator: ".").first ?? file
    var options = TrainingOptions(data: data, folder: out ?? "\(stem)_training")
    options.outerSteps = outerSteps
    options.optimizer = optimizer
    options.rate = rate
    options.seed = seed
    options.threads = threads
    options.resumes = resume
    options.overwrites = overwrite
    options.allowedChanges = allowChanges?.names ?? []
    options.apart = drawApart
    options.carriesTheta = carryTheta
    options.initialValues = initialValues.map { ($0.name, $0.value) }
    return options
  }
}

/// `NAME=VALUE`.
struct InitialValue: ExpressibleByArgument {
  let name: String
  let value: Double

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let value = Double(parts[1]) else { return nil }
    self.name = String(parts[0])
    self.value = value
  }
}

/// `NAME,NAME,...`.
struct NameList: ExpressibleByArgument {
  let names: [String]

  init?(argument: String) {
    names = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if names.contains("") { return nil }
  }
}
