// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse train`: build a spec and run its outer loop on data from a file.

import ArgumentParser
import MixFuse
import MixFuseRuntime

extension OuterOptimizerKind: ExpressibleByArgument {}

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Meta-train a spec on data.",
    discussion: """
      Arrays feed the spec's inputs of the same names: whole, or as tables of which each outer step
      draws rows. The folder gets log.csv, curve.svg, the library, checkpoint.npz (the last state
      whose loss and gradients were finite) and best.npz (the one of the lowest loss).

        mixfuse train Examples/mnist1d_lr.mix --data Examples/data/mnist1d.npz \\
          --optimizer sgd --rate 0.3 --outer-steps 50 --init lr=1.5
        mixfuse train Examples/maml_sinusoid.mix --data Examples/data/sinusoid_tasks.npz \\
          --outer-steps 5000 --out /tmp/sinusoid
      """)

  @OptionGroup var flags: BuildFlags
  @OptionGroup var training: TrainingFlags

  mutating func run() throws {
    let compilation = try flags.compilation(threads: training.threads)
    let options = training.options(spec: flags.spec)
    var trainer = try Trainer(
      compilation, cache: flags.noCache ? nil : Compilation.defaultCache, options: options)
    printError(compilation.warningText + trainer.notes.map { "note: \($0)\n" }.joined())
    if !trainer.unusedArrays.isEmpty {
      try printOutput("not used: \(trainer.unusedArrays.joined(separator: ", "))")
    }
    if trainer.step > 0 { try printOutput("going on after step \(trainer.step)") }

    Interruption.listen()
    var display = ProgressDisplay()
    let isComplete = try trainer.run(
      observe: { try display.show($0) }, shouldStop: { Interruption.isRequested },
      savingFailed: { printError("warning: \($0); training goes on\n") })
    try display.finish()
    let saved = trainer.savedFiles
    if !saved.isEmpty { try printOutput("wrote \(saved.joined(separator: ", "))") }
    if !isComplete {
      printError(
        saved.isEmpty
          ? "interrupted before anything was there to be saved\n"
          : "interrupted after step \(trainer.savedStep); --resume goes on from there\n")
      throw ExitCode(130)
    }
  }
}
