// SPDX-License-Identifier: Apache-2.0
//
// Libraries for the plainest processor of this kind: no fused multiply-add, no instruction for
// `floor`. Every elementwise op links without libm there, and computes what the interpreter does, at
// special values too.

import CEmission
import Foundation
import Interpreter
import TensorIR
import Testing
import Toolchain

/// What the plainest machine is called.
enum PlainMachine {
  #if arch(x86_64)
    static let names = ["x86-64"]
  #else
    static let names: [String] = []
  #endif
}

@Suite("the plainest processor")
struct PlainMachineTests {
  /// Zeros, halves, the ends of the range in which a float type has fractions, what is hard for
  /// sines, and what is no number.
  private static let values: [Double] = {
    let sizes: [Double] = [
      0, 1e-40, 1e-30, 0.3, 0.5, 0.7, 1, 1.5, 2.5, 3, 11, 88, 267.035_38, 309.447, 0x1p22 + 0.5,
      0x1p23 - 0.5, 0x1p23, 0x1p23 + 1, 0x1p24 + 2, 0x1p31, 0x1p51 + 0.5, 0x1p52 - 0.5, 0x1p52,
      0x1p53 + 2, 1e30, .infinity,
    ]
    return sizes + sizes.map { -$0 } + [.nan]
  }()

  private static let pairs = values.flatMap { x in values.map { (x, $0) } }

  /// An op of two operands, by name.
  private struct Case {
    let name: String
    let graph: Graph
    /// How far a result may be off, in units of its last place: what the helpers state, and one
    /// for the interpreter's own rounding; nil where it must be the very bits.
    var units: Double?
    /// Whether either zero will do.
    var ignoresSignOfZero = false
    /// Pairs that it says nothing about.
    var isExcluded: (Double, Double) -> Bool = { _, _ in false }
  }

  private static func cases(_ dtype: DType) -> [Case] {
    let type = TensorType([pairs.count], dtype)
    func made(_ build: (GraphBuilder, ValueID, ValueID) -> ValueID) -> Graph {
      graph([type, type]) { b, x in [build(b, x[0], x[1])] }
    }
    let unary = UnaryFunction.allCases.map { function in
      Case(
        name: function.rawValue, graph: made { b, x, _ in b.unary(function, x) },
        units: function.isExact ? nil : 8)
    }
    let binary = BinaryFunction.allCases.filter(\.isForFloats).map { function in
      let isPower = function == .power
      return Case(
        name: function.rawValue, graph: made { b, x, y in b.add(.binary(function), x, y) },
        units: isPower ? 3 : nil, ignoresSignOfZero: function == .maximum || function == .minimum,
        // The sign of a zero base is ignored.
        isExcluded: { x, _ in isPower && x == 0 && x.sign == .minus })
    }
    let comparisons = Comparison.allCases.map { comparison in
      Case(
        name: "\(comparison)",
        graph: made { b, x, y in b.select(b.compare(comparison, x, y), x, b.constant(7, like: x)) })
    }
    let other: DType = dtype == .f32 ? .f64 : .f32
    let conversions = [
      Case(
        name: "to \(other.rawValue) and back",
        graph: made { b, x, _ in b.convert(b.convert(x, to: other), to: dtype) },
        // The interpreter computes in one precision.
        isExcluded: { x, _ in dtype == .f64 && x != Double(Float(x)) }),
      Case(
        name: "to i32 and back",
        graph: made { b, x, _ in b.convert(b.convert(x, to: .i32), to: dtype) },
        isExcluded: { x, _ in !(x.magnitude < 0x1p31) }),
    ]
    return unary + binary + comparisons + conversions
  }

  @Test(
    "every elementwise op links without libm and is right", arguments: PlainMachine.names,
    [DType.f32, .f64])
  func elementwise(_ processor: String, _ dtype: DType) throws {
    let cases = Self.cases(dtype)
    let compiled = try CompiledGraphs(cases.map(\.graph), for: .named(processor))
    let type = TensorType([Self.pairs.count], dtype)
    let inputs = [Self.pairs.map(\.0), Self.pairs.map(\.1)].map { elements in
      NumericArray(type, dtype == .f32 ? elements.map { Double(Float($0)) } : elements)
    }
    let precision = dtype == .f32 ? Precision.float32 : .float64
    let unit = dtype == .f32 ? 0x1p-24 : 0x1p-53
    let least = dtype == .f32 ? Double(Float.leastNonzeroMagnitude) : .leastNonzeroMagnitude
    for (index, test) in cases.enumerated() {
      let found = try compiled.call(index, inputs)[0].elements
      let expected = try Evaluator(precision: precision).evaluate(test.graph, inputs: inputs)[0]
        .elements
      let wrong = found.indices.filter { place in
        let (x, y) = (inputs[0].elements[place], inputs[1].elements[place])
        let (right, value) = (expected[place], found[place])
        if test.isExcluded(x, y) || right.isNaN && value.isNaN { return false }
        guard let units = test.units else {
          return right != value || !test.ignoresSignOfZero && right.sign != value.sign
        }
        return right != value && !(abs(right - value) <= 2 * units * unit * abs(right) + 2 * least)
      }
      let first = wrong.first.map {
        "of \(inputs[0].elements[$0]), \(inputs[1].elements[$0]) is \(found[$0]), not \(expected[$0])"
      }
      #expect(wrong.isEmpty, "\(test.name) \(first ?? "")")
    }
  }

  @Test("an object needs nothing but functions of libc", arguments: PlainMachine.names)
  func undefinedSymbols(processor: String) throws {
    let target = try TargetDescription.named(processor)
    let graphs = [DType.f32, .f64].flatMap { Self.cases($0).map(\.graph) }
    let library = emitLibrary(
      named: "test",
      entryPoints: graphs.enumerated().map { scheduled($1, named: "graph\($0)", for: target) },
      banner: [])
    let units = try compile([CSource(name: "test.c", text: library.source)], for: target)
    let undefined = try Self.undefinedSymbols(of: units[0].bytes)
    #expect(undefined.isSubset(of: ["memcpy", "memmove", "memset"]), "\(undefined)")
    // The reader of symbols finds one that is there.
    let caller = CSource(
      name: "caller.c", text: "float floorf(float);\nfloat f(float x) { return floorf(x); }\n")
    #expect(
      try Self.undefinedSymbols(of: compile([caller], for: target)[0].bytes) == ["floorf"])
  }

  private static func undefinedSymbols(of object: [UInt8]) throws -> Set<String> {
    let file = FileManager.default.temporaryDirectory
      .appending(path: "mixfuse-test-\(UUID().uuidString).o")
    try Data(object).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["nm", "--undefined-only", "--format=just-symbols", file.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return Set(String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init))
  }
}

extension UnaryFunction {
  /// Whether the result is the correctly rounded one.
  fileprivate var isExact: Bool {
    switch self {
    case .negate, .sqrt, .abs, .sign, .floor: true
    case .exp, .expm1, .log, .log1p, .rsqrt, .tanh, .logistic, .softplus, .sin, .cos, .erf, .erfc,
      .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh:
      false
    }
  }
}
