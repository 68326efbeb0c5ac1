// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse run ... --json` as a child process, and what it printed.

import Foundation

/// A child process that ended with an error. What it said is the whole message.
package struct ChildFailure: Error, CustomStringConvertible {
  package let command: String
  package let status: Int32
  package let messages: String

  package var description: String {
    let text = messages.trimmingCharacters(in: .whitespacesAndNewlines)
    return "'\(command)' ended with status \(status)\(text.isEmpty ? "" : ": \(text)")"
  }
}

/// The measurements of one run.
struct ChildRun: Decodable {
  let secondsMedian: Double
  let arenaBytes: Int
  let peakBytes: Int?
  let workingBytes: Int?

  enum CodingKeys: String, CodingKey {
    case secondsMedian = "seconds_median"
    case arenaBytes = "arena_bytes"
    case peakBytes = "peak_rss_bytes"
    case workingBytes = "working_bytes"
  }

  /// Runs the program to its end.
  ///
  /// - Throws: `ChildFailure`.
  init(executable: String, arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    let (output, messages) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = messages
    let command = "mixfuse \(arguments.joined(separator: " "))"
    do {
      try process.run()
    } catch {
      throw ChildFailure(command: command, status: -1, messages: error.localizedDescription)
    }
    // What it prints fits into a pipe many times over, so the two can be read one after the other.
    let json = output.fileHandleForReading.readDataToEndOfFile()
    let text = messages.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0,
      let decoded = try? JSONDecoder().decode(Self.self, from: json)
    else {
      throw ChildFailure(
        command: command, status: process.terminationStatus,
        messages: String(decoding: text, as: UTF8.self))
    }
    self = decoded
  }
}
