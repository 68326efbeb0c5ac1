// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse bench`: measure a spec's library.

import ArgumentParser
import Foundation
import MixFuse
import MixFuseRuntime

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the meta-gradient of a spec.",
    discussion: """
      --ablation compares all eight combinations of --derivation, --remat and --inner-gradients: the
      arena that was planned, the memory that was used, time, useful GFLOP/s, and how far the results
      differ. --profile says where the time of one combination goes, kernel by kernel.

        mixfuse bench Examples/chinchilla_maml.mix --ablation --repeat 5 --svg ablation.svg
        mixfuse bench Examples/chinchilla_maml.mix --preset small --profile --threads 1
      """)

  @OptionGroup var flags: BuildFlags

  @Flag(help: "Compare all combinations of the switches.")
  var ablation = false

  @Flag(help: "Measure every kernel.")
  var profile = false

  @Option(name: .customLong("repeat"), help: ArgumentHelp("Number of timed calls.", valueName: "n"))
  var repetitions = 3

  @Option(help: ArgumentHelp("Number of threads; all processors unless given.", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print the measurements as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Draw the ablation into a file.", valueName: "file"))
  var svg: String?

  @Option(help: ArgumentHelp("Write the tables into a file of Markdown.", valueName: "file"))
  var markdown: String?

  func validate() throws {
    guard ablation != profile else {
      throw ValidationError("give either --ablation or --profile")
    }
    guard flags.memory == nil || !ablation else {
      throw ValidationError("--ablation tries all combinations; --memory chooses one")
    }
    guard svg == nil || ablation else { throw ValidationError("--svg goes with --ablation") }
    guard repetitions >= 1 else { throw ValidationError("--repeat needs at least 1") }
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads needs at least 1") }
  }

  mutating func run() throws {
    var request = BenchRequest()
    request.repetitions = repetitions
    request.threads = threads
    request.usesCache = !flags.noCache
    let files = (svg: try TextFile(svg), markdown: try TextFile(markdown))
    let compilation = try flags.compilation(threads: threads)
    if ablation {
      // The program itself runs the libraries, each in a process of its own.
      let executable = Bundle.main.executablePath ?? CommandLine.arguments[0]
      let report = try compilation.ablation(request, executable: executable) { name in
        printError("measuring \(name)\n")
      }
      try files.svg?.finish(report.svg)
      try files.markdown?.finish(report.markdown)
      try printOutput(json ? try report.json() : report.text, terminator: "")
    } else {
      let report = try compilation.profile(request)
      try files.markdown?.finish(report.markdown)
      try printOutput(json ? try report.json() : report.text, terminator: "")
    }
    printError(compilation.warningText)
  }
}
