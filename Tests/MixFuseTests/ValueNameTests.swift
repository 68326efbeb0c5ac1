// SPDX-License-Identifier: Apache-2.0
//
// What the spec calls a value, the compiler calls it everywhere: in the IR text before and after both
// sweeps, within loops, in the generated C. And that C is fit to be read: no numbers for names, no
// lines that say nothing, none longer than a screen is wide.

import CEmission
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Names of values")
struct ValueNameTests {
  private static let entries: [EntryPoint] = [
    .innerLoss, .innerGradient, .hessianVectorProduct, .outerLossGradient, .metaGradient,
  ]

  /// The names that nodes of a graph and of its regions carry.
  private static func names(_ graph: Graph) -> Set<String> {
    graph.nodes.reduce(into: []) { names, node in
      names.insert(node.provenance.name)
      for region in node.op.regions { names.formUnion(Self.names(region)) }
    }
  }

  @Test("a let is called so, and its adjoint, its tangent and the tangent of its adjoint after it")
  func sweeps() throws {
    let compilation = PlanTests.compilation("Examples/maml_sinusoid.mix", ["steps": 2])
    let problem = try compilation.problem()
    func names(of entry: EntryPoint) throws -> Set<String> {
      Self.names(try compilation.derived(entry, of: problem))
    }
    #expect(try names(of: .innerLoss).isSuperset(of: ["h1", "h2", "prediction_add", "loss"]))
    #expect(try names(of: .innerGradient).isSuperset(of: ["h1", "h2", "h2_adj", "theta.w2_adj"]))
    let second = try names(of: .hessianVectorProduct)
    #expect(second.isSuperset(of: ["h2", "h2_adj", "h2_tan", "h2_adj_tan", "theta.w2_adj_tan"]))
    #expect(try names(of: .metaGradient).isSuperset(of: ["h1_adj_tan", "theta.w2_adj_tan"]))
    // A single step stands alone, and is called by its number.
    let single = PlanTests.compilation("Examples/maml_sinusoid.mix")
    let alone = try single.derived(.metaGradient, of: single.problem())
    #expect(Self.names(alone).contains("theta1.w2"))
  }

  @Test("names and functions are part of the text, and survive reading it back")
  func text() throws {
    for spec in ["maml_sinusoid", "mnist1d_lr", "chinchilla_learning_lr"] {
      let compilation = PlanTests.compilation("Examples/\(spec).mix")
      let problem = try compilation.problem()
      for entry in Self.entries {
        let graph = try compilation.derived(entry, of: problem)
        let parsed = try Graph(parsing: graph.text)
        #expect(parsed == graph, "\(spec), \(entry.rawValue)")
        #expect(Self.names(parsed) == Self.names(graph))
        #expect(parsed.valueNames == graph.valueNames)
      }
    }
    let builder = GraphBuilder(name: "g")
    let x = builder.input("x", TensorType([3], .f32))
    let provenance = Provenance(location: "a.mix:1:1", name: "h", function: "layer")
    builder.output("y", builder.withProvenance(provenance) { builder.unary(.exp, x) })
    #expect(builder.graph.text.contains("%1 h @layer = exp %0 : f32[3]   // a.mix:1:1"))
  }

  @Test("values carried through a loop of the spec keep their names within it")
  func loops() throws {
    let spec = """
      spec looped
      dim n = 3
      params theta { w: [n, n] ~ normal(0, 1) }
      meta eta: [n] ~ normal(0, 1)
      inner(x: [n] ~ normal(0, 1)) {
        var state = x
        for k in 3 { state = tanh(state @ theta.w + eta) }
        minimize sum(square(state)) by sgd(rate: 0.1) for 2
      }
      outer(z: [n] ~ normal(0, 1)) { minimize sum(square(z @ theta.w)) }
      """
    try Repository.withTemporaryFolder { folder in
      let file = folder.appending(path: "looped.mix")
      try spec.write(to: file, atomically: true, encoding: .utf8)
      let compilation = Compilation(path: file.path, options: BuildOptions())
      let names = Self.names(try compilation.derived(.metaGradient, of: compilation.problem()))
      #expect(names.isSuperset(of: ["state", "state_adj", "state_tan", "state_adj_tan"]))
    }
  }

  /// The C of an example as users get it.
  private static func source(_ name: String) throws -> String {
    let compilation = PlanTests.compilation("Examples/\(name).mix")
    return try compilation.generatedText(
      of: compilation.problem(), for: compilation.target()
    ).library.source
  }

  @Test(
    "the C has no numbers for names, nothing unused, and lines of 100 columns",
    arguments: ["maml_sinusoid", "mnist1d_lr", "digits_reweighting", "chinchilla_maml"])
  func source(_ name: String) throws {
    let text = try Self.source(name)
    for line in text.split(separator: "\n") {
      #expect(line.count <= 100, "\(line)")
      #expect(!line.contains("  (void)"), "\(line)")
      #expect(line.wholeMatch(of: /\s*for \(int64_t \w+ = 0; \w+ < 1; .*/) == nil, "\(line)")
      // A copy of a name under another name.
      let copy = line.wholeMatch(of: /\s*const (float|double|int32_t) \w+ = [a-z]\w*;/)
      #expect(copy == nil, "\(line)")
    }
    #expect(text.contains("This file is yours"))
    #expect(!text.contains("SPDX") && !text.contains("requires:"))
    // Kernels, arrays and scalars that are a number behind a word that says nothing.
    let numbered = text.matches(
      of: /\b(?:(?:k|kernel|f|function)_?[0-9]+\(|\*const (?:b|buffer|array|t|v|p)_?[0-9]+ =)/)
    #expect(numbered.isEmpty, "\(numbered.prefix(3).map { text[$0.range] })")
    for definition in text.matches(of: /(?m)^(?:MF_KERNEL )?static [\w ]+[ *](\w+)\(/) {
      let uses = text.matches(of: try Regex("\\b\(definition.1)\\b")).count
      #expect(uses > 1, "\(definition.1) is not used")
    }
  }

  // A load that only lanes inside of the extent do is a masked gather, and takes as long as all the rest.
  @Test(
    "lanes beyond the extent skip nothing but loads that depend on the lane",
    arguments: ["mnist1d_lr", "digits_reweighting"])
  func lanes(_ name: String) throws {
    let guarded = try Self.source(name).replacing(/\n\s+/, with: " ")
      .matches(of: /is_inside \? (.+?) : (?:0|-?[0-9.]+f|-__builtin_inff\(\))[;),]/).map(\.1)
    #expect(!guarded.isEmpty)
    for value in guarded {
      #expect(value.wholeMatch(of: /\w+(\[[^\[\]]+\])?/) != nil, "\(value)")
    }
  }

  @Test("the C of the sinusoid names steps, parameters and derivatives as the spec does")
  func sinusoid() throws {
    let text = try Self.source("maml_sinusoid")
    for part in [
      "// h1 = select(x_support * eta.w1 + eta.b1 <= 0, 0, x_support * eta.w1 + eta.b1)",
      "maml_sinusoid.mix:20:12, jvp of relu", "theta1_w2", "eta_w2", "h2_adj_tan",
    ] {
      #expect(text.contains(part), "\(part)")
    }
  }
}
