// SPDX-License-Identifier: Apache-2.0
//
// Sizes that are multiples of nothing: every tile, vector and vocabulary slice of a transformer has
// a remainder, a batch and a stack of layers have one element, and there is a single inner step.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Odd sizes")
struct OddSizeTests {
  private static let sizes = [
    "heads": 3, "head_width": 6, "seq": 37, "vocab": 53, "layers": 1, "batch": 1, "steps": 1,
    "width": 10, "ffw": 23,
  ]

  @Test("a transformer of odd sizes is verified", arguments: [DType.f64, .f32])
  func verified(_ dtype: DType) throws {
    for derivation in Derivation.allCases {
      var options = BuildOptions()
      options.dims = Self.sizes
      options.dtype = dtype
      options.derivation.derivation = derivation
      let path = Repository.file("Examples/chinchilla_maml.mix").path
      var request = VerificationRequest()
      request.usesCache = false
      let report = try Compilation(path: path, options: options).verify(request)
      #expect(report.isVerified, "\(report.text)")
      let sizes = report.sections.filter { !$0.isSpecial }
      #expect(sizes.count == 1, "these sizes themselves, not smaller ones")
    }
  }
}
