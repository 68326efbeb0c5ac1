// SPDX-License-Identifier: Apache-2.0
//
// A warning is printed once by every command, however often the command looks at the spec.

import Foundation
import MixFuseRuntime
import Testing

@Suite("warnings")
struct WarningCommandTests {
  /// A spec with two warnings, one of a function that is called twice.
  private static let spec = """
    spec warned
    dim n = 4, steps = 2, spare = 3
    params theta { w: [n] }
    meta lr: [] ~ constant(0.1)
    func loss(w: [n], x: [n]) -> [] {
      for i in n { let twice = 2 * i }
      return sum(square(w - x))
    }
    inner(x: [n]) { minimize loss(theta.w, x) by sgd(rate: lr) for steps }
    outer(y: [n]) { minimize loss(theta.w, y) }
    """

  private static let commands: [[String]] = [
    ["build", "-o", "out"], ["build", "-o", "out", "--no-cache", "--memory", "1MiB"],
    ["verify", "--threads", "1"], ["verify", "--memory", "1MiB", "--dtype", "f64"],
    ["plan"], ["plan", "--memory", "1MiB"], ["plan", "--json"],
    ["train", "--data", "data.npz", "--outer-steps", "2", "--out", "results"],
    ["bench", "--ablation", "--repeat", "1"], ["bench", "--profile", "--repeat", "1"],
    ["sweep", "--vary", "steps=1,2"],
  ]

  private static let stages = ["ir", "gradient", "meta-gradient", "kernels", "c", "llvm", "asm"]

  @Test("are printed once", arguments: commands + stages.map { ["dump", "--stage", $0] })
  func once(command: [String]) throws {
    let place = try Workplace()
    _ = try place.write(Self.spec, as: "warned.mix")
    var data = NamedArrays()
    for name in ["x", "y"] {
      data[name] = try NDArray([Float](repeating: 0.5, count: 20), shape: [5, 4])
    }
    try ArrayFile.write(data, to: place.file("data.npz"))
    let process = try place.start([command[0], "warned.mix"] + command.dropFirst())
    process.waitUntilExit()
    let result = place.result(of: process)
    #expect(result.exitCode == 0, "\(result.errors)")
    let warnings = result.errors.split(separator: "\n").filter { $0.contains(": warning: ") }
    #expect(
      warnings.sorted() == [
        "warned.mix:2:23: warning: the dimension spare is never used [unused]",
        "warned.mix:6:3: warning: the loop assigns no variable from outside, so it does nothing"
          + " [loop.effect]",
      ], "\(result.errors)")
  }
}
