// SPDX-License-Identifier: Apache-2.0
//
// Element types and static tensor types. Every shape in the IR is a list of positive integers known
// at build time: dimensions are bound before elaboration, so no later stage meets a symbolic size.

package import MixFuseShared

/// The element type of a tensor.
package enum DType: String, Hashable, Sendable, CaseIterable {
  case f32, f64, i32, bool

  /// Whether derivatives flow through values of this type.
  package var isFloat: Bool { self == .f32 || self == .f64 }

  /// What a caller's array of this type holds.
  package var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .f64: .float64
    case .i32: .int32
    case .bool: .bool
    }
  }

  /// Bytes of one element as stored in a buffer.
  package var byteCount: Int { elementType.byteCount }
}

extension FloatType {
  /// The type in the IR.
  package var dtype: DType {
    switch self {
    case .f32: .f32
    case .f64: .f64
    }
  }
}

/// A static tensor type: sizes in elements, outermost axis first (C order), and an element type.
package struct TensorType: Hashable, Sendable, CustomStringConvertible {
  package var shape: [Int]
  package var dtype: DType

  package init(_ shape: [Int], _ dtype: DType) {
    self.shape = shape
    self.dtype = dtype
  }

  package static func scalar(_ dtype: DType) -> TensorType { TensorType([], dtype) }

  package var rank: Int { shape.count }
  package var isScalar: Bool { shape.isEmpty }
  /// The largest number if there are more than can be counted: such a program is refused
  /// (`Graph.excess`), but types are asked before.
  package var elementCount: Int { shape.reduce(1) { $0.saturatingProduct($1) } }
  package var byteCount: Int { elementCount.saturatingProduct(dtype.byteCount) }

  /// The same shape with another element type.
  package func with(_ dtype: DType) -> TensorType { TensorType(shape, dtype) }

  /// The text form used in dumps and errors: `f32[10, 40]`, `f32[]` for a scalar.
  package var description: String {
    "\(dtype.rawValue)[\(shape.map(String.init).joined(separator: ", "))]"
  }
}

extension Array where Element == Int {
  /// Row-major strides in elements of a dense array of this shape.
  package var denseStrides: [Int] {
    var strides = [Int](repeating: 1, count: count)
    for axis in indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * self[axis + 1]
    }
    return strides
  }
}
