// SPDX-License-Identifier: Apache-2.0
//
// The prelude's pieces of transformers end to end: a spec that uses them all is verified against the
// interpreter, the other derivation and finite differences, and its grouped-query attention and
// smoothed loss are the fused kernels.

import CEmission
import Differentiation
import Foundation
import Kernels
import Scheduling
import TensorIR
import Testing

@testable import MixFuse

@Suite("Pieces of transformers")
struct TransformerPieceTests {
  private static let spec = "Tests/Cases/transformer/grouped_query.mix"

  @Test(
    "a spec with all of them is verified in both derivations and both float types",
    arguments: Derivation.allCases, [DType.f64, .f32])
  func verified(_ derivation: Derivation, _ dtype: DType) throws {
    var options = BuildOptions()
    options.dtype = dtype
    options.derivation.derivation = derivation
    var request = VerificationRequest()
    request.usesCache = false
    let path = Repository.file(Self.spec).path
    let report = try Compilation(path: path, options: options).verify(request)
    #expect(report.isVerified, "\(report.text)")
    let comparisons = report.sections.flatMap(\.comparisons)
    #expect(Set(comparisons.map(\.oracle)) == [.interpreter, .otherDerivation, .finiteDifference])
    for meta in ["start.output", "log_rate", "weight_decay", "smoothing"] {
      #expect(comparisons.contains { $0.array.contains(meta) }, "\(meta)")
    }
  }

  @Test("neither scores of grouped queries nor smoothed logits are written out")
  func fused() throws {
    let (sequence, vocabulary) = (2048, 4099)
    let dims = ["seq": sequence, "vocab": vocabulary, "batch": 1]
    let compilation = PlanTests.compilation(Self.spec, dims)
    let programs = try compilation.programs(
      of: compilation.problem(), on: compilation.target().machine)
    let largest = programs.flatMap(\.buffers).filter { $0.role != .port }.map(\.elementCount).max()
    #expect(try #require(largest) < sequence * sequence / 2)
  }
}
