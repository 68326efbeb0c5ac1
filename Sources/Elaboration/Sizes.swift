// SPDX-License-Identifier: Apache-2.0
//
// Bounds on sizes. A slip such as `[n ** n]` must be an error with a place, not an overflow.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// No whole number that is used as a size, position or axis is larger: those are i32 at run time.
  static let largestInteger = Int(Int32.max)

  /// No array has more elements; 2^40 floats are 4 TiB.
  static let largestElementCount = 1 << 40

  /// The number of elements of a shape, or nil if it is beyond the limit.
  static func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, product <= largestElementCount else { return nil }
      count = product
    }
    return count
  }

  /// Checks that an array of a shape can be addressed.
  ///
  /// - Errors: `shape.size` at `place`.
  func requireAddressable(_ shape: [Int], at place: Span) throws {
    if Self.elementCount(of: shape) == nil {
      throw fail(.tooManyElements(shape.spelling), at: place)
    }
  }
}
