// SPDX-License-Identifier: Apache-2.0
//
// The Swift types of array elements.

/// A Swift type whose values are the elements of arrays of one element type.
public protocol ArrayElement: BitwiseCopyable, Sendable {
  /// The element type whose storage holds values of this type.
  static var elementType: ElementType { get }
}

extension Bool: ArrayElement {
  /// `bool`.
  public static var elementType: ElementType { .bool }
}

extension Double: ArrayElement {
  /// `f64`.
  public static var elementType: ElementType { .float64 }
}

extension Float: ArrayElement {
  /// `f32`.
  public static var elementType: ElementType { .float32 }
}

extension Int32: ArrayElement {
  /// `i32`.
  public static var elementType: ElementType { .int32 }
}

extension Int64: ArrayElement {
  /// `i64`.
  public static var elementType: ElementType { .int64 }
}

extension UInt8: ArrayElement {
  /// `u8`.
  public static var elementType: ElementType { .uint8 }
}
