// SPDX-License-Identifier: Apache-2.0
//
// Random numbers in losses: those of `jax.random` (0.10.2) for the same key, whatever the derivation,
// the float type and the number of steps; others in every step, task, draw and iteration; and through
// all levels of derivatives by the oracles of `verify`.

import Differentiation
import Foundation
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("random numbers in losses")
struct RandomNumberTests {
  /// Two words, as `i32[2]`.
  private static let key: [Double] = [7, -5]

  /// A spec that draws in all ways; `pick` chooses the number that its inner loss is.
  private static let draws = """
    spec draws
    params theta { w: [] ~ ones }
    meta eta: [] ~ ones
    inner(pick: [19]) {
      let u = reshape(uniform([2, 2]), [4])
      let n = normal([3])
      let loop = for i in 2 { yield for j in 2 { yield normal([]) } }
      let kept = dropout(ones([8]), 0.4) * 0.6
      minimize theta.w * eta * 0 + sum(pick * concatenate([u, n, reshape(loop, [4]), kept]))
      by sgd(rate: 0.1) for 3
    }
    outer { minimize theta.w }
    """

  /// What the inner loss is made of at a step, which entry points count from 1.
  private static func numbers(_ run: SpecRunner, step: Double) throws -> [Double] {
    try (0..<19).map { position in
      var pick = [Double](repeating: 0, count: 19)
      pick[position] = 1
      let inputs = ["pick": pick, "inner.key": key, "step": [step]]
      return try run(.innerLoss, inputs)["loss"]?[0] ?? .nan
    }
  }

  @Test("the numbers are those of jax.random", arguments: [DType.f32, .f64])
  func sameAsJAX(_ dtype: DType) throws {
    let found = try Self.numbers(SpecRunner(Self.draws, dtype: dtype), step: 3)
    let kept: [Double] = [1, 1, 1, 0, 0, 1, 0, 1]
    let expected: [Double] =
      dtype == .f32
      ? [0.7936174869537354, 0.6426924467086792, 0.740859866142273, 0.254009485244751]
        + [-0.3170712888240814, 0.49747252464294434, 1.6767325401306152]
        + [0.9894529581069946, 1.0472395420074463, 0.7738162875175476, -0.7490561008453369] + kept
      : [0.15440838083730224, 0.3696309591124678, 0.8188321980234932, 0.15897768768782328]
        + [0.5176644416806261, -2.8814211616060907, 0.8389974281950175]
        + [-1.6484907632966326, -0.21628758251059718, -1.300846435225384, -0.7554032080425895]
        + kept
    for (position, (number, right)) in zip(found, expected).enumerated() {
      // Uniform numbers and decisions are the same bits; normal ones go through functions.
      let isExact = !(4..<11).contains(position)
      let limit = isExact && position < 4 ? 0 : dtype == .f32 ? 4e-7 : 1e-14
      #expect(abs(number - right) <= limit * max(1, abs(right)), "\(position): \(number), \(right)")
    }
  }

  @Test("every task, step and draw has numbers of its own")
  func independence() throws {
    let run = try SpecRunner(
      """
      spec own
      dim tasks = 3
      params theta { w: [4] ~ zeros }
      meta eta: [] ~ zeros
      inner(x: [4] ~ zeros) {
        minimize sum(theta.w * (uniform([4]) + 10 * uniform([4]) + eta + x)) by sgd(rate: 1) for 2
      }
      outer(pick: [4]) { minimize sum(pick * theta.w) }
      batch tasks
      """)
    // With this loss theta ends as minus the sum of what two steps drew.
    let keys: [Double] = [1, 2, 3, 4, 1, 2]
    func ends(_ position: Int) throws -> Double {
      var pick = [Double](repeating: 0, count: 12)
      for task in 0..<3 { pick[task * 4 + position] = 1 }
      return try run(.metaGradient, ["inner.key": keys, "pick": pick])["loss"]?[0] ?? .nan
    }
    #expect(Set(try (0..<4).map(ends)).count == 4)
    func task(_ number: Int) throws -> Double {
      var pick = [Double](repeating: 0, count: 12)
      pick[number * 4] = 3
      return try run(.metaGradient, ["inner.key": keys, "pick": pick])["loss"]?[0] ?? .nan
    }
    #expect(try task(0) == task(2), "the same key")
    #expect(try task(0) != task(1))
  }

  /// Noise, dropout with a learned rate, draws in loops, in functions and in an inner problem.
  private static let spec = """
    spec noisy
    dim n = 5, k = 3, steps = 3, tasks = 2
    params theta { w: [n, k] ~ normal(0, 1) }
    meta eta = theta.initial
    meta rate: [] ~ constant(0.3)
    func shaken<m>(x: [..., m], size) -> [..., m] { return x + size * normal([m]) }
    inner(x: [7, n] ~ normal(0, 1), stream y: [7, k] ~ normal(0, 1)) {
      var h = shaken(dropout(x, rate), 0.1) @ theta.w
      for i in 2 { h = tanh(shaken(h, rate)) + 0.1 * uniform([7, k]) }
      let start = zeros([k])
      let q = minimize mean(square(h + q - y + normal([7, k]))) over q = start
        by sgd(rate: 0.2) for 2
      minimize mean(square(h + q - y)) by adam(rate: 0.1) for steps
    }
    outer(z: [4, n] ~ normal(0, 1)) { minimize mean(square(dropout(z @ theta.w, 0.2) - 1)) }
    batch tasks
    """

  @Test(
    "all levels of derivatives are verified",
    arguments: [DType.f32, .f64], Derivation.allCases)
  func verified(_ dtype: DType, _ derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "noisy.mix").path
      try Self.spec.write(toFile: path, atomically: true, encoding: .utf8)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      var request = VerificationRequest()
      request.usesCache = false
      let report = try Compilation(path: path, options: options).verify(request)
      #expect(report.isVerified, "\(report.text)")
    }
  }

  @Test("the keys of training are folds of seed, step, loss and task")
  func trainingKeys() throws {
    let input = Manifest.ArrayDescription(
      name: DataLeaf.outerKey, cName: "outer_key", elementType: .int32, shape: [4, 2],
      initializer: nil)
    let keys = try RandomKeys.keys(for: input, seed: 3, step: 5).doubles()
    // jax.random.key_data of fold_in(fold_in(fold_in(key(3), 5), 1), 2).
    #expect(Array(keys[4..<6]) == [-961_293_693, -1_543_203_913])
    #expect(Set(stride(from: 0, to: 8, by: 2).map { [keys[$0], keys[$0 + 1]] }).count == 4)
  }
}
