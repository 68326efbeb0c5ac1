// SPDX-License-Identifier: Apache-2.0
//
// The measurements of `mixfuse bench`: a profile accounts for every kernel call and ties it to the
// spec; an ablation's report says which combinations agree. (Tests/CommandTests runs the command.)

import CEmission
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Bench")
struct PlanBenchTests {
  @Test("a profile accounts for every kernel call of the plan", arguments: [1, 2])
  func profile(_ threads: Int) throws {
    let dims = ["hidden": 8, "tasks": 3]
    let compilation = PlanTests.compilation("Examples/maml_sinusoid.mix", dims)
    var request = BenchRequest()
    request.repetitions = 2
    request.threads = threads
    let report = try compilation.profile(request)
    let plan = try compilation.plan([.metaGradient]).entryPoints[0]
    #expect(report.rows.reduce(0) { $0 + $1.calls } == plan.kernelCalls)
    #expect(Int(report.rows.reduce(0) { $0 + $1.flops }) == plan.flops)
    #expect(report.rows.map(\.seconds) == report.rows.map(\.seconds).sorted(by: >))
    #expect(report.rows.contains { $0.origins.contains { $0.hasPrefix("maml_sinusoid.mix:") } })
    #expect(report.onePeak.flopsPerSecond > 1e8)
    #expect(report.onePeak.bytesPerSecond > 1e8)
    #expect(report.text.contains("machine peak measured in this run"))
  }

  @Test("a library that users get has no clock")
  func noClock() throws {
    let compilation = PlanTests.compilation("Examples/maml_sinusoid.mix")
    let problem = try compilation.problem()
    let target = try compilation.target()
    let plain = try compilation.generatedText(of: problem, for: target).library
    #expect(!plain.source.contains("clock"))
    #expect(plain.profiledCalls.isEmpty)
    let profiled = try compilation.generatedText(
      of: problem, for: target, entries: [.metaGradient], isProfiled: true
    ).library
    #expect(profiled.source.contains("mf_profile_add("))
  }

  private static func report(_ errors: [[Double]], noise: Double? = nil) -> AblationReport {
    let rows = errors.indices.map { index in
      AblationReport.Row(
        switches: DerivationOptions.allCombinations[index], arenaBytes: 1 << 20,
        peakResidentBytes: nil, workingBytes: 900 << 10, secondsMedian: 0.5,
        usefulGflopsPerSecond: 12)
    }
    return AblationReport(
      name: "spec", dtype: "f32", dims: [("n", 3)], threads: 2, rows: rows, errors: errors,
      inputNoiseMoves: noise)
  }

  @Test("an ablation says which combinations agree, and to what error")
  func agreement() throws {
    let errors = [[0, 0, 2e-7], [0, 0, 3e-7], [2e-7, 3e-7, 0]]
    let report = Self.report(errors)
    #expect(report.agreement.hasPrefix("all 3 agree to 3.0e-07"))
    #expect(
      report.agreement.contains("(mixed, block, recompute) and (mixed, none, save) are furthest"))
    #expect(
      report.agreement.hasSuffix(
        "equal to the last bit: (mixed, block, save) = (mixed, block, recompute)"))
    #expect(Self.report([[0, 0], [0, 0]]).agreement == "all 2 give the same bits")
    #expect(report.markdown.contains("| mixed | block | save | 1 MiB | 900 KiB | ? |"))
    #expect(isWellFormed(svg: report.svg))
  }

  @Test("an ablation says how far noise on the inputs moves the result, in every form")
  func noise() throws {
    let report = Self.report([[0, 3e-4], [3e-4, 0]], noise: 2e-4)
    let line = "\n1-ulp noise on the inputs moves the result by 2.0e-04: "
    #expect(report.text.contains(line))
    #expect(report.markdown.contains(line))
    #expect(try report.json().contains("\"input_noise_moves\" : 0.0002"))
    let unknown = Self.report([[0, 3e-4], [3e-4, 0]])
    #expect(!unknown.text.contains("noise"))
    #expect(try unknown.json().contains("\"input_noise_moves\" : null"))
  }

  @Test("an ablation's JSON has the agreed names; what is not known is null")
  func json() throws {
    let text = try Self.report([[0, 2e-7], [2e-7, 0]]).json()
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let combinations = try #require(object?["combinations"] as? [[String: Any]])
    #expect(combinations.count == 2)
    for key in [
      "derivation", "remat", "inner_gradients", "arena_bytes", "peak_rss_bytes", "seconds_median",
      "useful_gflops_per_second",
    ] {
      #expect(combinations[0][key] != nil, "\(key)")
    }
    #expect(combinations[0]["peak_rss_bytes"] is NSNull)
    #expect(combinations[1]["relative_error_to_first"] as? Double == 2e-7)
  }
}
