// SPDX-License-Identifier: Apache-2.0
//
// What a command says and returns when it ends with an error: one place that knows every kind of
// error, so that all commands speak alike. Exit codes: 1 the user's mistake, 2 not supported yet,
// 3 a bug of the compiler.

import Diagnostics
import Interpreter
import MixFuseRuntime
import MixFuseShared

/// The last words of a command that failed.
package struct FailureReport: Sendable {
  /// What goes to standard error; ends with a line break.
  package let text: String
  /// What the process returns.
  package let exitCode: Int32

  /// Describes any error that the compiler, the runtime or the trainer throws.
  ///
  /// An error of no known kind is a bug of the compiler.
  package init(_ error: any Error) {
    switch error {
    case let failure as CompilationFailure:
      self.init(failure.diagnostics.rendered(), failure.diagnostics.exitCode)
    case let error as RuntimeError:
      // Its text may name what an archive or a file of the user's is called.
      let text = shortened(visible("\(error)", keepsLineBreaks: true), to: 4000)
      self.init(
        "error: \(text) [\(error.id)]\n" + Self.help(error), DiagnosticCategory.userError.exitCode)
    case let failure as FileFailure:
      self.init(RuntimeError(failure))
    case EvaluationError.positionOutOfRange:
      // The interpreter met it in the user's arrays.
      self.init("error: \(error) [index.range]\n", DiagnosticCategory.userError.exitCode)
    case let message as any DiagnosticMessage:
      self.init(Diagnostic(message, at: nil).rendered(), message.category.exitCode)
    default:
      self.init("error: \(error) [internal]\n", DiagnosticCategory.compilerBug.exitCode)
    }
  }

  /// Any text that repeats what the user gave, such as a flag, without control characters.
  package static func printable(_ text: String) -> String { visible(text, keepsLineBreaks: true) }

  private init(_ text: String, _ exitCode: Int32) {
    let isBug = exitCode == DiagnosticCategory.compilerBug.exitCode
    self.text = isBug ? text + Self.request : text
    self.exitCode = exitCode
  }

  /// What a flag of the command line can do about an error of the runtime, which knows no flags.
  private static func help(_ error: RuntimeError) -> String {
    guard case .arrayMismatch(_, _, _, isTypeOnly: true) = error else { return "" }
    return "help: 'mixfuse run --convert' converts arrays of another element type\n"
  }

  private static let request =
    "note: this is a bug of the compiler, not of the spec\n"
    + "help: please report it with the spec and the output of 'mixfuse dump SPEC --stage c'\n"
}

extension Compilation {
  /// The warnings found so far, ready to be printed; empty if there are none.
  package var warningText: String { diagnostics.diagnostics.isEmpty ? "" : diagnostics.rendered() }
}
