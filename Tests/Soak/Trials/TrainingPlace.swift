// SPDX-License-Identifier: Apache-2.0
//
// A small training run that the trials on files have in common.

import Foundation
import MixFuseRuntime
import TestSupport

/// A spec, its data and the flags of its training, in a place.
struct TrainingRun {
  let place: Place
  let flags: [String]

  static let spec = """
    spec small
    dim n = 3, h = 2, steps = 2, tasks = 2
    params theta { w: [n, h] ~ normal(0, 0.5)  b: [h] }
    meta eta = theta.initial
    meta rate: [] ~ constant(-2)
    inner(x: [4, n], y: [4, h]) {
      minimize mean_squared_error(tanh(x @ theta.w + theta.b), y)
      by momentum(rate: exp(rate), decay: 0.5) for steps
    }
    outer(x_val: [4, n], y_val: [4, h]) {
      minimize mean_squared_error(tanh(x_val @ theta.w + theta.b), y_val)
    }
    batch tasks

    """

  /// Writes the spec and its data.
  init(in place: Place, _ generator: inout SeededGenerator) throws {
    self.place = place
    try place.write(CaseFile("small.mix", Self.spec))
    var arrays = NamedArrays()
    for (name, width) in [("x", 3), ("y", 2), ("x_val", 3), ("y_val", 2)] {
      let values = (0..<(12 * 4 * width)).map { _ in
        Float(Double.random(in: -1...1, using: &generator))
      }
      arrays[name] = try NDArray(values, shape: [12, 4, width])
    }
    try ArrayFile.write(arrays, to: place.file("data.npz"))
    let optimizer = generator.choose(["sgd", "momentum", "adam", "adamw", "rmsprop", "nesterov"])
    flags = ["--optimizer", optimizer, "--rate", "0.01", "--threads", "1"]
  }

  func arguments(steps: Int, out: String, _ more: [String] = []) -> [String] {
    ["train", "small.mix", "--data", "data.npz", "--out", out, "--outer-steps", "\(steps)"]
      + flags + more
  }

  /// What a run has brought about: the checkpoint's bytes, and the log without its times.
  func result(_ out: String) -> [String] {
    let log = String(decoding: place.bytes("\(out)/log.csv") ?? [], as: UTF8.self)
    let lines = log.split(separator: "\n")
    let timeColumn = lines.first?.split(separator: ",").firstIndex { $0.contains("second") }
    let rows = lines.map { line in
      line.split(separator: ",").enumerated().filter { $0.offset != timeColumn }
        .map { String($0.element) }.joined(separator: ",")
    }
    return ["\(place.bytes("\(out)/checkpoint.npz") ?? [])"] + rows
  }

  /// What a folder must not hold: files that were begun and not finished.
  func leftovers(_ out: String) -> [String] {
    let folders = [out, "\(out)/library"]
    return folders.flatMap { place.names(in: $0) }
      .filter { $0.hasSuffix(".partial") || $0.hasSuffix(".tmp") }
  }
}
