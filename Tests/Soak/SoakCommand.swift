// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse-soak`: tries the compiler and its libraries for a chosen time. It is a tool of this
// repository, not a product: `make soak MINUTES=20`.
//
//   mixfuse-soak --minutes 20                 all kinds in turns, seeds from the clock
//   mixfuse-soak --share --kinds specs,arrays the fixed cases of `make test`
//   mixfuse-soak --repeat specs 4711          one case, in this process
//
// Ends with a table of counts, and exits with 1 if a case fell.

import Foundation

/// What the command line asks for.
struct SoakOptions {
  var minutes = 1.0
  /// Runs each kind's fixed cases instead of for a time.
  var isShare = false
  var kinds: [String]?
  /// The first seed.
  var seed: UInt64?
  /// How many workers run at a time.
  var jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)
  /// Where failing cases are kept.
  var failures = "soak-failures"
  /// One case to run in this process.
  var repeated: (kind: String, seed: UInt64)?
  /// The cases of a worker.
  var worker: WorkerTask?

  /// - Throws: `UsageError`.
  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    func value(_ flag: String) throws -> String {
      guard let next = rest.popFirst() else { throw UsageError(text: "\(flag) needs a value") }
      return next
    }
    func number<Number: LosslessStringConvertible>(_ flag: String) throws -> Number {
      let text = try value(flag)
      guard let number = Number(text) else {
        throw UsageError(text: "\(flag): expected a number, got \(text)")
      }
      return number
    }
    while let flag = rest.popFirst() {
      switch flag {
      case "--minutes": minutes = try number(flag)
      case "--share": isShare = true
      case "--kinds": kinds = try value(flag).split(separator: ",").map(String.init)
      case "--seed": seed = try number(flag)
      case "--jobs": jobs = try number(flag)
      case "--failures": failures = try value(flag)
      case "--repeat": repeated = (try value(flag), try number(flag))
      case "--worker":
        worker = WorkerTask(
          kind: try value(flag), firstSeed: try number(flag), count: try number(flag),
          seconds: try number(flag))
      default: throw UsageError(text: "there is no flag \(flag)")
      }
    }
    for kind in kinds ?? [] { _ = try Self.trial(kind) }
  }

  /// The kind with a name.
  ///
  /// - Throws: `UsageError`.
  static func trial(_ name: String) throws -> any Trial {
    guard let trial = allTrials.first(where: { $0.name == name }) else {
      let names = allTrials.map(\.name).joined(separator: ", ")
      throw UsageError(text: "there is no kind \(name); there are \(names)")
    }
    return trial
  }

  /// The kinds to run.
  var trials: [any Trial] {
    allTrials.filter { kinds?.contains($0.name) ?? ($0.name != "self-test") }
  }
}

/// A mistake in the command line.
struct UsageError: Error { let text: String }

@main
enum SoakCommand {
  static func main() {
    do {
      let options = try SoakOptions(Array(CommandLine.arguments.dropFirst()))
      if let task = options.worker {
        try Worker(task).run()
      } else if let (kind, seed) = options.repeated {
        exit(try repeatCase(SoakOptions.trial(kind), seed: seed))
      } else {
        exit(Supervisor(options).run() ? 0 : 1)
      }
    } catch let error as UsageError {
      FileHandle.standardError.write(Data("error: \(error.text)\n".utf8))
      exit(64)
    } catch {
      FileHandle.standardError.write(Data("error: \(error)\n".utf8))
      exit(70)
    }
  }

  /// Runs one case here, so that a debugger can watch; its files stay.
  private static func repeatCase(_ trial: any Trial, seed: UInt64) throws -> Int32 {
    let place = try Place.new()
    for file in try trial.files(seed: seed) { try place.write(file) }
    print("in \(place.path)")
    let verdict = Result { try trial.verdict(seed: seed, in: place) }
    print(verdict)
    if case .success(.failed) = verdict { return 1 }
    if case .failure = verdict { return 1 }
    return 0
  }
}
