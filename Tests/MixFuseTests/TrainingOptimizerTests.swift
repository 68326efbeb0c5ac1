// SPDX-License-Identifier: Apache-2.0
//
// The outer optimisers against their formulas, worked out by hand for two steps, and the checkpoint
// that holds their state.

import Foundation
import MixFuseRuntime
import Testing

@testable import MixFuse

@Suite("outer optimisers")
struct TrainingOptimizerTests {
  /// Two steps from 1 with slopes 2 and -1 at rate 0.1, by the textbook.
  static let expectations: [(OuterOptimizerKind, Double)] = [
    (.sgd, 1 - 0.1 * 2 - 0.1 * -1),
    (.momentum, 1 - 0.1 * 2 - 0.1 * (0.9 * 2 - 1)),
    (.nesterov, 1 - 0.1 * (2 + 0.9 * 2) - 0.1 * (-1 + 0.9 * (0.9 * 2 - 1))),
    (
      .rmsprop,
      1 - 0.1 * 2 / (0.4.squareRoot() + 1e-8) - 0.1 * -1 / ((0.9 * 0.4 + 0.1).squareRoot() + 1e-8)
    ),
    (.adam, adam(pull: 0)),
    (.adamw, adam(pull: 0.01)),
  ]

  @Test("two steps follow the formula", arguments: expectations)
  func formula(kind: OuterOptimizerKind, expected: Double) throws {
    var optimizer = OuterOptimizer(kind: kind, rate: 0.1)
    var parameter = try NDArray([1.0, 1.0], shape: [2])
    for (step, slope) in [(1, 2.0), (2, -1.0)] {
      let gradient = try NDArray([slope, slope], shape: [2])
      try optimizer.update(&parameter, name: "eta", gradient: gradient, step: step)
    }
    for value in parameter.doubles() { #expect(abs(value - expected) < 1e-14) }
  }

  @Test("parameters in f32 are the f64 step rounded")
  func singlePrecision() throws {
    var optimizer = OuterOptimizer(kind: .sgd, rate: 0.1)
    var parameter = try NDArray([Float(0.3)], shape: [])
    let gradient = try NDArray([Float(0.7)], shape: [])
    try optimizer.update(&parameter, name: "lr", gradient: gradient, step: 1)
    let expected = Float(Double(Float(0.3)) - 0.1 * Double(Float(0.7)))
    #expect(try parameter.elements(as: Float.self) == [expected])
  }

  @Test("a checkpoint gives back the whole state", arguments: OuterOptimizerKind.allCases)
  func checkpoint(kind: OuterOptimizerKind) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "checkpoint.npz").path
      let fresh = TrainingState(
        seed: UInt64.max - 3, carriesTheta: true,
        parameters: [
          "theta.w": try NDArray([Float(1)], shape: [1]), "lr": try NDArray(scalar: 0.5),
        ],
        optimizer: OuterOptimizer(kind: kind, rate: 0.1))
      var state = fresh
      var rate = try state.parameters.array("lr")
      try state.optimizer.update(&rate, name: "lr", gradient: NDArray(scalar: 3.0), step: 1)
      state.parameters["lr"] = rate
      state.step = 1
      var settings = TrainingSettings()
      settings["rate"] = "0.1"
      settings["data.x"] = "f32 [3] = 12"
      try ArrayFile.write(state.checkpoint(settings), to: path)
      let reader = try CheckpointReader(path: path)
      #expect(reader.seed == UInt64.max - 3)
      #expect(reader.settings == settings)
      let resumed = try reader.state(like: fresh, learned: ["lr"])
      #expect(resumed.step == 1)
      #expect(resumed.parameters == state.parameters)
      #expect(resumed.optimizer.moments == state.optimizer.moments)
      #expect(try resumed.checkpoint() == state.checkpoint())
    }
  }

  @Test("an update leaves the moments of an earlier state alone", arguments: [0, 1])
  func earlierMoments(reuses: Int) throws {
    var optimizer = OuterOptimizer(kind: .adam, rate: 0.1)
    var parameter = try NDArray([1.0], shape: [1])
    let gradient = try NDArray([2.0], shape: [1])
    try optimizer.update(&parameter, name: "eta", gradient: gradient, step: 1)
    let earlier = optimizer
    let moments = earlier.moments
    if reuses == 1 { optimizer.reuse(["eta": [[7], [7]]]) }
    try optimizer.update(&parameter, name: "eta", gradient: gradient, step: 2)
    #expect(earlier.moments == moments)
    let mean = try #require(optimizer.moments["eta"])[0][0]
    #expect(abs(mean - 0.38) < 1e-15)
  }

  @Test("the first number that is not finite is found at every place")
  func nonFinite() throws {
    for place in 0..<37 {
      for value in [Double.nan, .infinity, -.infinity] {
        var values = [Double](repeating: -1.5, count: 37)
        values[place] = value
        #expect(values.firstNonFinite.map { "\($0)" } == "\(value)")
        #expect(try NDArray(values, shape: [37]).firstNonFinite.map { "\($0)" } == "\(value)")
        let single = try NDArray(values.map { Float($0) }, shape: [37])
        #expect(single.firstNonFinite.map { "\($0)" } == "\(value)")
      }
    }
    #expect([Double.greatestFiniteMagnitude, -.leastNonzeroMagnitude, 0].firstNonFinite == nil)
    #expect(try NDArray([Float.greatestFiniteMagnitude, 1], shape: [2]).firstNonFinite == nil)
  }

  /// Adam with the prelude's constants; `pull` is the decoupled weight decay.
  private static func adam(pull: Double) -> Double {
    let first = 1 - 0.1 * (0.2 / 0.1 / ((0.004 / 0.001).squareRoot() + 1e-8) + pull)
    let mean = (0.9 * 0.2 - 0.1) / (1 - 0.81)
    let square = (0.999 * 0.004 + 0.001) / (1 - 0.999 * 0.999)
    return first - 0.1 * (mean / (square.squareRoot() + 1e-8) + pull * first)
  }
}
