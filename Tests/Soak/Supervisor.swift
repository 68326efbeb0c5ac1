// SPDX-License-Identifier: Apache-2.0
//
// Runs workers, several at a time and all kinds in turns, until the time is over; counts how cases
// end; keeps the files of those that fell, with the command that repeats them.

import Foundation
import Synchronization

/// How the cases of a kind ended.
struct Counts: Sendable {
  var passed = 0, skipped = 0, mismatches = 0, crashes = 0, hangs = 0

  var cases: Int { passed + skipped + failures }
  var failures: Int { mismatches + crashes + hangs }
}

/// Runs all trials.
final class Supervisor: Sendable {
  private let options: SoakOptions
  private let firstSeed: UInt64
  private let deadline: Date
  private let state: Mutex<State>

  private struct State {
    var counts: [String: Counts] = [:]
    /// The next seed of each kind.
    var seeds: [String: UInt64] = [:]
    /// Whose turn it is.
    var turn = 0
    /// Why cases were skipped.
    var reasons: [String: Int] = [:]
    var failures: [String] = []
  }

  /// The seconds of one turn of a kind.
  private static let turnSeconds = 10.0

  init(_ options: SoakOptions) {
    self.options = options
    let clock = UInt64(Date().timeIntervalSince1970) % 1_000_000 * 1000
    firstSeed = options.seed ?? (options.isShare ? 1 : clock)
    deadline = Date(timeIntervalSinceNow: options.isShare ? 3600 : options.minutes * 60)
    state = Mutex(State())
  }

  /// - Returns: whether nothing fell.
  func run() -> Bool {
    print("seeds from \(firstSeed); failing cases go to \(options.failures)")
    // Each job starts a turn when its last one is over.
    DispatchQueue.concurrentPerform(iterations: options.jobs) { _ in
      while let turn = nextTurn() { run(turn) }
    }
    print(table())
    return state.withLock { $0.counts.values.allSatisfy { $0.failures == 0 } }
  }

  // MARK: Turns

  private struct Turn {
    let trial: any Trial
    var seed: UInt64
    var count: Int
    var seconds: Double
  }

  private func nextTurn() -> Turn? {
    let trials = options.trials
    return state.withLock { state in
      if options.isShare {
        guard state.turn < trials.count else { return nil }
        let trial = trials[state.turn]
        state.turn += 1
        return Turn(trial: trial, seed: firstSeed, count: trial.share, seconds: 3600)
      }
      let left = deadline.timeIntervalSinceNow
      guard left > 1, !trials.isEmpty else { return nil }
      let trial = trials[state.turn % trials.count]
      state.turn += 1
      // Turns of one kind that run at the same time must not share seeds.
      let seed = state.seeds[trial.name] ?? firstSeed
      state.seeds[trial.name] = seed + 100_000
      return Turn(
        trial: trial, seed: seed, count: 100_000, seconds: min(left, Self.turnSeconds))
    }
  }

  /// Runs the cases of a turn; after a case that ended its worker, the rest in another worker.
  private func run(_ turn: Turn) {
    var turn = turn
    let start = Date()
    while turn.count > 0, turn.seconds > 0.1 {
      let process = WorkerProcess(turn.trial, turn.seed, turn.count, turn.seconds)
      let last = process.run { seed, ending, messages in
        record(turn.trial, seed, ending, messages)
      }
      guard let last, last < turn.seed + UInt64(turn.count) - 1 else { return }
      turn.count -= Int(last - turn.seed) + 1
      turn.seed = last + 1
      if !options.isShare {
        turn.seconds = Self.turnSeconds + start.timeIntervalSinceNow
      }
      // A worker that came to its end had no time left.
      if process.cameToItsEnd { return }
    }
  }

  // MARK: Keeping

  private func record(
    _ trial: any Trial, _ seed: UInt64, _ ending: CaseEnding, _ messages: String
  ) {
    state.withLock { state in
      var counts = state.counts[trial.name] ?? Counts()
      switch ending {
      case .verdict(.passed): counts.passed += 1
      case .verdict(.skipped(let reason)):
        counts.skipped += 1
        state.reasons["\(trial.name): \(reason)", default: 0] += 1
      case .verdict(.failed): counts.mismatches += 1
      case .crashed: counts.crashes += 1
      case .hung: counts.hangs += 1
      }
      state.counts[trial.name] = counts
    }
    guard let description = ending.failure else { return }
    keep(trial, seed, description, messages)
  }

  private func keep(_ trial: any Trial, _ seed: UInt64, _ what: String, _ messages: String) {
    let folder = "\(options.failures)/\(trial.name)-\(seed)"
    print("\(trial.name) \(seed): \(what.split(separator: "\n").first ?? "")  -> \(folder)")
    state.withLock { $0.failures.append(folder) }
    let tool = "swift run -c release mixfuse-soak"
    var files = (try? trial.files(seed: seed)) ?? []
    files.append(CaseFile("what.txt", what + "\n\n" + messages))
    files.append(CaseFile("command.txt", "\(tool) --repeat \(trial.name) \(seed)\n"))
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for file in files { _ = try? Place(path: folder).write(file) }
  }

  // MARK: The table

  private func table() -> String {
    state.withLock { state in
      func row(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
          let space = String(repeating: " ", count: max(0, (index == 0 ? 12 : 11) - cell.count))
          return index == 0 ? cell + space : space + cell
        }.joined()
      }
      var lines = [row(["kind", "cases", "passed", "skipped", "mismatches", "crashes", "hangs"])]
      var all = Counts()
      for trial in options.trials {
        let counts = state.counts[trial.name] ?? Counts()
        lines.append(row([trial.name] + counts.cells))
        all.passed += counts.passed
        all.skipped += counts.skipped
        all.mismatches += counts.mismatches
        all.crashes += counts.crashes
        all.hangs += counts.hangs
      }
      lines.append(row(["all"] + all.cells))
      for (reason, count) in state.reasons.sorted(by: { $0.value > $1.value }).prefix(12) {
        lines.append("skipped \(count) times: \(reason)")
      }
      return lines.joined(separator: "\n")
    }
  }
}

extension Counts {
  fileprivate var cells: [String] {
    [cases, passed, skipped, mismatches, crashes, hangs].map(String.init)
  }
}
