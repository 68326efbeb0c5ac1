// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse check`: what is wrong with a spec, without building it.

import ArgumentParser
import MixFuse

/// How a report is printed.
enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json
}

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check a spec without building it.",
    discussion: """
      Reports everything that is wrong with syntax, names, shapes and derivatives, in a tenth of a
      second. With --format json the messages go to standard output as one object, for editors: each
      has severity, id, message, place, operands, notes and help; lines and columns begin at 1, ends
      are exclusive. The exit code is that of a build.

        mixfuse check Examples/maml_sinusoid.mix
        mixfuse check Examples/maml_sinusoid.mix --format json
      """)

  @OptionGroup var flags: BuildFlags

  @Option(help: "How to print it.")
  var format: ReportFormat = .text

  mutating func run() throws {
    let report = try flags.uncheckedCompilation().check()
    switch format {
    case .text: printError(report.text)
    case .json: try printOutput(report.json)
    }
    if report.exitCode != 0 {
      try StandardStreams.finish()
      throw ExitCode(report.exitCode)
    }
  }
}
