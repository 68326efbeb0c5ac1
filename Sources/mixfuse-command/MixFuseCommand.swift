// SPDX-License-Identifier: Apache-2.0
//
// The command `mixfuse`: its subcommands, and how each of them ends. Commands throw; this file alone
// turns errors into text on standard error and an exit code (1 the user's mistake, 2 not supported
// yet, 3 a bug of the compiler, 130 interrupted after saving).

import ArgumentParser
import Foundation
import MixFuse
import MixFuseShared

@main
struct MixFuseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mixfuse",
    abstract:
      "Compiles specs of meta-learning problems into libraries that compute meta-gradients.",
    discussion: """
      A spec (NAME.mix) describes a model, an inner optimisation and an outer objective. Start with:

        mixfuse build Examples/maml_sinusoid.mix -o build
        mixfuse run build/maml_sinusoid.so
      """,
    version: Compiler.version,
    subcommands: [
      BuildCommand.self, VerifyCommand.self, RunCommand.self, TrainCommand.self, PlanCommand.self,
      BenchCommand.self, SweepCommand.self, DumpCommand.self, CheckCommand.self, FormatCommand.self,
    ])

  static func main() {
    StandardStreams.prepare()
    Interruption.watch()
    do {
      try onLargeStack {
        var command = try parseAsRoot()
        TemporaryFolder.removeLeftovers()
        try command.run()
        try StandardStreams.finish()
      }
    } catch {
      end(with: error)
    }
  }

  /// Prints an error, or the help that was asked for, and ends the process.
  private static func end(with error: any Error) -> Never {
    let code = exitCode(for: error)
    if code == .success {
      do {
        try printOutput(fullMessage(for: error))
        try StandardStreams.finish()
        Foundation.exit(0)
      } catch {
        end(with: error)
      }
    }
    if error is ReaderIsGone { ReaderIsGone.end() }
    // A command that has said everything itself.
    if let silent = error as? ExitCode {
      Foundation.exit(silent.rawValue)
    }
    if code == .validationFailure {
      // It repeats arguments as they were given.
      printError(FailureReport.printable(fullMessage(for: error)) + "\n")
      Foundation.exit(1)
    }
    let report = FailureReport(error)
    printError(report.text)
    Foundation.exit(report.exitCode)
  }
}
