// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse train`: bit-for-bit resumption, interruption, and what happens to bad data.

import Foundation
import MixFuseRuntime
import Testing

@Suite("mixfuse train")
struct TrainCommandTests {
  @Test(
    "ten steps are five and five more, bit for bit, on any number of threads",
    arguments: ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"])
  func resume(optimizer: String) throws {
    let place = try TrainingPlace()
    let flags = ["--optimizer", optimizer, "--rate", "0.01"]
    try place.trainWell(["--outer-steps", "10", "--out", "whole", "--threads", "1"] + flags)
    try place.trainWell(["--outer-steps", "5", "--out", "parts", "--threads", "2"] + flags)
    let half = try place.bytes("parts/checkpoint.npz")
    try place.trainWell(["--outer-steps", "10", "--out", "parts", "--resume"] + flags)
    let whole = try place.bytes("whole/checkpoint.npz")
    #expect(try place.bytes("parts/checkpoint.npz") == whole)
    #expect(try place.bytes("parts/best.npz") == place.bytes("whole/best.npz"))
    #expect(half != whole)
    #expect(place.withoutSeconds("parts/log.csv") == place.withoutSeconds("whole/log.csv"))
    #expect(place.withoutSeconds("whole/log.csv").count == 11)
  }

  @Test("an interruption saves the state, and resuming gives the uninterrupted result")
  func interruption() throws {
    let place = try TrainingPlace()
    let process = try place.start(
      place.arguments + ["--outer-steps", "100000000", "--out", "parts"])
    try place.wait { place.text("output").contains("step 1/") }
    kill(process.processIdentifier, SIGINT)
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let steps = try #require(
      ArrayFile.read(place.file("parts/checkpoint.npz"))["training.step"]?.scalarValue)
    let total = "\(Int(steps) + 3)"
    try place.trainWell(["--outer-steps", total, "--out", "parts", "--resume"])
    try place.trainWell(["--outer-steps", total, "--out", "whole"])
    #expect(try place.bytes("parts/checkpoint.npz") == place.bytes("whole/checkpoint.npz"))
  }

  @Test("training lowers the loss and draws the curve")
  func learns() throws {
    let place = try TrainingPlace()
    try place.trainWell(["--outer-steps", "300", "--rate", "0.01", "--out", "results"])
    let losses = place.withoutSeconds("results/log.csv").dropFirst().compactMap {
      $0.split(separator: ",").last.flatMap { Double($0) }
    }
    let (first, last) = (losses.prefix(20).reduce(0, +), losses.suffix(20).reduce(0, +))
    #expect(last < 0.7 * first)
    let curve = place.text("results/curve.svg")
    #expect(curve.hasPrefix("<svg ") && curve.hasSuffix("</svg>\n"))
    #expect(curve.contains("<polyline ") && curve.contains(">outer step<"))
    #expect(
      place.names(in: "results")
        == ["best.npz", "checkpoint.npz", "curve.svg", "library", "log.csv"])
  }

  @Test("data that does not fit is named with both shapes")
  func badData() throws {
    let place = try TrainingPlace()
    func errors(_ change: (inout NamedArrays) throws -> Void) throws -> String {
      try place.writeData(change)
      let result = try place.train(["--outer-steps", "2", "--out", "results"])
      #expect(result.exitCode == 1)
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(!place.names(in: "results").contains("checkpoint.npz"))
      return result.errors
    }
    #expect(
      try errors { $0["x_query"] = try NDArray(zeros: [20, 6, 1], elementType: .float32) }
        .contains("x_query: expected [3, 5, 1] or a table [N, 5, 1], found [20, 6, 1]"))
    #expect(
      try errors { $0["x_query"] = try NDArray(zeros: [2, 5, 1], elementType: .float32) }
        .contains("x_query: a batch of 3 needs at least 3 rows, found 2"))
    #expect(
      try errors { arrays in
        arrays["x_qeury"] = arrays["x_query"]
        arrays["x_query"] = nil
      }.contains(
        "no array x_query, expected f32 [3, 5, 1] or a table of its rows; "
          + "did you mean x_qeury?"))
    #expect(
      try errors {
        $0["x_query"] = try NDArray([Float](repeating: .nan, count: 100), shape: [20, 5, 1])
      }.contains("x_query: NaN at [0, 0, 0]"))
    #expect(
      try errors { $0["eta.b1"] = try NDArray(zeros: [5], elementType: .float32) }
        .contains("eta.b1: expected [4] to start from, found [5]"))
  }

  @Test("flags that cannot be met are explained")
  func badFlags() throws {
    let place = try TrainingPlace()
    func errors(_ flags: String...) throws -> String {
      let result = try place.train(flags + ["--out", "results"])
      #expect(result.exitCode == 1)
      return result.errors
    }
    #expect(try errors("--carry-theta").contains("theta starts from a meta parameter"))
    #expect(try errors("--init", "eta.w9=1").contains("did you mean eta.w1?"))
    #expect(try errors("--rate", "0").contains("--rate: expected a positive number"))
    #expect(try errors("--resume").contains("results/checkpoint.npz: cannot be read"))
    #expect(
      try errors("--resume", "--allow-changes", "rates").contains("did you mean rate?"))
    #expect(try errors("--allow-changes", "rate").contains("--allow-changes goes with --resume"))
    #expect(try errors("--resume", "--overwrite").contains("give one of them"))
    #expect(try errors("--draw-apart", "x_qury").contains("did you mean x_query?"))
    try place.trainWell(["--outer-steps", "2", "--optimizer", "sgd", "--out", "results"])
    #expect(
      try errors("--resume", "--optimizer", "adam")
        .contains("optimizer: found sgd, expected adam"))
    #expect(
      try errors("--resume", "--optimizer", "sgd", "--seed", "9")
        .contains("seed: found 1, expected 9"))
    _ = try place.write("", as: "obstacle")
    let unwritable = try place.train(["--out", "obstacle/results"])
    #expect(unwritable.exitCode == 1)
    #expect(unwritable.errors.contains("obstacle/results: cannot be written: not a directory"))
  }

  @Test("carried inner parameters go on from step to step, also across a resumption")
  func carriesTheta() throws {
    let place = try TrainingPlace()
    let spec = Workplace.example("mnist1d_lr.mix")
    let base = [
      "train", spec, "--data", Workplace.example("data/mnist1d.npz"), "--set", "steps=3", "--set",
      "batch=4", "--optimizer", "sgd", "--rate", "0.01", "--init", "lr=0.3",
    ]
    func train(_ flags: String...) throws {
      let process = try place.start(base + flags)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0, "\(place.text("errors"))")
    }
    func weights(_ folder: String) throws -> NDArray {
      try ArrayFile.read(place.file("\(folder)/checkpoint.npz")).array("theta.w1")
    }
    try train("--outer-steps", "4", "--out", "fixed")
    try train("--outer-steps", "1", "--out", "carried", "--carry-theta")
    let first = try weights("carried")
    #expect(try weights("fixed") != first)
    try train("--outer-steps", "4", "--out", "carried", "--carry-theta", "--resume")
    try train("--outer-steps", "4", "--out", "whole", "--carry-theta")
    #expect(try weights("carried") != first)
    #expect(try weights("carried") == weights("whole"))
    #expect(place.text("whole/log.csv").hasPrefix("step,loss,seconds,lr\n1,"))
    #expect(place.withoutSeconds("whole/log.csv")[1].hasSuffix(",0.3"))
  }
}

/// A workplace with data for the small sinusoid spec: 20 tasks.
struct TrainingPlace {
  private let place: Workplace
  /// The workplace itself.
  var workplace: Workplace { place }
  /// The command without the flags of a test.
  let arguments: [String]

  init() throws {
    place = try Workplace()
    arguments = ["train"] + Workplace.smallSinusoid + ["--data", place.file("data.npz")]
    try writeData { _ in }
  }

  /// Writes 20 straight lines of different slopes as data, changed as a test needs it.
  func writeData(_ change: (inout NamedArrays) throws -> Void) throws {
    var arrays = NamedArrays()
    for (part, shift) in [("support", 0.0), ("query", 0.5)] {
      let x: [Float] = (0..<100).map { Float($0 * 7 % 23) / 2.3 - 5 + Float(shift) }
      let y: [Float] = x.enumerated().map { index, x in 3 + Float(index / 5) * 0.05 * x }
      arrays["x_\(part)"] = try NDArray(x, shape: [20, 5, 1])
      arrays["y_\(part)"] = try NDArray(y, shape: [20, 5, 1])
    }
    try change(&arrays)
    try ArrayFile.write(arrays, to: place.file("data.npz"))
  }

  func train(_ flags: [String]) throws -> CommandResult {
    let process = try start(arguments + flags)
    process.waitUntilExit()
    return place.result(of: process)
  }

  /// Trains, and expects it to succeed.
  func trainWell(_ flags: [String]) throws {
    let result = try train(flags)
    #expect(result.exitCode == 0, "\(result.errors)")
  }

  func start(_ arguments: [String]) throws -> Process { try place.start(arguments) }
  func write(_ text: String, as name: String) throws -> String { try place.write(text, as: name) }
  func bytes(_ name: String) throws -> [UInt8] { try place.bytes(name) }
  func text(_ name: String) -> String { place.text(name) }
  func file(_ name: String) -> String { place.file(name) }
  func names(in folder: String) -> [String] { place.names(in: folder) }

  /// The lines of a log without the column of seconds.
  func withoutSeconds(_ name: String) -> [String] {
    text(name).split(separator: "\n").map { line in
      let cells = line.split(separator: ",")
      return (cells.prefix(2) + cells.dropFirst(3)).joined(separator: ",")
    }
  }

  /// Waits until something is the case, a minute at most.
  func wait(until condition: () -> Bool) throws {
    for _ in 0..<6000 {
      if condition() { return }
      usleep(10_000)
    }
    throw CommandTestFailure.nothingHappened(place.text("errors"))
  }
}
