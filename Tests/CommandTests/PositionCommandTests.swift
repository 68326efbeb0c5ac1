// SPDX-License-Identifier: Apache-2.0
//
// What users see when a position or a label is out of range: at build time where it is known, else an
// error of the command that names the array, the element, its value and the bound, with exit code 1
// and nothing written. And the convention of `step`.

import Foundation
import MixFuseRuntime
import Testing

private let lookup = """
  spec lookup
  dim n = 8, vocab = 7
  params theta { w: [n] ~ ones  e: [vocab, n] ~ ones }
  meta eta: [vocab, n] ~ ones
  inner(lab: i32 [4] ~ integers(0, 6), y: i32 [2, 2] ~ integers(0, 3)) {
    let z = reshape(theta.w, [2, 4])[:, 0:3]
    let read = mean(square(take(eta, lab + 1) * theta.w)) + sum(take(theta.e, lab + 1))
    minimize read + sum(cross_entropy(z, y[0])) by sgd(rate: 0.1) for 2
  }
  outer { minimize sum(square(theta.w)) + sum(square(theta.e)) }
  """

private let schedule = """
  spec schedule
  dim steps = 3
  params theta { w: [5] ~ normal(0, 1) }
  meta lr: [steps] ~ constant(0.1)
  inner(x: [5]) { minimize mean(square(theta.w - x)) by sgd(rate: lr[step - 1]) for steps }
  outer(y: [5]) { minimize mean(square(theta.w - y)) }
  """

@Suite("positions out of range")
struct PositionCommandTests {
  private func ones(_ shape: Int...) throws -> NDArray {
    try NDArray([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
  }

  /// Inputs of the meta-gradient of `lookup`.
  private func inputs(_ place: Workplace, lab: [Int32], y: [Int32] = [0, 1, 2, 0]) throws -> String
  {
    var arrays = NamedArrays()
    arrays["theta.w"] = try ones(8)
    arrays["theta.e"] = try ones(7, 8)
    arrays["eta"] = try ones(7, 8)
    arrays["lab"] = try NDArray(lab, shape: [4])
    arrays["y"] = try NDArray(y, shape: [2, 2])
    let path = place.file("inputs.npz")
    try ArrayFile.write(arrays, to: path)
    return path
  }

  @Test("computed positions and labels are refused by run, with the same words on any threads")
  func run() throws {
    let place = try Workplace()
    let spec = try place.write(lookup, as: "lookup.mix")
    #expect(try place.run("build", spec, "-o", place.path).exitCode == 0)
    let cases: [(lab: [Int32], y: [Int32], message: String?)] = [
      ([0, 5, 2, 3], [0, 1, 2, 0], nil),
      (
        [0, 5, 1000, 6], [0, 1, 2, 0],
        "element [2] of lab + 1 is 1001, expected a position of eta from 0 to 6"
      ),
      (
        [0, -2, 100_000, 0], [0, 1, 2, 0],
        "element [1] of lab + 1 is -1, expected a position of eta from 0 to 6"
      ),
      (
        [0, 5, 2, 3], [0, 3, 2, 0],
        "lookup.mix:8:23: element [0, 1] of y is 3, expected a label from 0 to 2"
      ),
      (
        [0, 5, 2, 3], [0, 0, -100, 0], "element [1, 0] of y is -100, expected a label from 0 to 2"
      ),
    ]
    for (lab, y, message) in cases {
      let inputs = try inputs(place, lab: lab, y: y)
      for threads in ["1", "2"] {
        let result = try place.run(
          "run", place.file("lookup.so"), "--inputs", inputs, "--threads", threads, "--outputs",
          place.file("outputs.npz"))
        #expect(result.exitCode == (message == nil ? 0 : 1), "\(result.errors)")
        #expect(message.map(result.errors.contains) ?? result.errors.isEmpty, "\(result.errors)")
        #expect(place.names().contains("outputs.npz") == (message == nil))
        try? FileManager.default.removeItem(atPath: place.file("outputs.npz"))
      }
    }
  }

  @Test("drawn labels and data of verify and train are refused as well")
  func verifyAndTrain() throws {
    let place = try Workplace()
    let wild = lookup.replacingOccurrences(of: "integers(0, 3)", with: "integers(-1, 0)")
    let spec = try place.write(wild, as: "lookup.mix")
    let message = "is -1, expected a label from 0 to 2"
    let verified = try place.run("verify", spec)
    #expect(verified.exitCode == 1)
    #expect(verified.errors.contains(message), "\(verified.errors)")
    var data = NamedArrays()
    data["lab"] = try NDArray([Int32](repeating: 6, count: 4), shape: [4])
    data["y"] = try NDArray([Int32](repeating: 0, count: 4), shape: [2, 2])
    try ArrayFile.write(data, to: place.file("data.npz"))
    let trained = try place.run(
      "train", spec, "--data", place.file("data.npz"), "--outer-steps", "2", "--out",
      place.file("out"))
    #expect(trained.exitCode == 1)
    #expect(trained.errors.contains("of lab + 1 is 7, expected a position"), "\(trained.errors)")
    #expect(!place.names(in: "out").contains { $0.contains("checkpoint") })
  }

  @Test("a position that is known is an error of the spec")
  func build() throws {
    let place = try Workplace()
    let late = schedule.replacingOccurrences(of: "lr[step - 1]", with: "lr[step]")
    let result = try place.run("build", place.write(late, as: "late.mix"), "-o", place.path)
    #expect(result.exitCode == 1)
    #expect(
      result.errors.contains("step reaches 3, expected a position of lr from 0 to 2"),
      "\(result.errors)")
    #expect(!place.names().contains { $0.hasPrefix("schedule.") })
  }

  @Test("inner_step counts its step from 1, as the language does, and refuses others")
  func step() throws {
    let place = try Workplace()
    let spec = try place.write(schedule, as: "schedule.mix")
    #expect(try place.run("build", spec, "-o", place.path).exitCode == 0)
    let library = try Library(path: place.file("schedule.so"))
    let session = try Session(library, entryPoint: "inner_step")
    try session.setInput("theta.w", to: ones(5))
    try session.setInput("x", to: NDArray([Float](repeating: 0, count: 5), shape: [5]))
    try session.setInput("lr", to: NDArray([1, 2, 3] as [Float], shape: [3]))
    for step in [1, 2, 3] as [Int32] {
      try session.setInput("step", to: NDArray([step], shape: []))
      try session.run()
      // The gradient is 2 w / 5.
      let next = try session.output("next.theta.w").doubles()
      #expect(next.allSatisfy { abs($0 - (1 - 0.4 * Double(step))) < 1e-6 })
    }
    for step in [0, 4, -1, .max, .min] as [Int32] {
      try session.setInput("step", to: NDArray([step], shape: []))
      let fault = "step is \(step), expected the number of a step from 1 to 3"
      #expect(throws: RuntimeError.callIndexOutOfRange(entryPoint: "inner_step", fault: fault)) {
        try session.run()
      }
    }
    let header = String(decoding: try place.bytes("schedule.h"), as: UTF8.self)
    #expect(header.contains("const int32_t *step;  // [], 1 to 3"))
    let input = try #require(session.entryPoint.inputs.first { $0.name == "step" })
    #expect(input.range == [1, 3])
  }
}
