// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse dump`: every stage has a text, and the texts of derived graphs can be narrowed down.

import Foundation
import Testing

@Suite("mixfuse dump")
struct DumpCommandTests {
  @Test(
    "every stage has a text",
    arguments: [
      ("tokens", "'maml_sinusoid'"), ("ast", "DimensionDeclaration"), ("ir", "graph "),
      ("gradient", "graph \"maml_sinusoid_inner_gradient\""),
      ("meta-gradient", "graph \"maml_sinusoid_meta_gradient\""),
      ("kernels", "program meta_gradient: arena"), ("c", "maml_sinusoid_meta_gradient("),
      ("llvm", "@maml_sinusoid_meta_gradient("), ("asm", "maml_sinusoid_meta_gradient:"),
    ])
  func stages(stage: String, expected: String) throws {
    let place = try Workplace()
    let process = try place.start(["dump"] + Workplace.smallSinusoid + ["--stage", stage])
    process.waitUntilExit()
    let result = place.result(of: process)
    #expect(result.exitCode == 0)
    #expect(result.errors == "")
    #expect(result.output.contains(expected))
  }

  @Test("a pass and an entry point can be chosen")
  func passes() throws {
    let place = try Workplace()
    let spec = Workplace.example("maml_sinusoid.mix")
    let derived = try place.run("dump", spec, "--stage", "gradient", "--entry", "hvp")
    #expect(derived.output.contains("graph \"maml_sinusoid_hvp\""))
    let cleaned = try place.run(
      "dump", spec, "--stage", "gradient", "--entry", "hvp", "--after-pass",
      "eliminate-dead-code")
    #expect(cleaned.output.hasPrefix("graph \"maml_sinusoid_hvp\""))
    #expect(cleaned.output != derived.output)
    let unknown = try place.run(
      "dump", spec, "--stage", "gradient", "--after-pass", "eliminate-dead-cod")
    #expect(unknown.exitCode == 1)
    #expect(unknown.errors.contains("did you mean eliminate-dead-code?"))
    let fused = try place.run(
      "dump", spec, "--stage", "schedule", "--after-pass", "form-clusters")
    #expect(fused.output.hasPrefix("schedule \"meta_gradient\" {"))
    #expect(fused.output.contains("  cluster ["))
    let ofGraphs = try place.run(
      "dump", spec, "--stage", "schedule", "--after-pass", "form-cluster")
    #expect(ofGraphs.exitCode == 1)
    #expect(ofGraphs.errors.contains("did you mean form-clusters?"))
    let misplaced = try place.run(
      "dump", spec, "--stage", "c", "--after-pass", "eliminate-dead-code")
    #expect(misplaced.exitCode == 1)
    #expect(misplaced.errors.contains("--after-pass needs --stage gradient, meta-gradient or schedule"))
  }
}
