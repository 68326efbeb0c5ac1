// SPDX-License-Identifier: Apache-2.0
//
// Convolution and pooling in specs: values by loops written out, all derivatives by the oracles of
// `verify`, and what is said of wrong arguments.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Convolution")
struct ConvolutionSpecTests {
  /// `y[p, f] = sum over t and c of x[p * stride + t * dilation - low, group(f) * inside + c] k[t, c, f]`.
  private static func convolution(
    _ x: [Double], channels: Int, _ kernel: [Double], size: Int, features: Int, groups: Int,
    stride: Int, dilation: Int, low: Int, count: Int
  ) -> [Double] {
    let inside = channels / groups
    return (0..<count).flatMap { p in
      (0..<features).map { f in
        var sum = 0.0
        for t in 0..<size {
          let place = p * stride + t * dilation - low
          guard place >= 0, place < x.count / channels else { continue }
          for c in 0..<inside {
            let channel = f / (features / groups) * inside + c
            sum += x[place * channels + channel] * kernel[(t * inside + c) * features + f]
          }
        }
        return sum
      }
    }
  }

  @Test(
    "one axis, every stride, dilation, padding and number of groups", arguments: [1, 2, 3], [1, 2])
  func values(stride: Int, dilation: Int) throws {
    for groups in [1, 2] {
      for padding in ["\"same\"", "\"valid\"", "[[2, 1]]"] {
        let span = 2 * dilation + 1
        let total = max(0, ((7 + stride - 1) / stride - 1) * stride + span - 7)
        let (low, high) =
          switch padding {
          case "\"same\"": (total / 2, total - total / 2)
          case "\"valid\"": (0, 0)
          default: (2, 1)
          }
        let count = (low + 7 + high - span) / stride + 1
        let run = try SpecRunner(
          """
          spec one
          params theta { x: [7, 4]  k: [3, \(4 / groups), 6] }
          meta m: [\(count), 6] ~ ones
          inner {
            let y = conv(theta.x, theta.k, stride: \(stride), padding: \(padding),
              dilation: \(dilation), groups: \(groups))
            minimize sum(m * y) by sgd(rate: 0.1) for 1
          }
          outer { minimize sum(theta.x) }
          """)
        let x = (0..<28).map { Double($0 * 5 % 9) - 4 }
        let kernel = (0..<(72 / groups)).map { Double($0 * 3 % 7) - 3 }
        let expected = Self.convolution(
          x, channels: 4, kernel, size: 3, features: 6, groups: groups, stride: stride,
          dilation: dilation, low: low, count: count)
        for element in 0..<(count * 6) {
          var m = [Double](repeating: 0, count: count * 6)
          m[element] = 1
          let loss = try run(.innerLoss, ["theta.x": x, "theta.k": kernel, "m": m])["loss"]?[0]
          #expect(loss == expected[element], "\(padding), \(groups) groups, element \(element)")
        }
      }
    }
  }

  /// A network with every word for images, all of them strided, dilated, grouped or padded.
  static let spec = """
    spec images
    dim n = 2, side = 7, steps = 2
    params theta {
      k1: [3, 3, 2, 4] ~ normal(0, 0.3)  g1: [4] ~ ones  b1: [4]
      k2: [3, 2, 4, 6] ~ normal(0, 0.3)  g2: [6] ~ ones  b2: [6]
      k3: [2, 2, 3, 4] ~ normal(0, 0.3)  g3: [4] ~ ones  b3: [4]
      k4: [3, 2, 3, 4] ~ normal(0, 0.3)
      k5: [3, 4, 2] ~ normal(0, 0.3)
    }
    meta eta = theta.initial
    func net(p: theta, x: [n, side, side, 2]) {
      let a = silu(batch_norm(conv(x, p.k1, stride: 2), p.g1, p.b1))
      let b = tanh(group_norm(conv(a, p.k2, padding: [1, [0, 1]], dilation: [1, 2]), 2, p.g2, p.b2))
      let c = silu(instance_norm(conv(b, p.k3, groups: 2), p.g3, p.b3))
      let d = tanh(conv_transpose(c, p.k4, stride: [2, 1]))
      let e = avg_pool(d, 3, stride: 2, padding: "same") + max_pool(d, [2, 3], stride: 2, padding: "same")
      let f = global_avg_pool(e) + global_max_pool(max_pool(e, 2))
      return conv(f, p.k5[:, :3], padding: "valid")
    }
    inner(x: [n, side, side, 2], y: [1, 2]) {
      minimize mean(square(net(theta, x)[:1] - y)) by sgd(rate: 0.05) for steps
    }
    outer(xv: [n, side, side, 2]) { minimize mean(square(net(theta, xv))) }
    """

  @Test(
    "verify finds all derivatives right", arguments: [DType.f64, .f32], Derivation.allCases)
  func verified(_ dtype: DType, _ derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "images.mix")
      try Data(Self.spec.replacing("dim n = 2", with: "dim n = 3").utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test(
    "wrong arguments are named, with what is right",
    arguments: [
      ("conv(x, zeros([3, 3, 3, 4]))", "the channels of x"),
      ("conv(x, zeros([3, 3, 2, 4]), groups: 3)", "groups"),
      ("conv(x, zeros([9, 9, 2, 4]), padding: \"valid\")", "a window"),
      ("conv(x, zeros([3, 3, 2, 4]), padding: \"full\")", "padding"),
      ("conv(x, zeros([3, 3, 2, 4]), padding: [1, -1])", "padding"),
      ("conv(x, zeros([3, 3, 2, 4]), stride: 0)", "a size"),
      ("conv(x, zeros([3, 3, 2, 4]), stride: [1, 2, 3])", "a stride"),
      ("conv(x, zeros([3, 2]))", "kernel"),
      ("max_pool(x, 9)", "a window"),
      ("avg_pool(x, [2, 2, 2, 2])", "x"),
    ])
  func errors(_ call: String, _ named: String) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "wrong.mix")
      let text = """
        spec wrong
        params theta { w: [2] }
        meta eta = theta.initial
        inner(x: [2, 7, 7, 2]) { minimize sum(\(call)) + sum(theta.w) by sgd(rate: 0.1) for 1 }
        outer { minimize sum(theta.w) }
        """
      try Data(text.utf8).write(to: path)
      let failure = #expect(throws: CompilationFailure.self) {
        try Compilation(path: path.path, options: BuildOptions()).problem()
      }
      let found = failure?.diagnostics.diagnostics.first?.text ?? ""
      #expect(found.contains(named), "\(found)")
    }
  }
}
