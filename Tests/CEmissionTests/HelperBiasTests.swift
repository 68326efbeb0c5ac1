// SPDX-License-Identifier: Apache-2.0
//
// Rounding errors of the mathematical helpers have no direction. A small error that always goes the
// same way adds up over the steps of a long trajectory, where one of either sign would not. The
// reference is the C library one precision higher.

import CEmission
import Foundation
import Testing

@Suite("bias of runtime helpers")
struct HelperBiasTests {
  /// Ranges in which a function runs through different code, or errors have room to lean.
  static let ranges: [(function: String, low: Double, high: Double)] = [
    ("exp", -1, 0), ("exp", -5, 5), ("exp", -80, 80), ("expm1", -1, 0), ("expm1", -5, 5),
    ("log", 0.01, 1), ("log", 1, 2), ("log", 2, 1000), ("log1p", -0.5, 0.5),
    ("log1p", 0.5, 100), ("tanh", 0.001, 0.3), ("tanh", 0.3, 0.625), ("tanh", 0.625, 1),
    ("tanh", 1, 3), ("logistic", -5, 0), ("logistic", 0, 5),
  ]

  @Test("the mean signed error is a small part of a unit in the last place")
  func meanError() throws {
    let functions = Set(Self.ranges.map(\.function)).sorted()
    let symbols = Set(functions.map { "mf_\($0)_f32" })
    let text =
      "#include <stdint.h>\n#include <math.h>\n#include <string.h>\n"
      + RuntimeHelpers.closure(of: symbols).map(RuntimeHelpers.text(of:)).joined(separator: "\n")
      + functions.map(harness).joined(separator: "\n")
    let library = try CompiledLibrary(
      text, flags: ["-O2"] + CompiledLibrary.machineFlags(vectorBytes: 64))
    for (function, low, high) in Self.ranges {
      let mean = try library.function(
        "mean_\(function)", as: (@convention(c) (Double, Double) -> Double).self)
      let error = mean(low, high)
      #expect(abs(error) < 0.05, "\(function) from \(low) to \(high): \(error) ULP")
      #expect(error != 0, "nothing was compared")
    }
  }

  private func harness(_ function: String) -> String {
    let reference = function == "logistic" ? "1 / (1 + exp(-x))" : "\(function)(x)"
    return """

      double mean_\(function)(double low, double high) {
        double sum = 0;
        uint64_t state = 7;
        const int64_t count = 400000;
        for (int64_t i = 0; i < count; ++i) {
          state = state * 6364136223846793005u + 1442695040888963407u;
          const float argument = (float)(low + (high - low) * ((double)(state >> 11) * 0x1p-53));
          const double x = argument;
          const double expected = \(reference);
          int exponent = 0;
          (void)frexp(expected, &exponent);
          sum += (mf_\(function)_f32(argument) - expected) / ldexp(1, exponent - 24);
        }
        return sum / (double)count;
      }
      """
  }
}
