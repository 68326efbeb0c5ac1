// SPDX-License-Identifier: Apache-2.0
//
// A network of sines end to end: its activations follow products in place and its gradients are sums
// over columns, so that its kernels are written in all the ways there are for angles of any size.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Networks of sines")
struct AngleSpecTests {
  private static func spec(scale: String) -> String {
    """
    spec sines
    dim n = 40, h = 72
    params theta {
      w1: [2, h] ~ normal(0, 1)  b1: [h]  w2: [h, h] ~ glorot  b2: [h]  w3: [h, 1] ~ glorot
    }
    meta eta = theta.initial
    func net(p: theta, x: [n, 2]) {
      return sin(sin(\(scale) * (x @ p.w1 + p.b1)) @ p.w2 + p.b2) @ p.w3 + mean(cos(p.b1))
    }
    inner(x: [n, 2], y: [n, 1]) {
      minimize mean(square(net(theta, x) - y)) by sgd(rate: 0.01) for 3
    }
    outer(xv: [n, 2], yv: [n, 1]) { minimize mean(square(net(theta, xv) - yv)) }
    """
  }

  @Test("are verified", arguments: [DType.f64, .f32], Derivation.allCases)
  func verified(_ dtype: DType, _ derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "sines.mix")
      try Data(Self.spec(scale: "1").utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      var request = VerificationRequest()
      request.usesCache = false
      let report = try Compilation(path: path.path, options: options).verify(request)
      #expect(report.isVerified, "\(report.text)")
    }
  }

  @Test("have finite losses at angles of any size", arguments: [DType.f64, .f32])
  func largeAngles(_ dtype: DType) throws {
    let run = try SpecRunner(Self.spec(scale: "1e30"), dtype: dtype)
    let loss = try run(.innerLoss)["loss"]
    #expect(loss?[0].isFinite == true)
  }
}
