// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse train` keeps what it has done: an earlier run's results, the last good state of a run that
// blows up, the state of a run that is killed; and it goes on only from a checkpoint of its own.

import Foundation
import MixFuseRuntime
import Testing

@Suite("results of training")
struct TrainResultsTests {
  private func state(_ place: TrainingPlace, _ name: String) throws -> NamedArrays {
    try ArrayFile.read(place.file("results/\(name).npz"))
  }

  /// The settings that a checkpoint holds.
  private func settings(_ arrays: NamedArrays) throws -> String {
    String(decoding: try arrays.array("training.settings").elements(as: UInt8.self), as: UTF8.self)
  }

  @Test("results of an earlier run are not replaced unless that is said")
  func earlierRun() throws {
    let place = try TrainingPlace()
    try place.trainWell(["--outer-steps", "3", "--out", "results"])
    let before = try place.bytes("results/checkpoint.npz")
    for name in ["checkpoint", "best"] {
      let result = try place.train(["--outer-steps", "2", "--out", "results"])
      #expect(result.exitCode == 1)
      #expect(result.errors.contains("results/\(name).npz is there already"))
      #expect(result.errors.contains("--resume") && result.errors.contains("--overwrite"))
      if name == "checkpoint" {
        #expect(try place.bytes("results/checkpoint.npz") == before)
        try FileManager.default.removeItem(atPath: place.file("results/checkpoint.npz"))
      }
    }
    try place.trainWell(["--outer-steps", "2", "--out", "results", "--overwrite"])
    #expect(try state(place, "checkpoint")["training.step"]?.scalarValue == 2)
    #expect(place.withoutSeconds("results/log.csv").count == 3)
  }

  @Test("two runs into one folder: the second is refused and told which process is at work")
  func twoRuns() throws {
    let place = try TrainingPlace()
    let first = try place.start(
      place.arguments + ["--outer-steps", "100000000", "--out", "results"])
    try place.wait { place.text("output").contains("step 1/") }
    let other = try TrainingPlace()
    for flag in ["--overwrite", "--resume"] {
      let result = try other.train(
        ["--outer-steps", "5", "--out", place.file("results"), flag])
      #expect(result.exitCode == 1)
      #expect(
        result.errors.contains(
          "another training run is at work there (process \(first.processIdentifier))"))
    }
    kill(first.processIdentifier, SIGKILL)
    first.waitUntilExit()
    // The lock goes with the process.
    try place.trainWell(["--outer-steps", "2", "--out", "results", "--overwrite"])
    #expect(!place.names(in: "results").contains(".lock"))
  }

  @Test("going on with another rate, optimiser, spec, size or data is refused and every one named")
  func differences() throws {
    let place = try TrainingPlace()
    let spec = try place.write(
      String(contentsOfFile: Workplace.example("maml_sinusoid.mix"), encoding: .utf8),
      as: "maml_sinusoid.mix")
    func train(_ flags: String...) throws -> CommandResult {
      let small = ["--set", "hidden=4", "--set", "tasks=3", "--set", "points=5"]
      let base = ["train", spec] + small + ["--data", place.file("data.npz"), "--out", "results"]
      let process = try place.start(base + flags)
      process.waitUntilExit()
      return place.workplace.result(of: process)
    }
    #expect(try train("--outer-steps", "4", "--init", "eta.b1=0.5").exitCode == 0)
    let text = try settings(state(place, "checkpoint"))
    for line in [
      "dims.hidden = 4\n", "rate = 0.001\n", "init.eta.b1 = 0.5\n", "data.x_query = f32 ",
    ] {
      #expect(text.contains(line))
    }
    func expectRefusal(_ result: CommandResult, _ texts: String...) {
      #expect(result.exitCode == 1)
      for text in texts { #expect(result.errors.contains(text), "\(result.errors)") }
    }
    let go = ["--resume", "--outer-steps", "6"]
    expectRefusal(
      try train(go[0], go[1], go[2], "--rate", "0.1", "--derivation", "standard"),
      "rate: found 0.001, expected 0.1", "derivation: found mixed, expected standard",
      "--allow-changes derivation,rate")
    expectRefusal(
      try train(go[0], go[1], go[2], "--set", "tasks=4"), "dims.tasks: found 3, expected 4")
    expectRefusal(
      try train(go[0], go[1], go[2], "--dtype", "f64", "--allow-changes", "dtype,data"),
      "eta.w1: expected f64 [1, 4], found f32 [1, 4]")
    expectRefusal(
      try train(go[0], go[1], go[2], "--init", "eta.b1=0.25"),
      "init.eta.b1: found 0.5, expected 0.25")
    expectRefusal(
      try train(go[0], go[1], go[2], "--carry-theta"), "theta starts from a meta parameter")
    try place.writeData { $0["y_query"] = try NDArray(zeros: [20, 5, 1], elementType: .float32) }
    expectRefusal(try train(go[0], go[1], go[2]), "data.y_query: found f32 [20, 5, 1] ")
    try place.writeData { _ in }
    _ = try place.write(place.text("maml_sinusoid.mix") + "\n// edited\n", as: "maml_sinusoid.mix")
    expectRefusal(try train(go[0], go[1], go[2]), "spec: found ", "--allow-changes spec")
    // What is meant can be said; where parameters started no longer matters.
    #expect(
      try train(go[0], go[1], go[2], "--rate", "0.1", "--allow-changes", "rate,spec").exitCode == 0)
    #expect(try state(place, "checkpoint")["training.step"]?.scalarValue == 6)
    #expect(try settings(state(place, "checkpoint")).contains("rate = 0.1\n"))
    expectRefusal(
      try train("--resume", "--outer-steps", "5", "--rate", "0.1"),
      "--outer-steps: expected at least 6", "found 5")
  }

  @Test("another optimiser that is allowed starts its moments anew")
  func otherOptimizer() throws {
    let place = try TrainingPlace()
    try place.trainWell(["--outer-steps", "3", "--optimizer", "sgd", "--out", "results"])
    let resumed = ["--optimizer", "adam", "--out", "results", "--resume"]
    try place.trainWell(["--outer-steps", "5", "--allow-changes", "optimizer"] + resumed)
    let state = try state(place, "checkpoint")
    #expect(state["training.moments_start"]?.scalarValue == 3)
    try place.trainWell(["--outer-steps", "6"] + resumed)
  }

  @Test("a checkpoint without settings, or with wrong values, is a clear error")
  func damagedCheckpoints() throws {
    let place = try TrainingPlace()
    try place.trainWell(["--outer-steps", "3", "--out", "results"])
    let whole = try state(place, "checkpoint")
    func errors(_ change: (inout NamedArrays) throws -> Void, _ flags: String...) throws -> String {
      var arrays = whole
      try change(&arrays)
      try ArrayFile.write(arrays, to: place.file("results/checkpoint.npz"))
      let result = try place.train(["--outer-steps", "6", "--out", "results", "--resume"] + flags)
      #expect(result.exitCode == 1)
      #expect(result.errors.split(separator: "\n").count == 1)
      return result.errors
    }
    #expect(
      try errors { $0["training.settings"] = nil }.contains("--allow-changes all"))
    for step: Int64 in [-1, .min, .max] {
      #expect(
        try errors { $0["training.step"] = try NDArray(scalar: step) }
          .contains("training.step: expected a number of steps, found \(step)"))
    }
    #expect(
      try errors { $0["training.step"] = try NDArray(scalar: 3.0) }
        .contains("training.step: expected i64 [], found f64 []"))
    #expect(
      try errors { $0["training.moments_start"] = try NDArray(scalar: Int64(4)) }
        .contains("training.moments_start: expected at most the step, 3"))
    #expect(
      try errors { $0["eta.b1"] = try NDArray([0, 0, .infinity, 0] as [Float], shape: [4]) }
        .contains("eta.b1: expected finite numbers, found inf"))
    #expect(
      try errors { $0["training.adam.square.eta.b3"] = try NDArray([-1.0], shape: [1]) }
        .contains("training.adam.square.eta.b3: expected no negative number, found -1.0"))
    #expect(
      try errors { $0["training.adam.mean.eta.b3"] = nil }
        .contains("it has no array training.adam.mean.eta.b3"))
    #expect(
      try errors { $0["eta.b1"] = try NDArray(zeros: [5], elementType: .float32) }
        .contains("eta.b1: expected f32 [4], found f32 [5]"))
    #expect(
      try errors { $0["training.settings"] = try NDArray([255, 254] as [UInt8], shape: [2]) }
        .contains("training.settings: expected lines of text, found u8 [2]"))
    _ = try errors { $0["training.settings"] = nil }
    try place.trainWell(
      ["--outer-steps", "6", "--out", "results", "--resume", "--allow-changes", "all"])
  }

  @Test("a run that blows up keeps the last good state and the best one, and both can go on")
  func divergence() throws {
    let place = try TrainingPlace()
    // The parameters are finite after the last good step, and far too large for the next.
    let result = try place.train(
      ["--outer-steps", "50", "--optimizer", "sgd", "--rate", "1e10", "--out", "results"])
    #expect(result.exitCode == 1)
    #expect(result.errors.contains(" at outer step "))
    #expect(result.errors.contains("results/checkpoint.npz holds the last good state"))
    #expect(result.errors.contains("results/best.npz the one of the lowest loss"))
    for name in ["checkpoint", "best"] {
      let state = try state(place, name)
      for (_, array) in state { #expect(array.doubles().allSatisfy { $0.isFinite }) }
      #expect(try #require(state["training.step"]?.scalarValue) < 50)
    }
    // The state that is called good is: one more step can be taken from it with a smaller rate.
    let step = try #require(try state(place, "checkpoint")["training.step"]?.scalarValue)
    try place.trainWell([
      "--outer-steps", "\(Int(step) + 1)", "--optimizer", "sgd", "--rate", "1e-12", "--out",
      "results", "--resume", "--allow-changes", "rate",
    ])
  }

  @Test("best.npz is the state of the lowest loss in the log, or the last one")
  func bestState() throws {
    let place = try TrainingPlace()
    try place.trainWell(["--outer-steps", "40", "--rate", "0.03", "--out", "results"])
    let losses = place.withoutSeconds("results/log.csv").dropFirst().map {
      Double($0.split(separator: ",")[1]) ?? .nan
    }
    let last = try #require(try state(place, "checkpoint")["training.loss"]?.scalarValue)
    let all = losses + [last]
    let best = try state(place, "best")
    let lowest = try #require(all.min())
    let found = try #require(best["training.loss"]?.scalarValue)
    #expect(abs(found - lowest) < 1e-6 * lowest)
    // Row k is taken before step k is done.
    #expect(best["training.step"]?.scalarValue == all.firstIndex(of: lowest).map(Double.init))
  }

  @Test("parameters that start infinite, and a first step that fails, save nothing")
  func badStart() throws {
    let place = try TrainingPlace()
    let start = try place.train([
      "--outer-steps", "2", "--out", "results", "--init", "eta.b1=1e300",
    ])
    #expect(start.exitCode == 1)
    #expect(start.errors.contains("the start of eta.b1: expected finite numbers in f32, found inf"))
    let first = try place.train(["--outer-steps", "2", "--out", "results", "--init", "eta.w1=1e38"])
    #expect(first.exitCode == 1)
    #expect(first.errors.contains("at outer step 1; no state of this run was good"))
    #expect(!place.names(in: "results").contains("checkpoint.npz"))
  }

  @Test("tables that belong together must have one length, unless they are said not to")
  func tableLengths() throws {
    let place = try TrainingPlace()
    let flags = ["--outer-steps", "2", "--out", "results", "--overwrite"]
    for name in ["y_support", "y_query"] {
      try place.writeData {
        $0[name] = try NDArray(zeros: [30, 5, 1], elementType: .float32)
      }
      let result = try place.train(flags)
      #expect(result.exitCode == 1)
      #expect(result.errors.contains("\(name): expected a table of 20 rows as x_support is"))
      #expect(result.errors.contains("found a table of 30 rows"))
      try place.trainWell(flags + ["--draw-apart", name])
    }
    try place.writeData {
      $0["y_support"] = try NDArray(zeros: [3, 5, 1], elementType: .float32)
    }
    #expect(
      try place.train(flags).errors.contains("y_support: expected a table of 20 rows"))
  }

  @Test("a killed run resumes to the bits of one that was not, and leaves nothing half-written")
  func killed() throws {
    let place = try TrainingPlace()
    let flags = ["--outer-steps", "400", "--rate", "0.01"]
    try place.trainWell(flags + ["--out", "whole"])
    for attempt in 0..<6 {
      let process = try place.start(
        place.arguments + flags + ["--out", "parts", attempt == 0 ? "--overwrite" : "--resume"])
      usleep(UInt32.random(in: 1000...400_000))
      kill(process.processIdentifier, attempt.isMultiple(of: 2) ? SIGKILL : SIGTERM)
      process.waitUntilExit()
      if !place.names(in: "parts").contains("checkpoint.npz") {
        try place.trainWell([
          "--outer-steps", "7", "--rate", "0.01", "--out", "parts", "--overwrite",
        ])
      }
    }
    try place.trainWell(flags + ["--out", "parts", "--resume"])
    for name in ["checkpoint.npz", "best.npz"] {
      #expect(try place.bytes("parts/\(name)") == place.bytes("whole/\(name)"))
    }
    #expect(place.names(in: "parts") == place.names(in: "whole"))
    #expect(place.names(in: "parts/library") == place.names(in: "whole/library"))
  }
}
