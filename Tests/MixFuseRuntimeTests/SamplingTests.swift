// SPDX-License-Identifier: Apache-2.0
//
// Drawing inputs: the generator against its published test vectors, every kind of initialiser, and
// what the values depend on.

import Testing

@testable import MixFuseRuntime

@Suite("drawing inputs")
struct SamplingTests {
  private func draw(
    _ initializer: Initializer, shape: [Int] = [100, 200], name: String = "x",
    seed: UInt64 = 5, as elementType: ElementType = .float64
  ) throws -> NDArray {
    let array = Manifest.ArrayDescription(
      name: name, cName: "x", elementType: elementType, shape: shape,
      initializer: initializer)
    return try InputSampler(seed: seed).draw(array)
  }

  private func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    return (mean, variance.squareRoot())
  }

  @Test("the generator gives the published numbers")
  func testVectors() {
    // Random123 1.14, tests/kat_vectors, philox4x32 10.
    #expect(
      CounterGenerator.philox(.zero, key: .zero)
        == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    #expect(
      CounterGenerator.philox(.init(repeating: .max), key: .init(repeating: .max))
        == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      CounterGenerator.philox(
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], key: [0xa409_3822, 0x299f_31d0])
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  @Test("constants and counting")
  func fixedKinds() throws {
    #expect(try draw(.zeros, shape: [2]).doubles() == [0, 0])
    #expect(try draw(.ones, shape: [2], as: .int32).doubles() == [1, 1])
    #expect(try draw(.constant(0.5), shape: []).doubles() == [0.5])
    #expect(try draw(.iota, shape: [2, 3], as: .int32).doubles() == [0, 1, 2, 0, 1, 2])
    #expect(try draw(.iota, shape: []).doubles() == [0])
  }

  @Test("random kinds have the moments they should have")
  func randomKinds() throws {
    let normal = moments(try draw(.normal(mean: 3, deviation: 2)).doubles())
    #expect(abs(normal.mean - 3) < 0.05)
    #expect(abs(normal.deviation - 2) < 0.05)
    let he = moments(try draw(.he).doubles())
    #expect(abs(he.mean) < 0.004)
    #expect(abs(he.deviation - (2.0 / 100).squareRoot()) < 0.003)
    let glorot = try draw(.glorot).doubles()
    let limit = (6.0 / 300).squareRoot()
    #expect(glorot.allSatisfy { abs($0) <= limit })
    #expect(abs(moments(glorot).deviation - limit / 3.0.squareRoot()) < 0.002)
    let uniform = try draw(.uniform(low: -1, high: 3)).doubles()
    #expect(uniform.allSatisfy { (-1..<3).contains($0) })
    #expect(abs(moments(uniform).mean - 1) < 0.03)
  }

  @Test("integers cover their range evenly, without its end")
  func integers() throws {
    let values = try draw(.integers(low: -2, high: 3), as: .int32).elements(as: Int32.self)
    for value in Int32(-2)..<3 {
      let share = Double(values.count { $0 == value }) / Double(values.count)
      #expect(abs(share - 0.2) < 0.015)
    }
    #expect(values.allSatisfy { (-2..<3).contains($0) })
  }

  @Test("values depend on seed and name, and on nothing else")
  func dependence() throws {
    let normal = Initializer.normal(mean: 0, deviation: 1)
    let values = try draw(normal)
    #expect(try draw(normal) == values)
    #expect(try draw(normal, name: "y") != values)
    #expect(try draw(normal, seed: 6) != values)
    #expect(try draw(normal, as: .float32) == values.converted(to: .float32))
  }

  @Test("all inputs of an entry point are drawn")
  func entryPoint() throws {
    let manifest = try Manifest(text: SampleLibrary.manifestText(), path: "sample.so")
    let inputs = try InputSampler(seed: manifest.seed).inputs(of: manifest.entryPoints[0])
    #expect(inputs.map(\.array.description) == ["f32 [2, 3]", "f32 []", "i32 [2]"])
    let error = #expect(throws: RuntimeError.self) {
      try InputSampler(seed: 0).inputs(of: manifest.entryPoints[2])
    }
    #expect(
      error?.description == "x: cannot draw a value: the spec gives it no initialiser")
  }

  @Test("initialisers that cannot be used are reported")
  func unusable() {
    let cases: [(Initializer, String)] = [
      (.normal(mean: 0, deviation: -1), "normal needs a standard deviation of at least 0"),
      (.uniform(low: 2, high: 1), "uniform needs low <= high, found 2.0, 1.0"),
      (.integers(low: 0, high: 0), "integers needs whole numbers low < high, found 0.0, 0.0"),
      (.integers(low: 0, high: .nan), "integers needs whole numbers low < high, found 0.0, nan"),
    ]
    for (initializer, reason) in cases {
      let error = #expect(throws: RuntimeError.self) { try draw(initializer) }
      #expect(error?.description.hasPrefix("x: cannot draw a value: \(reason)") == true)
    }
  }
}

@Suite("measuring")
struct MeasurementTests {
  @Test("the stopwatch runs forwards")
  func stopwatch() {
    let watch = Stopwatch()
    let first = watch.seconds
    #expect(first >= 0)
    #expect(watch.seconds >= first)
  }

  @Test("the peak of memory is at least what is used now")
  func memory() throws {
    let resident = try #require(ProcessMemory.residentBytes)
    let peak = try #require(ProcessMemory.peakResidentBytes)
    #expect(resident > 1 << 20)
    #expect(peak >= resident - (1 << 20))
  }
}
