// SPDX-License-Identifier: Apache-2.0
//
// Right libraries of problems that are hard to judge: derivatives that are zero by mathematics but not
// in floating point, slopes far below the rounding of the loss, kinks at the inputs themselves,
// initialisers and indices that allow no smaller sizes, random programs. `verify` passes them all, and
// says what it could not decide.

import Differentiation
import Foundation
import Interpreter
import MixFuseRuntime
import TensorIR
import TestSupport
import Testing

@testable import MixFuse

@Suite("verify gives no false alarm")
struct FalseAlarmTests {
  /// The report of a spec given as text.
  private static func report(
    _ spec: String, _ dtype: DType, _ request: VerificationRequest = VerificationRequest()
  ) throws -> VerificationReport {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "spec.mix").path
      try spec.write(toFile: path, atomically: true, encoding: .utf8)
      var options = BuildOptions()
      options.dtype = dtype
      var request = request
      request.usesCache = false
      return try Compilation(path: path, options: options).verify(request)
    }
  }

  /// Every unit starts on the kink of relu.
  private static let kinked = """
    spec kinks
    params theta { w: [4, 3] ~ zeros  b: [3] ~ zeros  v: [3] ~ normal(0, 1) }
    meta eta: [3] ~ ones
    inner(x: [5, 4] ~ normal(0, 1), y: [5] ~ normal(0, 1)) {
      minimize mean(square(relu(x @ theta.w + theta.b) * eta @ theta.v - y)) by sgd(rate: 0.1) for 2
    }
    outer(z: [5, 4] ~ normal(0, 1)) {
      minimize mean(square(relu(z @ theta.w + theta.b) @ theta.v - 1)) + sum(abs(theta.b))
    }
    """

  /// Programs of one line each for the inner and the outer problem.
  private static let specs = [
    // The outer slope is far below the rounding of the outer loss.
    """
    spec fd
    params theta { w: [1] ~ ones }
    meta eta: [1] ~ constant(2)
    inner { minimize sum(square(theta.w - eta)) by sgd(rate: 0.1) for 1 }
    outer { minimize sum(1 + 1e-7 * theta.w) }
    """,
    // The same in the inner loss.
    """
    spec fd_inner
    params theta { w: [3] ~ normal(0, 1) }
    meta eta: [3] ~ constant(2)
    inner { minimize 1e6 + 1e-3 * sum(square(theta.w * eta)) by sgd(rate: 10) for 2 }
    outer { minimize sum(square(theta.w)) }
    """,
    // With one key, attention does not depend on its scores.
    """
    spec onekey
    params theta { wq: [4, 4] ~ normal(0, 1)  wv: [4, 4] ~ normal(0, 1) }
    meta eta: [4] ~ ones
    inner(x: [2, 1, 4]) {
      let q = reshape(x @ theta.wq, [2, 1, 1, 4])
      let v = reshape(x @ theta.wv * eta, [2, 1, 1, 4])
      minimize mean(square(attention(q, q, v, causal: true))) by sgd(rate: 0.1) for 2
    }
    outer(z: [2, 1, 4]) { minimize mean(square(z @ theta.wv)) }
    """,
    // Terms cancel exactly, a fused product leaves a rest, and the optimiser divides it by nearly
    // nothing.
    """
    spec rest
    params theta { w: [3] ~ zeros }
    meta eta: [3] ~ zeros
    inner {
      let loss = mean(binary_cross_entropy(eta, sigmoid(theta.w)))
      minimize loss + sin(loss) by adam(rate: 0.2, epsilon: 0.0001) for 2
    }
    outer { minimize sum(square(theta.w - 1)) }
    """,
    // Two ways to one element: the C would compare a word with itself, which compilers warn of.
    """
    spec self
    params theta { w: [2] ~ normal(0, 1) }
    meta eta: [2] ~ ones
    inner(labels: i32 [4] ~ integers(0, 2)) {
      let same = reshape(reshape(labels, [2, 2]), [4])
      let below = if labels < same then 1 else 0.5
      let equal = if labels == same then theta.w[labels] else 0
      minimize sum(square(theta.w * eta)) + mean(below) + mean(equal) by sgd(rate: 0.1) for 1
    }
    outer { minimize sum(square(theta.w - 1)) }
    """,
    // A problem with one class: its losses are zero whatever the parameters are, and so are all
    // derivatives of them.
    """
    spec oneclass
    params theta { w: [3, 1] ~ normal(0, 1)  b: [1] ~ zeros }
    meta eta: [3] ~ ones
    inner(x: [4, 3] ~ normal(0, 1), y: i32 [4] ~ zeros) {
      minimize mean(eta[0] * cross_entropy(x @ theta.w + theta.b, y)) by sgd(rate: 0.1) for 2
    }
    outer(z: [4, 3] ~ normal(0, 1), y_z: i32 [4] ~ zeros) {
      minimize mean(cross_entropy(z * eta @ theta.w + theta.b, y_z))
    }
    """,
    // A softmax over one class is constant.
    """
    spec onerow
    params theta { w: [3] ~ normal(0, 1)  t: [1, 3] ~ normal(0, 1) }
    meta eta: [3] ~ ones
    inner(x: [4, 3], y: i32 [4] ~ zeros) {
      minimize mean(linear_cross_entropy(x * theta.w * eta, theta.t, y)) + sum(square(theta.w))
      by sgd(rate: 0.1) for 1
    }
    outer { minimize sum(square(theta.w)) + sum(square(theta.t)) }
    """,
    // The mean of what has its mean taken off is zero; adding to all logits changes nothing.
    """
    spec cancelling
    params theta { w: [5] ~ normal(0, 1) }
    meta eta: [5] ~ normal(0, 1)
    inner(x: [6, 5] ~ normal(3, 1)) {
      let c = x * theta.w - mean(x * theta.w, axis: 1, keep: true)
      minimize square(mean(c)) + mean(logsumexp(x + theta.w) - logsumexp(x)) + sum(square(theta.w - eta))
      by momentum(rate: 0.1) for 3
    }
    outer(z: [6, 5] ~ normal(3, 1)) {
      minimize mean(square(softmax(z * theta.w + 7) - softmax(z)))
        + mean(square(z * theta.w))
    }
    """,
    kinked,
    // Along some directions the kink looks smooth.
    """
    spec hidden_kink
    params theta { a: [5] ~ zeros  b: [] ~ zeros }
    meta eta: [] ~ ones
    inner {
      let m = minimum(theta.a, theta.b)
      minimize square(max(m) - 0.3) + max(tanh(m)) + sum(square(theta.a - eta)) by sgd(rate: 0.1) for 1
    }
    outer { minimize sum(square(theta.a)) + square(theta.b) }
    """,
    // Pieces that join smoothly: the second derivative at 0 is a matter of convention.
    """
    spec smooth_join
    params theta { w: [4] ~ zeros  v: [3] ~ normal(0, 1) }
    meta eta: [] ~ ones
    inner {
      minimize mean(square(abs(square(theta.w)) - 0.3)) * eta + sum(square(theta.v - eta))
      by sgd(rate: 0.1) for 1
    }
    outer { minimize sum(square(theta.v)) + sum(relu(theta.w) - relu(-theta.w)) }
    """,
    // Nothing reaches the outer loss.
    """
    spec nowhere
    params theta { w: [2] ~ normal(0, 1) }
    meta eta: [2] ~ normal(0, 1)
    inner { minimize sum(square(theta.w)) + 0 * sum(eta) by sgd(rate: 0.1) for 2 }
    outer { minimize sum(stop_gradient(theta.w)) }
    """,
  ]

  @Test("where the right value is zero or far below rounding, or on a kink", arguments: specs)
  func hardToJudge(_ spec: String) throws {
    for dtype in [DType.f32, .f64] {
      var request = VerificationRequest()
      request.seed = 5
      let report = try Self.report(spec, dtype, request)
      #expect(report.isVerified, "\(report.text)")
    }
  }

  @Test("random programs", arguments: [DType.f32, .f64])
  func randomPrograms(_ dtype: DType) throws {
    for seed in UInt64(0)..<8 {
      let spec = RandomSpec(seed: seed)
      let report = try Self.report(spec.text, dtype)
      #expect(report.isVerified, "seed \(seed)\n\(report.text)")
    }
  }

  @Test("examples at odd sizes, and with a sequence of one", arguments: [DType.f32, .f64])
  func examples(_ dtype: DType) throws {
    let sizes: [(String, [String: Int])] = [
      ("chinchilla_maml", ["seq": 1]),
      ("chinchilla_loss_weighting", ["seq": 1, "steps": 1, "batch": 1]),
      ("maml_sinusoid", ["hidden": 1, "points": 1, "tasks": 1]),
      ("mnist1d_lr", ["steps": 2]),
      ("digits_reweighting", ["hidden": 3, "units": 1, "batch": 1, "clean": 1, "steps": 1]),
    ]
    for (example, dims) in sizes {
      var options = BuildOptions()
      options.dims = dims
      options.dtype = dtype
      let path = Repository.file("Examples/\(example).mix").path
      let report = try Compilation(path: path, options: options).verify()
      #expect(report.isVerified, "\(example)\n\(report.text)")
    }
  }

  // MARK: Sizes of its own choice

  private static func sized(_ lengths: String, _ index: String) -> String {
    """
    spec sized
    dim seq = 64, width = 8, layers = 2
    params theta { block[layers]: { w: [width, width] ~ glorot } }
    meta eta = theta.initial
    func f(p: theta, x: [seq, width], lengths: i32 []) {
      var h = x
      for l in p.block { h = tanh(h @ l.w) }
      return mean(square(h) * select(expand(iota(seq), 1) < lengths, 1.0, 0.0)) \(index)
    }
    inner(x: [seq, width], lengths: i32 [] ~ \(lengths)) {
      minimize f(theta, x, lengths) by sgd(rate: 0.1) for 2
    }
    outer(xv: [seq, width], lv: i32 [] ~ \(lengths)) { minimize f(theta, xv, lv) }
    """
  }

  @Test("dims that initialisers or indices need are left, and others made smaller")
  func otherDims() throws {
    var request = VerificationRequest()
    request.interpreterBudget = 0.03
    for (lengths, index) in [
      ("integers(30, seq)", ""), ("integers(0, 60)", "+ mean(x[lengths])"), ("uniform(0, 1)", ""),
    ] {
      let spec = Self.sized(lengths.replacingOccurrences(of: "uniform(0, 1)", with: "zeros"), index)
      let report = try Self.report(spec, .f64, request)
      #expect(report.isVerified, "\(report.text)")
      #expect(report.sections.count >= 2)
      #expect(report.sections[1].dims.map(\.value) != report.sections[0].dims.map(\.value))
    }
  }

  @Test("where no smaller dims are allowed, the report stands, and says what was skipped")
  func noOtherDims() throws {
    var request = VerificationRequest()
    request.interpreterBudget = 1e-9
    let report = try Self.report(Self.sized("integers(60, seq)", ""), .f32, request)
    #expect(report.sections.count == 1)
    #expect(report.sections[0].comparisons.allSatisfy { $0.outcome == .passed })
    #expect(report.verdict == .undecided)
    #expect(report.text.contains("skipped: the interpreter: "))
    #expect(report.text.hasSuffix("\nUNDECIDED\n"))
  }

  @Test("kinks are named, not judged")
  func kinksAreNamed() throws {
    let text = try Self.report(Self.kinked, .f64).text
    #expect(text.contains("beside"))
    #expect(text.contains("on a kink"))
  }

  @Test("an index that is out of range is the user's mistake")
  func index() {
    let error = FailureReport(
      EvaluationError.positionOutOfRange(
        bound: .rows(3), place: [1], value: 9, provenance: Provenance()))
    #expect(error.exitCode == 1)
    #expect(error.text.contains("element [1] of an index array is 9, expected"))
    #expect(error.text.contains("from 0 to 2"))
  }
}
