// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse dump`: look into the compiler between two stages.

import ArgumentParser
import MixFuse

extension DumpStage: ExpressibleByArgument {}

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Print a spec at a stage of its compilation.",
    discussion: """
      Passes over graphs, in order: \(Compilation.passNames.joined(separator: ", ")).

      Passes over schedules: \(Compilation.schedulePassNames.joined(separator: ", ")).

        mixfuse dump maml.mix --stage ir
        mixfuse dump maml.mix --stage gradient --after-pass simplify-algebra
        mixfuse dump maml.mix --stage schedule --after-pass fuse-epilogues
        mixfuse dump maml.mix --stage c --entry inner_gradient
      """)

  @OptionGroup var flags: BuildFlags

  @Option(help: "The stage.")
  var stage: DumpStage

  @Option(
    help: ArgumentHelp(
      "One entry point: \(Compilation.entryNames.joined(separator: ", ")).", valueName: "name"))
  var entry: String?

  @Option(
    help: ArgumentHelp(
      "Stop after this pass (its last run); for gradient, meta-gradient and schedule.",
      valueName: "name"))
  var afterPass: String?

  mutating func run() throws {
    let compilation = try flags.compilation()
    try printOutput(compilation.dump(stage, entry: entry, afterPass: afterPass), terminator: "")
    printError(compilation.warningText)
  }
}
