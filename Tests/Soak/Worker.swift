// SPDX-License-Identifier: Apache-2.0
//
// A process that runs cases one after the other and says so on standard output, a line before each
// case and a line after. When it dies or falls silent, the case it had started is the one that fell.

import Foundation
import MixFuseRuntime

/// The cases of one worker.
struct WorkerTask {
  let kind: String
  let firstSeed: UInt64
  let count: Int
  /// No case starts after so many seconds.
  let seconds: Double
}

/// What a worker says: `start SEED`, then `passed SEED`, `skipped SEED WHY` or `failed SEED WHAT`.
enum WorkerLine {
  case start(UInt64)
  case end(UInt64, Verdict)

  var text: String {
    func oneLine(_ text: String) -> String { text.replacing("\n", with: "\u{1}") }
    return switch self {
    case .start(let seed): "start \(seed)"
    case .end(let seed, .passed): "passed \(seed)"
    case .end(let seed, .skipped(let reason)): "skipped \(seed) \(oneLine(reason))"
    case .end(let seed, .failed(let reason)): "failed \(seed) \(oneLine(reason))"
    }
  }

  init?(_ line: String) {
    let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, let seed = UInt64(parts[1]) else { return nil }
    let reason = parts.count > 2 ? String(parts[2]).replacing("\u{1}", with: "\n") : ""
    switch parts[0] {
    case "start": self = .start(seed)
    case "passed": self = .end(seed, .passed)
    case "skipped": self = .end(seed, .skipped(reason))
    case "failed": self = .end(seed, .failed(reason))
    default: return nil
    }
  }

  init(start seed: UInt64) { self = .start(seed) }
  init(end seed: UInt64, _ verdict: Verdict) { self = .end(seed, verdict) }
}

struct Worker {
  private let task: WorkerTask
  private let trial: any Trial

  init(_ task: WorkerTask) throws {
    self.task = task
    trial = try SoakOptions.trial(task.kind)
  }

  func run() throws {
    // The supervisor ends a worker with all the processes it has started.
    setpgid(0, 0)
    // Nor does it outlive the supervisor.
    let supervisor = getppid()
    Thread.detachNewThread {
      while getppid() == supervisor { sleep(1) }
      kill(-getpgrp(), SIGKILL)
    }
    let watch = Stopwatch()
    for index in 0..<task.count where watch.seconds < task.seconds {
      let seed = task.firstSeed &+ UInt64(index)
      say(WorkerLine(start: seed))
      let verdict = verdict(seed)
      say(WorkerLine(end: seed, verdict))
      if case .failed = verdict, usesTooMuch { return }
    }
  }

  private func say(_ line: WorkerLine) {
    FileHandle.standardOutput.write(Data((line.text + "\n").utf8))
  }

  private var usesTooMuch: Bool { ProcessMemory.peakResidentBytes ?? 0 > trial.byteLimit }

  private func verdict(_ seed: UInt64) -> Verdict {
    do {
      let place = try Place.new()
      defer { place.remove() }
      for file in try trial.files(seed: seed) { try place.write(file) }
      let verdict = try trial.verdict(seed: seed, in: place)
      guard usesTooMuch else { return verdict }
      return .failed("the worker grew to \(ProcessMemory.peakResidentBytes ?? 0) bytes")
    } catch {
      return .failed("threw \(error)")
    }
  }
}
