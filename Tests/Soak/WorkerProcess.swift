// SPDX-License-Identifier: Apache-2.0
//
// One worker as the supervisor sees it: lines come through a pipe; silence for longer than a case
// may take is a hang, the end of the pipe within a case a crash.

import Foundation

/// How a case ended.
enum CaseEnding: Sendable {
  case verdict(Verdict)
  /// The worker died; how.
  case crashed(String)
  /// After so many seconds it was ended.
  case hung(Double)

  /// What is wrong, or nil.
  var failure: String? {
    switch self {
    case .verdict(.passed), .verdict(.skipped): nil
    case .verdict(.failed(let reason)): reason
    case .crashed(let how): "crashed: \(how)"
    case .hung(let seconds): "no end after \(seconds) s"
    }
  }
}

final class WorkerProcess {
  private let trial: any Trial
  private let process = Process()
  private let output = Pipe()
  private let messages: String
  private var buffer: [UInt8] = []
  /// The case that has started and not ended.
  private var current: UInt64?
  /// Whether the worker stopped by itself.
  private(set) var cameToItsEnd = false

  init(_ trial: any Trial, _ seed: UInt64, _ count: Int, _ seconds: Double) {
    self.trial = trial
    messages =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-soak-messages-\(UUID().uuidString)").path
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    // A backtrace takes seconds; `--repeat` shows it.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    process.arguments = ["--worker", trial.name, "\(seed)", "\(count)", "\(seconds)"]
  }

  /// Runs to the end.
  ///
  /// - Parameter report: called after each case, with what the worker wrote to standard error.
  /// - Returns: the last case that was started.
  func run(_ report: (UInt64, CaseEnding, String) -> Void) -> UInt64? {
    _ = FileManager.default.createFile(atPath: messages, contents: nil)
    defer { try? FileManager.default.removeItem(atPath: messages) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: messages)
    guard (try? process.run()) != nil else { return nil }
    try? output.fileHandleForWriting.close()
    var last: UInt64?
    while let line = nextLine() {
      switch WorkerLine(line) {
      case .start(let seed): (current, last) = (seed, seed)
      case .end(let seed, let verdict):
        current = nil
        report(seed, .verdict(verdict), lastMessages())
      case nil: continue
      }
    }
    if process.isRunning, let seed = current, isSilent {
      endGroup()
      report(seed, .hung(trial.secondLimit), lastMessages())
    }
    process.waitUntilExit()
    endGroup()
    Place.removeAll(of: process.processIdentifier)
    cameToItsEnd = process.terminationReason == .exit && process.terminationStatus == 0
    if let seed = current, !isSilent {
      let how =
        process.terminationReason == .uncaughtSignal
        ? "signal \(process.terminationStatus)" : "exit \(process.terminationStatus)"
      report(seed, .crashed(how), lastMessages())
    }
    return last
  }

  private var isSilent = false

  /// The next line of the worker; nil at its end, and when it has been silent for too long.
  private func nextLine() -> String? {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeSubrange(...end)
        return line
      }
      let descriptor = output.fileHandleForReading.fileDescriptor
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = Glibc.poll(&poll, 1, Int32(trial.secondLimit * 1000))
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else {
        isSilent = true
        return nil
      }
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { return nil }
      buffer += chunk[..<count]
    }
  }

  /// Ends the worker and what it has started: it leads a process group.
  private func endGroup() {
    kill(-process.processIdentifier, SIGKILL)
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  private func lastMessages() -> String {
    let bytes = FileManager.default.contents(atPath: messages) ?? Data()
    return String(decoding: bytes.suffix(8000), as: UTF8.self)
  }
}
