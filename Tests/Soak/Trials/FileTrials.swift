// SPDX-License-Identifier: Apache-2.0
//
// What may happen to files: a run is killed at any moment and resumed, the disk is full or fails, a
// checkpoint is damaged. Nothing may be lost or mixed, and what goes on must give the same bits.

import Foundation
import MixFuseRuntime
import TestSupport

/// Training killed and resumed.
struct KillTrial: Trial {
  let name = "kills"
  let purpose = "training killed at random moments and resumed, bit for bit"
  let secondLimit = 200.0
  let share = 2

  func files(seed: UInt64) -> [CaseFile] { [CaseFile("small.mix", TrainingRun.spec)] }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var generator = SeededGenerator(seed: seed)
    let run = try TrainingRun(in: place, &generator)
    let steps = generator.choose([3000, 10_000, 30_000])
    let whole = try Child.mixfuse(run.arguments(steps: steps, out: "whole"), in: place)
    guard whole.status == 0 else { return .failed("the whole run: \(whole.errors)") }
    for _ in 0..<generator.choose([1, 2, 4]) {
      let hasCheckpoint = place.bytes("parts/checkpoint.npz") != nil
      // The first part may end early, as a user's does.
      let process = try Child.start(
        Child.mixfuse,
        run.arguments(steps: steps, out: "parts", hasCheckpoint ? ["--resume"] : []),
        in: place.path, environment: Child.cache(place), output: place.file("out"),
        errors: place.file("err"))
      usleep(UInt32(Double.random(in: 0...0.5, using: &generator) * 1e6))
      kill(process.processIdentifier, generator.choose([SIGKILL, SIGTERM, SIGINT, SIGHUP]))
      if !Child.wait(for: process, seconds: 30) {
        kill(process.processIdentifier, SIGKILL)
        return .failed("goes on after a signal")
      }
      if let bytes = place.bytes("parts/checkpoint.npz"), bytes.isEmpty {
        return .failed("the checkpoint is empty")
      }
    }
    let hasCheckpoint = place.bytes("parts/checkpoint.npz") != nil
    let last = try Child.mixfuse(
      run.arguments(steps: steps, out: "parts", hasCheckpoint ? ["--resume"] : []), in: place)
    guard last.status == 0 else { return .failed("the last part: \(last.errors)") }
    guard run.result("parts") == run.result("whole") else {
      return .failed("the resumed run has another result")
    }
    let leftovers = run.leftovers("parts")
    return leftovers.isEmpty ? .passed : .failed("left over: \(leftovers)")
  }
}

/// Disks that are full or fail.
struct DiskTrial: Trial {
  let name = "disks"
  let purpose = "build, run and train on a disk that is full, writes short or fails"
  let secondLimit = 200.0
  let share = 4

  func files(seed: UInt64) -> [CaseFile] { [CaseFile("small.mix", TrainingRun.spec)] }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var generator = SeededGenerator(seed: seed)
    let run = try TrainingRun(in: place, &generator)
    let shim = place.file("faults.so")
    let built = try Child.run(
      SanitizerTrial.clang,
      ["-shared", "-fPIC", "-O1", "\(Repository.root)/Tests/Soak/C/faults.c", "-o", shim])
    guard built.status == 0 else { return .skipped("clang cannot make the shim") }
    let faults = faults(shim, place, &generator)
    return switch seed % 3 {
    case 0: try build(run, faults)
    case 1: try train(run, faults)
    default: try outputs(run, faults)
    }
  }

  /// The environment of a process whose disk fails.
  private func faults(
    _ shim: String, _ place: Place, _ generator: inout SeededGenerator
  ) -> [String: String] {
    var faults = ["LD_PRELOAD": shim, "FAULT_FOLDER": place.file("results")]
    let bytes = Int(pow(10, Double.random(in: 0...5.3, using: &generator)))
    switch Int.random(in: 0..<6, using: &generator) {
    case 0, 1: faults["FAULT_BYTES"] = "\(bytes)"
    case 2: faults["FAULT_SHORT"] = "1"
    case 3: faults["FAULT_RENAME"] = "\(Int.random(in: 1...6, using: &generator))"
    case 4: faults["FAULT_SYNC"] = "\(Int.random(in: 1...6, using: &generator))"
    default: faults["FAULT_OPEN"] = "\(Int.random(in: 1...6, using: &generator))"
    }
    return faults
  }

  private func contents(_ place: Place, _ folder: String) -> [String: [UInt8]] {
    let names = place.names(in: folder).filter { place.bytes("\(folder)/\($0)") != nil }
    return Dictionary(
      uniqueKeysWithValues: names.map { ($0, place.bytes("\(folder)/\($0)") ?? []) })
  }

  /// All files of the new library, or all of the old one.
  private func build(_ run: TrainingRun, _ faults: [String: String]) throws -> Verdict {
    let place = run.place
    let new = ["build", "small.mix", "--set", "h=5", "-o"]
    for arguments in [["build", "small.mix", "-o", "results"], new + ["reference"]] {
      let result = try Child.mixfuse(arguments, in: place)
      guard result.status == 0 else { return .failed(result.errors) }
    }
    let (old, wanted) = (contents(place, "results"), contents(place, "reference"))
    let result = try Child.mixfuse(new + ["results"], in: place, environment: faults)
    let found = contents(place, "results")
    guard !result.crashed, result.status <= 2 else {
      return .failed("\(result.status): \(result.errors)")
    }
    if result.status == 0, found != wanted {
      return .failed("exit 0, but the files are not the new ones\n\(faults)")
    }
    if result.status != 0, found != old {
      let changed = found.keys.filter { found[$0] != old[$0] }.sorted()
      return .failed("exit \(result.status) and a mixed set: \(changed)\n\(faults)")
    }
    let again = try Child.mixfuse(new + ["results"], in: place)
    guard again.status == 0, contents(place, "results") == wanted else {
      return .failed("the next build does not succeed: \(again.errors)\n\(faults)")
    }
    return .passed
  }

  /// A checkpoint that is whole, from which training goes on.
  private func train(_ run: TrainingRun, _ faults: [String: String]) throws -> Verdict {
    let place = run.place
    for (out, steps) in [("whole", 400), ("results", 100)] {
      let result = try Child.mixfuse(run.arguments(steps: steps, out: out), in: place)
      guard result.status == 0 else { return .failed(result.errors) }
    }
    let before = run.result("results")
    let result = try Child.mixfuse(
      run.arguments(steps: 400, out: "results", ["--resume"]), in: place, environment: faults)
    guard !result.crashed, result.status <= 2 else {
      return .failed("\(result.status): \(result.errors)")
    }
    if result.status == 0, run.result("results") != run.result("whole") {
      return .failed("exit 0, but another result\n\(faults)")
    }
    guard place.bytes("results/checkpoint.npz") != nil else {
      return .failed("the checkpoint is lost\n\(faults)")
    }
    let isOld = run.result("results")[0] == before[0]
    let isNew = run.result("results")[0] == run.result("whole")[0]
    guard isOld || isNew else { return .failed("a checkpoint of neither time\n\(faults)") }
    let again = try Child.mixfuse(
      run.arguments(steps: 400, out: "results", ["--resume"]), in: place)
    guard again.status == 0, run.result("results") == run.result("whole") else {
      return .failed("resuming does not succeed: \(again.errors)\n\(faults)")
    }
    let leftovers = run.leftovers("results")
    return leftovers.isEmpty ? .passed : .failed("left over: \(leftovers)\n\(faults)")
  }

  /// The old outputs, or the new ones.
  private func outputs(_ run: TrainingRun, _ faults: [String: String]) throws -> Verdict {
    let place = run.place
    let built = try Child.mixfuse(["build", "small.mix", "-o", "library"], in: place)
    guard built.status == 0 else { return .failed(built.errors) }
    try FileManager.default.createDirectory(
      atPath: place.file("results"), withIntermediateDirectories: true)
    let name = ["results/a.npz", "results/a.safetensors"][faults.count % 2]
    let call = ["run", "library/small.so", "--outputs"]
    _ = try Child.mixfuse(call + [name, "--seed", "1"], in: place)
    _ = try Child.mixfuse(
      call + ["new." + (name.split(separator: ".").last ?? ""), "--seed", "2"], in: place)
    let old = place.bytes(name)
    let new = place.bytes("new." + (name.split(separator: ".").last ?? ""))
    let result = try Child.mixfuse(
      call + [name, "--seed", "2"], in: place, environment: faults)
    guard !result.crashed, result.status <= 2 else {
      return .failed("\(result.status): \(result.errors)")
    }
    let found = place.bytes(name)
    guard found == (result.status == 0 ? new : old) else {
      return .failed("exit \(result.status), but the file is not the right one\n\(faults)")
    }
    return place.names(in: "results").count == 1 ? .passed : .failed("files are left over")
  }
}

/// Damaged checkpoints.
struct CheckpointTrial: Trial {
  let name = "checkpoints"
  let purpose = "training resumed from damaged checkpoints"
  let secondLimit = 60.0
  let share = 10

  func files(seed: UInt64) -> [CaseFile] { [CaseFile("small.mix", TrainingRun.spec)] }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var generator = SeededGenerator(seed: seed)
    let run = try TrainingRun(in: place, &generator)
    let first = try Child.mixfuse(run.arguments(steps: 5, out: "results"), in: place)
    guard first.status == 0 else { return .failed(first.errors) }
    let path = "results/checkpoint.npz"
    if generator.chance(0.4) {
      try place.write(CaseFile(path, generator.damaged(place.bytes(path) ?? [])))
    } else {
      let arrays = try ArrayFile.read(place.file(path))
      try ArrayFile.write(damaged(arrays, &generator), to: place.file(path))
    }
    let other = generator.chance(0.3) ? "log.csv" : "library/small.json"
    if generator.chance(0.2), let bytes = place.bytes("results/\(other)") {
      try place.write(CaseFile("results/\(other)", generator.damaged(bytes)))
    }
    let second = try Child.mixfuse(
      run.arguments(steps: 8, out: "results", ["--resume"]), in: place, seconds: 40,
      memory: 8 << 30)
    if second.timedOut { return .failed("no end") }
    guard !second.crashed, second.status <= 2 else {
      return .failed("\(second.status): \(second.errors)")
    }
    return .passed
  }

  /// Arrays of which one has another value, type, shape or name, or is missing.
  private func damaged(
    _ arrays: NamedArrays, _ generator: inout SeededGenerator
  ) throws -> NamedArrays {
    let name = generator.choose(arrays.names)
    var result = NamedArrays()
    for (other, array) in arrays where other != name { result[other] = array }
    guard let array = arrays[name] else { return result }
    let integers: [Int64] = [-1, .min, .max, 0, 4, 6, 9, 1 << 40]
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: break
    case 1: result[name + "x"] = array
    case 2: result[name] = try NDArray(scalar: generator.choose(integers))
    case 3: result[name] = try NDArray(zeros: array.shape + [1], elementType: array.elementType)
    case 4:
      let values = array.doubles().map { _ in generator.choose([.nan, .infinity, 1e300, -1e-300]) }
      result[name] = try NDArray(values, shape: array.shape)
    default: result["training.step"] = try NDArray(scalar: generator.choose(integers))
    }
    return result
  }
}
