// SPDX-License-Identifier: Apache-2.0
//
// Everything that can go wrong between C text and a shared library on disk, with its wording.
// One case per message, in alphabetical order, so that ids, classes and texts stand together.
// The driver turns an error into a diagnostic and an exit code; nothing here prints.

package import Diagnostics
package import MixFuseShared

/// Why C text could not be checked, compiled, linked, stored or written.
package enum ToolchainError: Error, Equatable, DiagnosticMessage {
  /// libclang found something to complain about in generated C.
  case cRejected(name: String, diagnostics: [String])
  /// The C compiler that `--cc` names stopped on generated C.
  case compilerFailed(command: String, name: String, output: String)
  /// `--cc` names no program.
  case compilerMissing(command: String)
  /// `--target-cpu` names a processor that LLVM does not know for this machine's architecture.
  case cpuUnknown(name: String, suggestion: String?)
  /// A kind of machine that nothing can be compiled for.
  case targetUnknown(name: String, known: [String])
  /// A file could not be written; nothing was left behind.
  case fileUnwritable(path: String, reason: String)
  /// clang stopped on C that libclang had accepted.
  case frontEndFailed(name: String, output: String)
  /// The linker stopped.
  case linkFailed(linker: String, output: String)
  /// LLVM reported an error while reading, optimising or emitting a module.
  case llvmFailed(step: String, name: String, messages: [String])
  /// A program could not be started at all.
  case programUnusable(path: String, reason: String)
  /// A function of the generated code needs more stack than libraries promise.
  case stackTooLarge(name: String, functions: [String])
  /// A program is not installed.
  case toolMissing(tool: String, package: String)
  /// A program ended without an error, but what it wrote is not what it was asked for.
  case toolResult(tool: String, found: String, expected: String)

  /// Stable id, shown in brackets.
  package var id: String {
    switch self {
    case .cRejected: "toolchain.c-rejected"
    case .compilerFailed: "toolchain.compiler-failed"
    case .compilerMissing: "toolchain.compiler-missing"
    case .cpuUnknown: "toolchain.cpu-unknown"
    case .targetUnknown: "toolchain.target-unknown"
    case .fileUnwritable: "toolchain.file-unwritable"
    case .frontEndFailed: "toolchain.front-end-failed"
    case .linkFailed: "toolchain.link-failed"
    case .llvmFailed: "toolchain.llvm-failed"
    case .programUnusable: "toolchain.program-unusable"
    case .stackTooLarge: "toolchain.stack"
    case .toolMissing: "toolchain.tool-missing"
    case .toolResult: "toolchain.tool-result"
    }
  }

  /// Whose fault it is, which decides the exit code.
  package var category: DiagnosticCategory {
    switch self {
    case .cRejected, .frontEndFailed, .linkFailed, .llvmFailed: .compilerBug
    case .compilerFailed, .compilerMissing, .cpuUnknown, .fileUnwritable, .programUnusable,
      .targetUnknown,
      .toolMissing, .toolResult:
      .userError
    case .stackTooLarge: .limitation
    }
  }

  /// One line: what was found and what was expected.
  package var text: String {
    switch self {
    case .cRejected(let name, let diagnostics):
      "the generated C of \(name) has \(diagnostics.count) diagnostics, expected none"
    case .compilerFailed(let command, let name, _):
      "'\(command)' could not compile the generated C of \(name)"
    case .compilerMissing(let command):
      "--cc '\(command)' names no program that can be run"
    case .cpuUnknown(let name, _):
      "LLVM knows no CPU named '\(name)' for this machine"
    case .targetUnknown(let name, let known):
      "--target '\(name)' is no kind of machine; there are \(known.joined(separator: ", "))"
    case .fileUnwritable(let path, let reason):
      "cannot write \(path): \(reason)"
    case .frontEndFailed(let name, _):
      "clang could not translate the generated C of \(name)"
    case .linkFailed(let linker, _):
      "\(linker) could not link the generated objects"
    case .llvmFailed(let step, let name, _):
      "LLVM could not \(step) \(name)"
    case .programUnusable(let path, let reason):
      "cannot run \(path): \(reason)"
    case .stackTooLarge:
      "the library would need more than the 256 KiB of stack that libraries promise to do with"
    case .toolMissing(let tool, _):
      "\(tool) was not found"
    case .toolResult(let tool, let found, let expected):
      "\(tool) ended without an error, but left \(found); expected \(expected)"
    }
  }

  /// What the tool itself said, one string per message, each possibly of several lines.
  package var details: [String] {
    switch self {
    case .cRejected(_, let diagnostics): diagnostics
    case .compilerFailed(_, _, let output), .frontEndFailed(_, let output),
      .linkFailed(_, let output):
      [output]
    case .llvmFailed(_, _, let messages): messages
    case .compilerMissing, .cpuUnknown, .fileUnwritable, .programUnusable, .targetUnknown,
      .toolMissing, .toolResult:
      []
    case .stackTooLarge(_, let functions): functions
    }
  }

  /// What the user can do about it, if anything is known.
  package var help: String? {
    switch self {
    case .compilerFailed: "gcc 12 and clang 16 can, and 'zig cc'; without --cc LLVM 19 does"
    case .compilerMissing: "name a path, or a program on the PATH and its first arguments: 'zig cc'"
    case .cpuUnknown(_, let suggestion):
      suggestion ?? "'clang-19 --print-supported-cpus' lists the names"
    case .targetUnknown(let name, let known): didYouMean(name, among: known)
    case .toolMissing(_, let package):
      "install it: sudo apt-get install \(package)"
    case .toolResult:
      "is the disk or the memory full, or is it another program of that name?"
    case .stackTooLarge: "build it from smaller parts: loops in place of long lists of operations"
    case .cRejected, .fileUnwritable, .frontEndFailed, .linkFailed, .llvmFailed, .programUnusable:
      nil
    }
  }
}

extension ToolchainError: CustomStringConvertible {
  /// The whole message, help and details, for logs and for errors that nobody rendered.
  package var description: String {
    let lines = ["\(text) [\(id)]"] + (help.map { ["help: \($0)"] } ?? []) + details
    return lines.joined(separator: "\n")
  }
}

/// Why the build cache is not used; building goes on without it.
package enum CacheWarning: Equatable, DiagnosticMessage {
  /// Others could put libraries into the folder, which would then be run.
  case untrusted(folder: String, reason: String)

  package var id: String { "toolchain.cache-untrusted" }
  package var severity: Severity { .warning }

  package var text: String {
    switch self {
    case .untrusted(let folder, let reason):
      "the build cache \(folder) is not used: \(reason)"
    }
  }
}

extension ToolchainError {
  /// The error for a file that cannot be written.
  package init(_ failure: FileFailure) {
    self = .fileUnwritable(path: failure.path, reason: failure.reason)
  }
}

/// Runs what writes a file.
///
/// - Throws: `toolchain.file-unwritable`.
func writing(_ body: () throws(FileFailure) -> Void) throws(ToolchainError) {
  do { try body() } catch { throw ToolchainError(error) }
}
