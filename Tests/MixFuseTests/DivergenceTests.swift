// SPDX-License-Identifier: Apache-2.0
//
// An inner optimisation that diverges must not end in a plausible number.

import Foundation
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("Diverged inner optimisation")
struct DivergenceTests {
  @Test(
    "gives NaN, not a number that looks fine",
    arguments: ["relu(x * theta.w)", "maximum(minimum(x * theta.w, 1), -1)", "abs(x * theta.w)"])
  func diverged(activation: String) throws {
    let spec = """
      spec diverged
      params theta { w: [5] ~ ones }
      meta rate: [] ~ constant(1)
      inner(x: [5]) {
        minimize sum(exp(square(theta.w))) + sum(\(activation))
        by sgd(rate: rate) for 12
      }
      outer { let x = ones([5])  minimize mean(\(activation)) }
      """
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "diverged.mix").path
      try Data(spec.utf8).write(to: URL(fileURLWithPath: path))
      let compilation = Compilation(path: path, options: BuildOptions())
      let library = try Library(path: compilation.build(into: folder.path, cache: nil).library)
      let session = try Session(library, entryPoint: "meta_gradient")
      let inputs = try InputSampler(seed: 1).inputs(of: session.entryPoint)
      let loss = try session.run(inputs).values("loss")[0]
      #expect(loss.isNaN, "\(loss)")
    }
  }
}
