// SPDX-License-Identifier: Apache-2.0
//
// The element types of arrays. Generated libraries compute in f32 and f64 and index with i32; the
// others exist because files hold them, and are converted before a call. Names are those of the
// manifest. (The IR has a type of its own for the four that a program may have: `TensorIR.DType`,
// which says which of these each is.)

/// The type of an array's elements.
public enum ElementType: String, CaseIterable, Codable, Sendable {
  /// Truth values, one byte each, 0 or 1.
  case bool
  /// 16-bit floating point (IEEE binary16); can be read and converted, not computed with.
  case float16 = "f16"
  /// 32-bit floating point.
  case float32 = "f32"
  /// 64-bit floating point.
  case float64 = "f64"
  /// 32-bit signed integers.
  case int32 = "i32"
  /// 64-bit signed integers.
  case int64 = "i64"
  /// 8-bit unsigned integers.
  case uint8 = "u8"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8: 1
    case .float16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64: true
    case .bool, .int32, .int64, .uint8: false
    }
  }
}

extension ElementType: CustomStringConvertible {
  /// The short name: `f32`, `i64`, `bool`.
  public var description: String { rawValue }
}

/// The float type that a library computes in.
package enum FloatType: String, CaseIterable, Sendable {
  case f32, f64

  /// The element type of its arrays.
  package var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .f64: .float64
    }
  }
}
