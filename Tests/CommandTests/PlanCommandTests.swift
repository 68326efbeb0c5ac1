// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse plan`, `bench` and `sweep` as a user runs them.

import Foundation
import Testing

@Suite("mixfuse plan, bench, sweep")
struct PlanCommandTests {
  @Test("plan prints a table, or JSON, and draws")
  func plan() throws {
    let place = try Workplace()
    let spec = Workplace.example("chinchilla_maml.mix")
    let result = try place.run("plan", spec, "--preset", "57M", "--svg", place.file("plan.svg"))
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.contains("parameters and state"))
    #expect(place.text("plan.svg").hasPrefix("<svg "))
    let json = try place.run("plan", spec, "--json")
    #expect(json.output.hasPrefix("{\n  \"entry_points\" : {"))
    let unknown = try place.run("plan", spec, "--preset", "57N")
    #expect(unknown.exitCode == 1)
    #expect(unknown.errors.contains("did you mean 57M?"))
  }

  @Test("bench --ablation runs all eight combinations and compares their results")
  func ablation() throws {
    struct Report: Decodable {
      struct Combination: Decodable {
        let derivation: String
        let arenaBytes: Int, workingBytes: Int
        let secondsMedian: Double, relativeErrorToFirst: Double
      }
      let combinations: [Combination]
      let inputNoiseMoves: Double
    }
    let place = try Workplace()
    let process = try place.start(
      ["bench"] + Workplace.smallSinusoid + [
        "--ablation", "--repeat", "2", "--dtype", "f64", "--json", "--markdown",
        place.file("ablation.md"), "--svg", place.file("ablation.svg"),
      ])
    process.waitUntilExit()
    let result = place.result(of: process)
    #expect(result.exitCode == 0, "\(result.errors)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let report = try decoder.decode(Report.self, from: Data(result.output.utf8))
    #expect(report.combinations.count == 8)
    #expect((1e-17..<1e-12).contains(report.inputNoiseMoves))
    for combination in report.combinations {
      #expect(combination.relativeErrorToFirst < 1e-9)
      #expect(combination.arenaBytes > 0)
      #expect(combination.secondsMedian > 0)
    }
    #expect(place.text("ablation.md").contains("| derivation | remat |"))
    #expect(place.text("ablation.svg").hasPrefix("<svg "))
  }

  @Test("bench wants to know what to measure")
  func benchUsage() throws {
    let place = try Workplace()
    let result = try place.run("bench", Workplace.example("maml_sinusoid.mix"))
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("either --ablation or --profile"))
  }

  @Test("sweep writes a table and a picture")
  func sweep() throws {
    let place = try Workplace()
    let result = try place.run(
      "sweep", Workplace.example("chinchilla_maml.mix"), "--vary", "steps=2,3", "--csv",
      place.file("sweep.csv"), "--svg", place.file("sweep.svg"))
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("2 configurations\n"))
    #expect(place.text("sweep.csv").split(separator: "\n").count == 3)
    #expect(place.text("sweep.svg").hasPrefix("<svg "))
    let wrong = try place.run("sweep", Workplace.example("chinchilla_maml.mix"), "--vary", "steps=")
    #expect(wrong.exitCode == 1)
  }
}
