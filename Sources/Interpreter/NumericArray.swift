// SPDX-License-Identifier: Apache-2.0
//
// The interpreter's only kind of value: a tensor type and its elements as Doubles in C order.
// An i32 is held exactly; a bool is 0 or 1.

package import TensorIR

/// A dense array of numbers with its tensor type.
package struct NumericArray: Hashable, Sendable {
  package let type: TensorType
  /// `type.elementCount` numbers, last axis fastest.
  package var elements: [Double]

  /// Makes an array; the number of elements must be that of the type.
  package init(_ type: TensorType, _ elements: [Double]) {
    precondition(
      elements.count == type.elementCount, "\(type) cannot hold \(elements.count) elements")
    self.type = type
    self.elements = elements
  }

  /// An array filled with one number.
  package init(_ type: TensorType, repeating value: Double) {
    self.init(type, [Double](repeating: value, count: type.elementCount))
  }

  package var shape: [Int] { type.shape }

  /// The elements at the given offsets, as an array of the given type.
  func picking(_ offsets: [Int], as type: TensorType) -> NumericArray {
    elements.withUnsafeBufferPointer { elements in
      NumericArray(type, offsets.map { elements[$0] })
    }
  }

  /// Slice `index` along axis 0, without that axis.
  func slice(at index: Int) -> NumericArray {
    let type = TensorType(Array(shape.dropFirst()), type.dtype)
    let count = type.elementCount
    return NumericArray(type, Array(elements[(index * count)..<((index + 1) * count)]))
  }
}

/// The offsets that a walk over `shape` in C order visits when axis `i` advances by `strides[i]`.
///
/// Every op that moves elements is this walk with its own strides.
/// - Cost: one integer for each element of `shape`.
func stridedOffsets(shape: [Int], strides: [Int], start: Int = 0) -> [Int] {
  var offsets = [start]
  for (extent, stride) in zip(shape, strides) {
    var next: [Int] = []
    next.reserveCapacity(offsets.count * extent)
    for offset in offsets {
      for index in 0..<extent { next.append(offset + index * stride) }
    }
    offsets = next
  }
  return offsets
}
