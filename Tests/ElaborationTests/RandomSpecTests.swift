// SPDX-License-Identifier: Apache-2.0
//
// The generator of random specs keeps its promise: every spec is valid, in both float types, and
// together they use the whole language.

import Diagnostics
import SpecLanguage
import TensorIR
import TestSupport
import Testing

@testable import Elaboration

@Suite("random specs")
struct RandomSpecTests {
  @Test("are valid, but for a few that take two sizes of equal values for one", arguments: 0..<20)
  func areValid(block: Int) {
    var refused: Set<UInt64> = []
    for seed in UInt64(block) * 25..<UInt64(block + 1) * 25 {
      let spec = RandomSpec(seed: seed)
      for dtype in [DType.f64, .f32] {
        let outcome = elaborated(spec.text, dtype: dtype)
        if Set(outcome.errorIDs) == ["shape.dimension"] {
          refused.insert(seed)
        } else {
          #expect(outcome.problem?.name == spec.name, "seed \(seed)\n\(outcome.errors)")
        }
      }
    }
    #expect(refused.count <= 2)
  }

  @Test("are functions of their seeds")
  func areReproducible() {
    #expect(RandomSpec(seed: 3).text == RandomSpec(seed: 3).text)
    #expect(RandomSpec(seed: 3).text != RandomSpec(seed: 4).text)
  }

  @Test("use every built-in function and all of the prelude")
  func useEverything() {
    let text = (0..<1500).map { RandomSpec(seed: $0).text }.joined()
    let words = Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
    let prelude = Prelude.declarations(diagnostics: DiagnosticCollector()).compactMap {
      switch $0 {
      case .function(let function): function.name.text
      case .optimizer(let optimizer): optimizer.name.text
      default: nil as String?
      }
    }
    // Roundings do not agree about signs and directions of what is nearly zero: OptaxTests has those. The
    // last ones are parts of others.
    let others: Set = [
      "lion", "yogi", "adafactor", "muon", "orthogonalize", "averaged", "eliminated",
      "refined_solution", "triangular_inverse", "half_triangle",
    ]
    for name in Builtin.all.map(\.name) + prelude where !others.contains(name) {
      #expect(words.contains(name), "\(name) is never used")
    }
    for word in [
      "stream", "shared", "batch", "initial", "losses", "for", "each", "preset", "state",
    ] {
      #expect(words.contains(word), "\(word) is never used")
    }
  }
}
