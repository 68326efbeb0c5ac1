// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse plan`: what a library will need, without building it.

import ArgumentParser
import MixFuse
import MixFuseRuntime

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show the memory and the operations that a library will need, without building it.",
    discussion: """
      Splits the arena of every entry point into parameters and state, trajectory, activations and
      temporaries at the moment when most is in use, and shows the course of memory over one call.
      Nothing is compiled and nothing allocated, so it takes the same time for every size.

        mixfuse plan Examples/chinchilla_maml.mix --preset 57M
        mixfuse plan Examples/chinchilla_maml.mix --preset small --derivation standard --svg memory.svg
      """)

  @OptionGroup var flags: BuildFlags

  @Option(
    help: ArgumentHelp("The entry point whose course of memory is shown.", valueName: "name"))
  var entry = "meta_gradient"

  @Option(help: ArgumentHelp("Number of threads; all processors unless given.", valueName: "n"))
  var threads: Int?

  @Option(help: ArgumentHelp("Draw the course of memory into a file.", valueName: "file"))
  var svg: String?

  @Flag(help: "Print the numbers as JSON.")
  var json = false

  func validate() throws {
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads needs at least 1") }
    guard Compilation.entryNames.contains(entry) else {
      throw ValidationError(
        "there is no entry point '\(entry)'; there are "
          + Compilation.entryNames.joined(separator: ", "))
    }
  }

  mutating func run() throws {
    let compilation = try flags.compilation(threads: threads)
    let report = try compilation.plan()
    printError(compilation.warningText)
    if let svg, let plan = report.entryPoint(entry) {
      try AtomicFile.write(PlanTimeline(plan).svg, to: svg)
    }
    let workers = threads ?? ThreadPool.availableProcessors
    try printOutput(
      json ? report.json() : report.text(detailing: entry, workers: workers), terminator: "")
  }
}
