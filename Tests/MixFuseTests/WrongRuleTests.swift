// SPDX-License-Identifier: Apache-2.0
//
// `verify` finds a rule that is wrong by 0.1 %, wherever it is wrong, and its table says at which
// level: the library, the interpreter and the other derivation all have the same wrong rule.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("verify and wrong rules")
struct WrongRuleTests {
  /// `tanh` is in the inner and the outer loss, `exp` of a meta parameter in the inner loss alone,
  /// `sin` in the outer loss alone.
  private static let dense = """
    spec wrong
    params theta { w1: [4, 5] ~ glorot  w2: [5, 1] ~ glorot }
    meta eta: [5] ~ uniform(-0.5, 0.5)
    inner(x: [6, 4] ~ normal(0, 1), y: [6, 1] ~ normal(0, 1)) {
      minimize mean(square((tanh(x @ theta.w1) * exp(eta)) @ theta.w2 - y)) by sgd(rate: 0.3) for 3
    }
    outer(xv: [6, 4] ~ normal(0, 1), yv: [6, 1] ~ normal(0, 1)) {
      minimize mean(square(sin(tanh(xv @ theta.w1) @ theta.w2) - yv))
    }
    """

  private static let attentive = """
    spec wrong
    params theta { q: [4, 4] ~ normal(0, 1)  k: [4, 4] ~ normal(0, 1) }
    meta eta: [4] ~ ones
    inner(x: [2, 5, 4] ~ normal(0, 1)) {
      let q = reshape(x @ theta.q * eta, [2, 5, 2, 2])
      let k = reshape(x @ theta.k, [2, 5, 2, 2])
      minimize mean(square(attention(q, k, q, causal: true))) by sgd(rate: 0.3) for 2
    }
    outer(z: [2, 4] ~ normal(0, 1)) { minimize mean(square(z @ theta.q)) + sum(square(theta.k)) }
    """

  /// The report of a spec compiled with a wrong rule.
  private static func report(
    _ spec: String, _ rules: RuleTable, _ dtype: DType = .f64,
    _ derivation: DerivationOptions.Derivation = .mixed
  ) throws -> VerificationReport {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "wrong.mix").path
      try spec.write(toFile: path, atomically: true, encoding: .utf8)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      options.derivation.rules = rules
      var request = VerificationRequest()
      request.usesCache = false
      return try Compilation(path: path, options: options).verify(request)
    }
  }

  /// The levels of which a finite difference failed, and those of which one passed.
  private static func levels(
    _ report: VerificationReport
  ) -> (failed: Set<String>, passed: Set<String>) {
    let rows = report.sections[0].comparisons.filter { $0.oracle == .finiteDifference }
    func levels(_ outcome: MixFuse.Comparison.Outcome) -> Set<String> {
      Set(rows.filter { $0.outcome == outcome }.map(\.entryPoint))
    }
    return (levels(.failed), levels(.passed))
  }

  private static func applies(_ function: UnaryFunction) -> @Sendable (Op) -> Bool {
    { $0 == .unary(function) }
  }

  @Test("right rules are verified", arguments: [DType.f64, .f32])
  func right(_ dtype: DType) throws {
    for spec in [Self.dense, Self.attentive] {
      let report = try Self.report(spec, .standard, dtype)
      #expect(report.isVerified, "\(report.text)")
      #expect(Self.levels(report).passed == Set(DerivativeLevel.allCases.map(\.rawValue)))
    }
  }

  @Test("wrong in both modes: the inner gradient shows it", arguments: [DType.f64, .f32])
  func everywhere(_ dtype: DType) throws {
    let rules = WrongRule(applies: Self.applies(.tanh)).table("tanh")
    for derivation in DerivationOptions.Derivation.allCases {
      let report = try Self.report(Self.dense, rules, dtype, derivation)
      #expect(report.verdict == .mismatch)
      #expect(Self.levels(report).failed.contains("inner_gradient"), "\(report.text)")
      let agreeing = report.sections[0].comparisons.filter { $0.oracle == .interpreter }
      #expect(agreeing.allSatisfy { $0.outcome == .passed }, "no other oracle sees it")
    }
  }

  @Test("wrong in the VJP of a product: the inner gradient shows it")
  func adjoints() throws {
    let rules = WrongRule { if case .contract = $0 { true } else { false } }.table("contract")
    let failed = Self.levels(try Self.report(Self.dense, rules)).failed
    #expect(failed.contains("inner_gradient"))
  }

  @Test(
    "wrong in the JVP alone: the HVP shows it, and the meta-gradient", arguments: [DType.f64, .f32])
  func tangents(_ dtype: DType) throws {
    var rule = WrongRule(applies: Self.applies(.tanh))
    rule.adjoints = 1
    let levels = Self.levels(try Self.report(Self.dense, rule.table("tanh JVP"), dtype))
    #expect(levels.failed.isSuperset(of: ["hvp", "mixed_product", "meta_gradient"]))
    #expect(levels.passed.isSuperset(of: ["inner_gradient", "outer_loss_gradient"]))
  }

  @Test("wrong only along the meta parameters: the mixed product shows it")
  func mixedProduct() throws {
    let rules = WrongRule(applies: Self.applies(.exp)).table("exp")
    for derivation in DerivationOptions.Derivation.allCases {
      let levels = Self.levels(try Self.report(Self.dense, rules, .f32, derivation))
      #expect(levels.failed == ["mixed_product", "meta_gradient"])
      #expect(levels.passed.isSuperset(of: ["inner_gradient", "hvp", "outer_loss_gradient"]))
    }
  }

  @Test("wrong in the outer loss alone: its gradient shows it")
  func outerLoss() throws {
    let rules = WrongRule(applies: Self.applies(.cos)).table("cos")
    #expect(try Self.report(Self.dense, rules).isVerified, "nothing differentiates a cosine")
    let wrong = WrongRule(applies: Self.applies(.sin)).table("sin")
    let levels = Self.levels(try Self.report(Self.dense, wrong))
    #expect(levels.failed == ["outer_loss_gradient", "meta_gradient"])
  }

  @Test("wrong in the tangent of attention's adjoint: the HVP shows it")
  func structuredTangent() throws {
    var rule = WrongRule { op in
      if case .structured(let op) = op { op.order == .adjoint } else { false }
    }
    rule.adjoints = 1
    let levels = Self.levels(try Self.report(Self.attentive, rule.table("attention JVP")))
    #expect(levels.failed.isSuperset(of: ["hvp", "mixed_product"]))
    #expect(levels.passed.isSuperset(of: ["inner_gradient", "outer_loss_gradient"]))
  }

  @Test("wrong in the adjoint of attention's adjoint: the mixed product shows it")
  func structuredAdjoint() throws {
    var rule = WrongRule { op in
      if case .structured(let op) = op { op.order == .adjoint } else { false }
    }
    rule.tangents = 1
    let report = try Self.report(Self.attentive, rule.table("attention VJP"), .f64, .standard)
    #expect(Self.levels(report).failed.isSuperset(of: ["mixed_product", "meta_gradient"]))
  }
}
