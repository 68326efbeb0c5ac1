// SPDX-License-Identifier: Apache-2.0
//
// Programs that a case runs: clang, and `mixfuse` as users run it, with a build cache of the
// worker's own and limits on memory and time.

import Foundation

/// How a child ended.
struct ChildResult {
  /// The exit code, or 128 and the signal.
  let status: Int32
  let output: String
  let errors: String
  /// Whether it was ended because it took too long.
  var timedOut = false

  /// Whether a signal ended it that nobody sent.
  var crashed: Bool { !timedOut && status > 128 && status != 130 }
}

/// Starts programs.
enum Child {
  /// Runs a program to its end.
  ///
  /// - Parameters:
  ///   - environment: added to this process's.
  ///   - seconds: after which it is killed.
  ///   - output: where standard output goes instead, such as `/dev/full`.
  static func run(
    _ program: String, _ arguments: [String], in folder: String? = nil,
    environment: [String: String] = [:], seconds: Double = 60, output: String? = nil
  ) throws -> ChildResult {
    let place = try Place.new()
    defer { place.remove() }
    let process = try start(
      program, arguments, in: folder, environment: environment,
      output: output ?? place.file("output"), errors: place.file("errors"))
    let timedOut = !wait(for: process, seconds: seconds)
    if timedOut { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    let signal = process.terminationReason == .uncaughtSignal
    return ChildResult(
      status: signal ? 128 + process.terminationStatus : process.terminationStatus,
      output: String(decoding: place.bytes("output") ?? [], as: UTF8.self),
      errors: String(decoding: place.bytes("errors") ?? [], as: UTF8.self), timedOut: timedOut)
  }

  /// Starts a program, its output and errors in files.
  static func start(
    _ program: String, _ arguments: [String], in folder: String? = nil,
    environment: [String: String] = [:], output: String, errors: String
  ) throws -> Process {
    for path in [output, errors] where !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    return process
  }

  /// - Returns: whether it ended in time.
  static func wait(for process: Process, seconds: Double) -> Bool {
    let end = Date(timeIntervalSinceNow: seconds)
    while process.isRunning {
      guard end.timeIntervalSinceNow > 0 else { return false }
      usleep(5000)
    }
    return true
  }

  /// The `mixfuse` that was built with this tool, beside it.
  static let mixfuse = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("mixfuse").path

  /// Runs `mixfuse`.
  ///
  /// - Parameter memory: the limit of its address space, in bytes.
  static func mixfuse(
    _ arguments: [String], in place: Place, environment: [String: String] = [:],
    seconds: Double = 60, memory: Int = 16 << 30, output: String? = nil
  ) throws -> ChildResult {
    try run(
      "/bin/sh", ["-c", "ulimit -v \(memory / 1024); exec \"$0\" \"$@\"", mixfuse] + arguments,
      in: place.path, environment: cache(place).merging(environment) { $1 }, seconds: seconds,
      output: output)
  }

  /// A build cache that all cases of this machine's soaks share, but not the user's.
  static func cache(_ place: Place) -> [String: String] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-soak-cache-\(getuid())").path
    return ["XDG_CACHE_HOME": folder, "TMPDIR": place.path]
  }
}
