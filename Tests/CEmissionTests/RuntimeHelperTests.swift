// SPDX-License-Identifier: Apache-2.0
//
// Tests of the fixed C helpers in Templates/runtime: each compiles with what it requires, the
// mathematical functions keep the error that their header states, treat zero, infinity and NaN as
// mathematics does, and a plain loop over them runs in vector lanes. References are the C
// library's functions one precision higher.

import CEmission
import Foundation
import Testing

@Suite("runtime helpers")
struct RuntimeHelperTests {
  static let functions = [
    "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "erfc", "logistic", "softplus",
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh",
  ]
  static let elements = ["f32", "f64"]

  @Test("every helper compiles with its requirements", arguments: RuntimeHelpers.symbols)
  func compiles(_ symbol: String) throws {
    // A header's own function may be unused here; anything else is an error.
    let library = try CompiledLibrary(
      source([symbol]),
      flags: ["-O1", "-Wno-unused-function"] + CompiledLibrary.machineFlags(vectorBytes: 64))
    #expect(library.remarks.isEmpty)
    let lines = RuntimeHelpers.text(of: symbol).split(separator: "\n")
    #expect(lines.first == "// \(symbol)")
    #expect(lines.allSatisfy { $0.count <= 100 })
  }

  @Test("functions keep their stated error", arguments: functions, elements)
  func error(_ function: String, _ element: String) throws {
    let symbol = "mf_\(function)_\(element)"
    let stated = try #require(statedError(symbol))
    let measured = try harness(function, element).function(
      "largest_error", as: (@convention(c) () -> Double).self)()
    #expect(measured < stated, "\(symbol): \(measured) ULP")
    #expect(measured > 0.4, "an error this small means that nothing was compared")
  }

  @Test("sines and cosines keep their stated error at any argument", arguments: elements)
  func farAngles(_ element: String) throws {
    for function in ["sin", "cos"] {
      let symbol = "mf_\(function)_far_\(element)"
      let stated = try #require(statedError(symbol))
      let library = try harness("\(function)_far", element, largestExponent: 1023)
      let measured = try library.function(
        "largest_error", as: (@convention(c) () -> Double).self)()
      #expect(measured < stated, "\(symbol): \(measured) ULP")
      let value = try library.function("value", as: (@convention(c) (Double) -> Double).self)
      for x in [Double.infinity, -.infinity, .nan] { #expect(value(x).isNaN) }
      let isFar = try CompiledLibrary(
        source(["mf_is_far_\(element)"])
          + "uint64_t is_far(double x) { return mf_is_far_\(element)((\(Self.real(element)))x); }\n",
        flags: Self.flags
      ).function("is_far", as: (@convention(c) (Double) -> UInt64).self)
      let edge = element == "f32" ? 0x1p22 : 0x1p50
      #expect([0, -edge, edge].allSatisfy { isFar($0) == 0 })
      #expect([2 * edge, -2 * edge, .infinity, .nan].allSatisfy { isFar($0) == 1 })
    }
  }

  @Test("functions treat special values as mathematics does", arguments: elements)
  func specialValues(_ element: String) throws {
    let infinity = Double.infinity
    let expected: [(String, Double, Double)] = [
      ("exp", 0, 1), ("exp", infinity, infinity), ("exp", -infinity, 0), ("exp", 1e9, infinity),
      ("exp", -1e9, 0), ("expm1", 0, 0), ("expm1", infinity, infinity), ("expm1", -infinity, -1),
      ("log", 0, -infinity), ("log", infinity, infinity), ("log", 1, 0), ("log", -1, .nan),
      ("log1p", 0, 0), ("log1p", -1, -infinity), ("log1p", infinity, infinity),
      ("log1p", -2, .nan), ("tanh", 0, 0), ("tanh", infinity, 1), ("tanh", -infinity, -1),
      ("sin", 0, 0), ("sin", infinity, .nan), ("cos", 0, 1), ("cos", -infinity, .nan),
      ("erf", 0, 0), ("erf", infinity, 1), ("erf", -infinity, -1), ("erfc", 0, 1),
      ("erfc", infinity, 0), ("erfc", -infinity, 2), ("logistic", 0, 0.5),
      ("logistic", infinity, 1), ("logistic", -infinity, 0), ("softplus", infinity, infinity),
      ("softplus", -infinity, 0), ("asin", 0, 0), ("asin", 2, .nan), ("asin", -1.5, .nan),
      ("acos", 1, 0), ("acos", 2, .nan), ("acos", -1.5, .nan), ("atan", 0, 0), ("sinh", 0, 0),
      ("sinh", infinity, infinity), ("sinh", -infinity, -infinity), ("cosh", 0, 1),
      ("cosh", infinity, infinity), ("cosh", -infinity, infinity), ("asinh", 0, 0),
      ("asinh", infinity, infinity), ("asinh", -infinity, -infinity), ("acosh", 1, 0),
      ("acosh", 0.5, .nan), ("acosh", -2, .nan), ("acosh", -1e12, .nan),
      ("acosh", infinity, infinity), ("atanh", 0, 0), ("atanh", 1, infinity),
      ("atanh", -1, -infinity), ("atanh", 1.5, .nan), ("atanh", -1.5, .nan),
    ]
    for function in Self.functions {
      let value = try harness(function, element).function(
        "value", as: (@convention(c) (Double) -> Double).self)
      #expect(value(.nan).isNaN, "\(function)(nan)")
      for (_, x, y) in expected.filter({ $0.0 == function }) {
        let found = value(x)
        #expect(found == y || (found.isNaN && y.isNaN), "\(function)(\(x)) = \(found)")
      }
    }
  }

  @Test("powers keep their stated error and their special values", arguments: elements)
  func powers(_ element: String) throws {
    let stated = try #require(statedError("mf_pow_\(element)"))
    let library = try CompiledLibrary(powerHarness(element), flags: Self.flags)
    let measured = try library.function(
      "largest_error", as: (@convention(c) () -> Double).self)()
    #expect(measured < stated)
    let value = try library.function(
      "value", as: (@convention(c) (Double, Double) -> Double).self)
    let infinity = Double.infinity
    for x in [0, 0.5, 1, 2, 3, infinity, -infinity, -1, -2, -0.5, .nan] {
      for y in [0, 1, 2, 3, -1, -2, 0.5, 1.5, -0.5, infinity, -infinity, .nan] {
        let (found, expected) = (value(x, y), pow(x, y))
        let isClose = abs(found - expected) <= 1e-6 * abs(expected)
        #expect(
          found == expected || isClose || (found.isNaN && expected.isNaN),
          "pow(\(x), \(y)) = \(found), not \(expected)")
      }
    }
    // Just beyond the largest number, and far beyond; at both ends.
    let largest = element == "f32" ? Double(Float.greatestFiniteMagnitude) : 0x1p1023 * 1.999
    for step in 1...200 {
      let x = 1.5 + Double(step)
      let y = (log(largest) + 0.4 + Double(step) * 0.3) / log(x)
      #expect(value(x, y) == infinity, "pow(\(x), \(y)) = \(value(x, y))")
      #expect(value(x, -y) < 1 / largest * 2, "pow(\(x), \(-y)) = \(value(x, -y))")
    }
  }

  @Test(
    "a plain loop over a function runs in vector lanes", arguments: functions + ["pow"], elements)
  func vectorises(_ function: String, _ element: String) throws {
    let symbol = "mf_\(function)_\(element)"
    let arguments = function == "pow" ? "x[i], x[i + n]" : "x[i]"
    let real = Self.real(element)
    let text =
      source([symbol])
        + """
        void apply(const \(real) *restrict x, \(real) *restrict y, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            y[i] = \(symbol)(\(arguments));
          }
        }

        """
    let library = try CompiledLibrary(
      text, flags: Self.flags.filter { $0 != "-O2" } + ["-O3", "-Rpass=loop-vectorize"])
    #expect(library.remarks.contains("vectorized loop"), "\(symbol)")
  }

  // MARK: harness

  @Test("quotients of whole numbers are rounded down, and no division traps")
  func floorDivide() throws {
    let divide = try CompiledLibrary(
      source(["mf_floor_divide_i32"])
        + "int32_t divide(int32_t a, int32_t b) { return mf_floor_divide_i32(a, b); }\n",
      flags: Self.flags
    ).function("divide", as: (@convention(c) (Int32, Int32) -> Int32).self)
    for a in Int32(-9)...9 {
      for b in Int32(-4)...4 where b != 0 {
        #expect(Double(divide(a, b)) == (Double(a) / Double(b)).rounded(.down), "\(a) div \(b)")
      }
      #expect(divide(a, 0) == 0)
    }
    #expect(divide(.min, -1) == .min)
    #expect(divide(.min, 3) == -715_827_883)
    #expect(divide(.max, -2) == -1_073_741_824)
  }

  private static let flags = ["-O2"] + CompiledLibrary.machineFlags(vectorBytes: 64)

  private static func real(_ element: String) -> String { element == "f32" ? "float" : "double" }

  /// The helpers `symbols` with what they require, as the start of a C file.
  private func source(_ symbols: Set<String>) -> String {
    "#include <stdint.h>\n#include <math.h>\n#include <string.h>\n"
      + RuntimeHelpers.closure(of: symbols).map(RuntimeHelpers.text(of:)).joined(separator: "\n")
  }

  /// The number in "Error below 1.1 ULP" in a helper's header.
  private func statedError(_ symbol: String) -> Double? {
    let text = RuntimeHelpers.text(of: symbol).replacing("\n// ", with: " ")
    guard let match = text.firstMatch(of: /Error below ([0-9.]+) ULP/) else { return nil }
    return Double(match.1)
  }

  /// A library with `largest_error`, over arguments of all exponents, and `value`.
  private func harness(
    _ function: String, _ element: String, largestExponent: Int = 10
  ) throws -> CompiledLibrary {
    let (real, wide) = element == "f32" ? ("float", "double") : ("double", "long double")
    let suffix = element == "f32" ? "" : "l"
    let reference =
      switch function {
      case "logistic": "1 / (1 + exp\(suffix)(-x))"
      case "softplus": "(x > 0 ? x : 0) + log1p\(suffix)(exp\(suffix)(-fabs\(suffix)(x)))"
      default: "\(function.replacing("_far", with: ""))\(suffix)(x)"
      }
    let text =
      source(["mf_\(function)_\(element)"]) + Self.unitInTheLastPlace(element)
        + """
        double value(double x) { return mf_\(function)_\(element)((\(real))x); }

        double largest_error(void) {
          double worst = 0;
          uint64_t state = 1;
          for (int64_t i = 0; i < 3000000; ++i) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            const double fraction = (double)(state >> 11) * 0x1p-53;
            // Magnitudes of 2^-40 to 2^10 or more and, every other time, of order one.
            const double scale =
                i % 2 == 0 ? exp2(fraction * \(largestExponent + 40) - 40) : fraction * 4;
            const \(real) argument = (\(real))((state & 1024) != 0 ? scale : -scale);
            const \(wide) x = argument;
            const \(wide) expected = \(reference);
            if (!isnormal((\(real))expected) || isinf(argument)) {
              continue;
            }
            const double error = errors(mf_\(function)_\(element)(argument), expected);
            worst = error <= worst ? worst : error;
          }
          return worst;
        }

        """
    return try CompiledLibrary(text, flags: Self.flags)
  }

  private func powerHarness(_ element: String) -> String {
    let (real, wide) = element == "f32" ? ("float", "double") : ("double", "long double")
    let reference = element == "f32" ? "pow" : "powl"
    return source(["mf_pow_\(element)"]) + Self.unitInTheLastPlace(element)
      + """
      double value(double x, double y) { return mf_pow_\(element)((\(real))x, (\(real))y); }

      double largest_error(void) {
        double worst = 0;
        uint64_t state = 1;
        for (int64_t i = 0; i < 1000000; ++i) {
          state = state * 6364136223846793005u + 1442695040888963407u;
          const double fraction = (double)(state >> 11) * 0x1p-53;
          state = state * 6364136223846793005u + 1442695040888963407u;
          const double other = (double)(state >> 11) * 0x1p-52 - 1;
          const \(real) x = (\(real))exp2(fraction * 40 - 20);
          const \(real) y = (\(real))(other * (i % 2 == 0 ? 3 : 40));
          const \(wide) expected = \(reference)(x, y);
          if (!isnormal((\(real))expected)) {
            continue;
          }
          const double error = errors(mf_pow_\(element)(x, y), expected);
          worst = error <= worst ? worst : error;
        }
        return worst;
      }

      """
  }

  /// C text: the distance of two numbers in units in the last place of the second.
  private static func unitInTheLastPlace(_ element: String) -> String {
    let digits = element == "f32" ? 24 : 53
    return """

      static double errors(long double found, long double expected) {
        int exponent = 0;
        (void)frexpl(expected, &exponent);
        return (double)(fabsl(found - expected) / ldexpl(1, exponent - \(digits)));
      }

      """
  }
}
