// SPDX-License-Identifier: Apache-2.0
//
// Runs the built command as a user does: a process of its own, with a build cache of its own, in a
// folder of its own. The executable lies beside the test bundle.

import Foundation
import MixFuseRuntime

/// How a run of the command ended.
struct CommandResult {
  let exitCode: Int32
  /// Standard output and standard error.
  let output: String, errors: String
}

/// What can go wrong in the tests themselves.
enum CommandTestFailure: Error {
  case executableMissing(String)
  case nothingHappened(String)
}

/// A place to run the command in: a new folder, removed with the object.
final class Workplace: Sendable {
  let path: String

  /// The folder of the test bundle, and so of the executable.
  private static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()
  /// All tests share one build cache, which also tests it.
  private static let cache = products.appendingPathComponent("command-tests-cache")

  init() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file in the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a text file and returns its path.
  func write(_ text: String, as name: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  /// The bytes of a file.
  func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }

  /// The names in a folder below this one, hidden ones included; empty if there is no such folder.
  func names(in folder: String = "") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: file(folder))) ?? []).sorted()
  }

  /// Runs `mixfuse` to its end.
  ///
  /// - Parameter fileLimit: the size in units of 512 bytes at which writing any file fails, as on a
  ///   disk that becomes full.
  func run(_ arguments: String..., fileLimit: Int? = nil) throws -> CommandResult {
    let process = try start(arguments, fileLimit: fileLimit)
    process.waitUntilExit()
    return result(of: process)
  }

  /// Runs `mixfuse` to its end by a line of the shell, in which `"$@"` is the command.
  func run(_ arguments: [String], by script: String) throws -> CommandResult {
    let process = try start(arguments, script: script)
    process.waitUntilExit()
    return result(of: process)
  }

  /// Starts `mixfuse` with its output going to the files `output` and `errors` of the folder.
  ///
  /// - Parameters:
  ///   - script: a line of the shell in which `"$@"` is the command.
  ///   - environment: variables in which the command's environment differs from the test's.
  func start(
    _ arguments: [String], fileLimit: Int? = nil, script: String? = nil,
    environment changes: [String: String] = [:]
  ) throws -> Process {
    let executable = try Self.executable()
    let process = Process()
    let limited = fileLimit.map { "ulimit -f \($0); exec \"$@\"" }
    if let script = script ?? limited {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", script, "bash", executable] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: executable)
      process.arguments = arguments
    }
    process.currentDirectoryURL = URL(fileURLWithPath: path)
    var environment = ProcessInfo.processInfo.environment
    environment["XDG_CACHE_HOME"] = Self.cache.path
    environment.merge(changes) { _, new in new }
    process.environment = environment
    for name in ["output", "errors"] { _ = try write("", as: name) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: file("output"))
    process.standardError = FileHandle(forWritingAtPath: file("errors"))
    try process.run()
    return process
  }

  /// What a process that has ended left behind.
  func result(of process: Process) -> CommandResult {
    CommandResult(
      exitCode: process.terminationStatus, output: text("output"), errors: text("errors"))
  }

  /// The text of a file, empty if there is none.
  func text(_ name: String) -> String {
    (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? ""
  }

  private static func executable() throws -> String {
    let path = products.appendingPathComponent("mixfuse").path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw CommandTestFailure.executableMissing(path)
    }
    return path
  }
}

/// The spec of the examples that most tests use, and its data.
extension Workplace {
  /// The root of the package.
  static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// A path in `Examples`.
  static func example(_ name: String) -> String { "\(root)/Examples/\(name)" }

  /// Flags that make the sinusoid spec small.
  static let smallSinusoid = [
    example("maml_sinusoid.mix"), "--set", "hidden=4", "--set", "tasks=3", "--set", "points=5",
  ]

  /// Builds the small sinusoid library and returns its path.
  func buildSinusoid(_ flags: String...) throws -> String {
    let process = try start(["build"] + Self.smallSinusoid + flags + ["-o", file("library")])
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CommandTestFailure.nothingHappened(text("errors"))
    }
    return file("library/maml_sinusoid.so")
  }

  /// Inputs of the small sinusoid library, all ones but for what is given.
  func sinusoidInputs(
    replacing replacements: NamedArrays = [:], without missing: String? = nil
  ) throws -> String {
    let shapes: [(name: String, shape: [Int])] = [
      ("eta.w1", [1, 4]), ("eta.b1", [4]), ("eta.w2", [4, 4]), ("eta.b2", [4]), ("eta.w3", [4, 1]),
      ("eta.b3", [1]), ("x_support", [3, 5, 1]), ("y_support", [3, 5, 1]), ("x_query", [3, 5, 1]),
      ("y_query", [3, 5, 1]),
    ]
    var arrays = NamedArrays()
    for (name, shape) in shapes where name != missing {
      let ones = [Float](repeating: 1, count: shape.reduce(1, *))
      arrays[name] = try replacements[name] ?? NDArray(ones, shape: shape)
    }
    try ArrayFile.write(arrays, to: file("inputs.npz"))
    return file("inputs.npz")
  }
}
