// SPDX-License-Identifier: Apache-2.0
//
// C text to objects by a C compiler of the user's choice instead of LLVM in this process: a clang of
// another version, gcc, or the clang inside of another tool, such as `zig cc`. It is asked for the same
// dialect and the same processor (see `languageArguments`), so that the same floating-point operations
// come out; how fast they are is its own affair.

import Glibc
import MixFuseShared

/// A C compiler that is run as a program: what `--cc` names.
package struct CCompiler: Sendable, Hashable {
  /// The program and the arguments that come before all others, as the user wrote them: `zig cc`.
  package let command: String
  /// Path of the program.
  let program: String
  /// The words after the program's.
  let arguments: [String]

  /// The compiler that a command names: words apart by blanks, the first a path or a program on the
  /// search path.
  ///
  /// - Throws: `toolchain.compiler-missing`.
  package init(_ command: String, tools: ExternalTools = ExternalTools()) throws(ToolchainError) {
    let words = command.split(separator: " ").map(String.init)
    guard let first = words.first, let program = tools.path(of: first) else {
      throw .compilerMissing(command: command)
    }
    self.command = command
    self.program = program
    arguments = Array(words.dropFirst())
  }

  /// What the bytes of its objects depend on: the command, and what it says of its version.
  ///
  /// - Cost: one start of the program.
  /// - Throws: `toolchain.program-unusable`.
  package func fingerprint() throws(ToolchainError) -> [String] {
    let result = try runChild(program, arguments + ["--version"])
    return [command, String(decoding: result.output, as: UTF8.self)]
  }

  /// Compiles a source to an object file.
  ///
  /// - Throws: `toolchain.compiler-failed` with all that it said; `toolchain.stack` for a function that
  ///   needs more stack than libraries promise; `toolchain.tool-result` for anything but an ELF object.
  func object(
    of source: CSource, for target: TargetDescription, level: OptimizationLevel
  ) throws(ToolchainError) -> [UInt8] {
    // Assemblers write to files with names only.
    let file = try TemporaryObject()
    let options =
      ["-x", "c", "-", "-c", "-o", file.path, "-O\(level.rawValue)"] + languageArguments
      + ["-Wframe-larger-than=\(stackFrameLimit)", "-fno-sanitize=all"] + target.compilerArguments
    let result = try runChild(
      program, arguments + options, input: try MemoryFile(Array(source.text.utf8)))
    guard result.status == 0 else {
      throw .compilerFailed(command: command, name: source.name, output: result.messages)
    }
    // Both gcc and clang say "frame size of" here; what else they warn of is about style.
    let frames = result.messages.split(separator: "\n").filter { $0.contains("frame size") }
    guard frames.isEmpty else {
      throw .stackTooLarge(name: source.name, functions: frames.map(String.init))
    }
    let bytes = readRegularFile(file.path) ?? []
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw .toolResult(tool: command, found: "\(bytes.count) bytes", expected: "an ELF object")
    }
    return bytes
  }
}
