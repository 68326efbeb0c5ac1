// SPDX-License-Identifier: Apache-2.0
//
// Arrays as values: shapes, sharing, conversion between element types, NaNs.

import MixFuseRuntime
import Testing

@Suite("arrays")
struct NDArrayTests {
  @Test("an array keeps its elements in C order")
  func elements() throws {
    let array = try NDArray([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(array.description == "f32 [2, 3]")
    #expect(array.count == 6)
    #expect(array.byteCount == 24)
    #expect(try array.elements(as: Float.self) == [1, 2, 3, 4, 5, 6])
    #expect(try array.reshaped(to: [3, 2]).elements(as: Float.self) == [1, 2, 3, 4, 5, 6])
  }

  @Test("a scalar has one element and an empty shape")
  func scalar() throws {
    let scalar = try NDArray(scalar: 2.5)
    #expect(scalar.shape == [])
    #expect(scalar.scalarValue == 2.5)
    #expect(try NDArray(zeros: [2], elementType: .int32).scalarValue == nil)
  }

  @Test("changing a copy leaves the original alone")
  func copyOnWrite() throws {
    let original = try NDArray([1, 2] as [Double], shape: [2])
    var copy = original
    try copy.withUnsafeMutableElements(of: Double.self) { $0[0] = 9 }
    #expect(original.doubles() == [1, 2])
    #expect(copy.doubles() == [9, 2])
  }

  @Test("an array that nobody shares is changed where it is")
  func changeInPlace() throws {
    var array = try NDArray(zeros: [4], elementType: .float32)
    let before = array.withUnsafeBytes { $0.baseAddress }
    try array.withUnsafeMutableElements(of: Float.self) { $0[0] = 1 }
    #expect(array.withUnsafeBytes { $0.baseAddress } == before)
  }

  @Test("elements are aligned to 64 bytes", arguments: [0, 1, 100, 1 << 20])
  func alignment(count: Int) throws {
    let array = try NDArray(zeros: [count], elementType: .float32)
    #expect(array.withUnsafeBytes { Int(bitPattern: $0.baseAddress) % 64 } == 0)
    #expect(array.doubles().allSatisfy { $0 == 0 })
  }

  @Test("wrong counts and impossible shapes are errors")
  func wrongShapes() throws {
    #expect(throws: RuntimeError.arrayCount(shape: [3], expected: 3, found: 2)) {
      try NDArray([1, 2] as [Float], shape: [3])
    }
    for shape in [[-1], [1 << 40, 1 << 40], [0, 1 << 62, 1 << 62], [Int.max]] {
      #expect(throws: RuntimeError.arrayShape(shape)) {
        try NDArray(zeros: shape, elementType: .float64)
      }
    }
  }

  @Test("memory that does not exist is an error and no crash")
  func memoryExhausted() throws {
    #expect {
      try NDArray(zeros: [1 << 50], elementType: .float64)
    } throws: { error in
      guard case .memoryExhausted(_, let bytes)? = error as? RuntimeError else {
        return false
      }
      return bytes == 1 << 53
    }
  }

  @Test("asking for elements of another type is an error")
  func wrongElementType() throws {
    let array = try NDArray(zeros: [2], elementType: .float32)
    #expect(throws: RuntimeError.self) { try array.elements(as: Double.self) }
  }

  @Test("doubles are rounded to floats, and integers stay exact")
  func conversions() throws {
    let doubles = try NDArray([0.1, 3, -7], shape: [3])
    #expect(try doubles.converted(to: .float32).elements(as: Float.self) == [0.1, 3, -7])
    let large = try NDArray([Int64.max, -5], shape: [2])
    #expect(try large.converted(to: .int64) == large)
    #expect(try large.converted(to: .float64).doubles() == [0x1p63, -5])
    let whole = try NDArray([1.0, 0.0], shape: [2])
    #expect(try whole.converted(to: .bool).elements(as: Bool.self) == [true, false])
    #expect(try whole.converted(to: .uint8).elements(as: UInt8.self) == [1, 0])
    #expect(try whole.converted(to: .int32).elements(as: Int32.self) == [1, 0])
  }

  @Test("a conversion that would lose a value names the first such element")
  func lossyConversions() throws {
    let cases: [(NDArray, ElementType, String)] = [
      (try NDArray([1, 2.5], shape: [1, 2]), .int32, "2.5 at [0, 1] does not fit"),
      (try NDArray([Int64(1) << 40], shape: [1]), .int32, "1099511627776.0 at [0] does not fit"),
      (try NDArray([Double.nan], shape: []), .int64, "nan at [] does not fit"),
      (try NDArray([2] as [UInt8], shape: [1]), .bool, "2.0 at [0] does not fit"),
      (try NDArray([.infinity, -1e300], shape: [2]), .float32, "-1e+300 at [1] does not fit"),
      (try NDArray([3.5e38], shape: []), .float32, "3.5e+38 at [] does not fit"),
      (try NDArray([1.0], shape: [1]), .float16, "nothing is converted to f16"),
    ]
    for (array, target, reason) in cases {
      let expected = RuntimeError.conversion(
        name: "y", from: array.elementType, to: target, reason: reason)
      #expect(throws: expected) { try array.converted(to: target, name: "y") }
    }
  }

  @Test("the first NaN is found by its index")
  func firstNaN() throws {
    #expect(try NDArray([1, .infinity], shape: [2]).firstNaN == nil)
    #expect(try NDArray([1, 2, 3, .nan, .nan, 6] as [Float], shape: [3, 2]).firstNaN == [1, 1])
    #expect(try NDArray([Double.nan], shape: []).firstNaN == [])
    #expect(try NDArray([1] as [Int32], shape: [1]).firstNaN == nil)
  }

  @Test("equality compares type, shape and bits")
  func equality() throws {
    let nan = try NDArray([Float.nan], shape: [1])
    #expect(nan == nan)
    #expect(try nan != nan.reshaped(to: []))
    #expect(try NDArray([0.0], shape: [1]) != NDArray([-0.0], shape: [1]))
    #expect(try NDArray([0.0], shape: [1]) != NDArray([0] as [Int64], shape: [1]))
  }
}

@Suite("named arrays")
struct NamedArraysTests {
  @Test("names keep the order in which they were added")
  func order() throws {
    var arrays: NamedArrays = [
      "b": try NDArray(scalar: 1.0), "a": try NDArray(scalar: 2.0), "b": try NDArray(scalar: 3.0),
    ]
    #expect(arrays.names == ["b", "a"])
    #expect(arrays["b"]?.scalarValue == 3)
    #expect(arrays.map(\.name) == ["b", "a"])
    arrays["b"] = nil
    #expect(arrays.names == ["a"])
  }

  @Test("a misspelt name gets a suggestion")
  func suggestion() throws {
    let arrays: NamedArrays = [
      "x_support": try NDArray(scalar: 1.0), "y": try NDArray(scalar: 1.0),
    ]
    let misspelt = #expect(throws: RuntimeError.self) { try arrays.array("x_suport") }
    #expect(misspelt?.description == "x_suport: no such array; did you mean x_support?")
    #expect(misspelt?.id == "arrayUnknown")
    let unknown = #expect(throws: RuntimeError.self) { try arrays.array("gradient") }
    #expect(unknown?.description == "gradient: no such array; there are: x_support, y")
  }
}
