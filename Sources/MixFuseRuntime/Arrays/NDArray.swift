// SPDX-License-Identifier: Apache-2.0
//
// Arrays of any rank, the runtime's one data type: what files hold, what calls take and what they
// give. An array is a value: a copy is cheap and shares memory until one of the two is changed.
// Elements are stored in C order (last index fastest), contiguous, aligned to 64 bytes, so a call
// can use them where they are.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// An n-dimensional array: an element type, a shape, and elements in C order.
///
/// A scalar has the shape `[]` and one element. Sizes of zero are allowed.
public struct NDArray: Sendable {
  /// The type of every element.
  public let elementType: ElementType
  /// The size of each dimension, slowest first; none is negative.
  public let shape: [Int]
  /// The number of elements: the product of `shape`.
  public let count: Int
  private(set) var memory: AlignedMemory

  /// An array of zeros.
  ///
  /// - Errors: `arrayShape`, `memoryExhausted`.
  public init(zeros shape: [Int], elementType: ElementType) throws(RuntimeError) {
    let (count, byteCount) = try Self.size(of: shape, elementType: elementType)
    self.elementType = elementType
    self.shape = shape
    self.count = count
    let purpose = "an array of \(elementType) \(shape)"
    memory = try AlignedMemory(byteCount: byteCount, purpose: purpose)
  }

  /// An array holding `values`, which are in C order.
  ///
  /// - Errors: `arrayCount` if the number of values is not the product of `shape`; `arrayShape`.
  public init<Element: ArrayElement>(_ values: [Element], shape: [Int]) throws(RuntimeError) {
    let (count, _) = try Self.size(of: shape, elementType: Element.elementType)
    guard count == values.count else {
      throw .arrayCount(shape: shape, expected: count, found: values.count)
    }
    try self.init(zeros: shape, elementType: Element.elementType)
    values.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: memory.pointer, count: byteCount).copyMemory(from: bytes)
    }
  }

  /// A scalar, of shape `[]`.
  public init<Element: ArrayElement>(scalar value: Element) throws(RuntimeError) {
    try self.init([value], shape: [])
  }

  /// The same elements under another shape; shares memory.
  ///
  /// - Errors: `arrayCount` if the number of elements would change.
  public func reshaped(to newShape: [Int]) throws(RuntimeError) -> NDArray {
    try NDArray(self, shape: newShape)
  }

  private init(_ original: NDArray, shape: [Int]) throws(RuntimeError) {
    let (count, _) = try Self.size(of: shape, elementType: original.elementType)
    guard count == original.count else {
      throw .arrayCount(shape: shape, expected: count, found: original.count)
    }
    elementType = original.elementType
    self.shape = shape
    self.count = count
    memory = original.memory
  }

  /// The size of all elements together, in bytes.
  public var byteCount: Int { count * elementType.byteCount }

  /// A copy of the elements, in C order.
  ///
  /// - Errors: `conversion` if the array holds elements of another type.
  public func elements<Element: ArrayElement>(
    as type: Element.Type
  ) throws(RuntimeError) -> [Element] {
    try withUnsafeElements(of: type) { Array($0) }
  }

  /// Calls `body` with the elements in C order, without copying them.
  ///
  /// - Errors: `conversion` if the array holds elements of another type.
  public func withUnsafeElements<Element: ArrayElement, Result>(
    of type: Element.Type, _ body: (UnsafeBufferPointer<Element>) -> Result
  ) throws(RuntimeError) -> Result {
    try check(type)
    let start = memory.pointer.assumingMemoryBound(to: type)
    return withExtendedLifetime(memory) {
      body(UnsafeBufferPointer(start: start, count: count))
    }
  }

  /// The element of an array of one, such as a loss.
  ///
  /// - Errors: `conversion` if the array holds elements of another type, or not exactly one.
  public func scalar<Element: ArrayElement>(
    as type: Element.Type = Element.self
  ) throws(RuntimeError) -> Element {
    let values = try elements(as: type)
    guard let value = values.first, values.count == 1 else {
      throw .conversion(
        name: description, from: elementType, to: type.elementType,
        reason: "one element was asked for, it has \(values.count)")
    }
    return value
  }

  /// Calls `body` with the elements for changing them, after making sure that no other array shares
  /// them.
  ///
  /// - Cost: a copy of the array if its memory is shared, otherwise none.
  /// - Errors: `conversion` if the array holds elements of another type, `memoryExhausted`.
  public mutating func withUnsafeMutableElements<Element: ArrayElement, Result>(
    of type: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) -> Result
  ) throws(RuntimeError) -> Result {
    try check(type)
    try makeUnique(keepingElements: true)
    let start = memory.pointer.assumingMemoryBound(to: type)
    return withExtendedLifetime(memory) {
      body(UnsafeMutableBufferPointer(start: start, count: count))
    }
  }

  /// Calls `body` with the array's bytes, without copying them.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withExtendedLifetime(memory) {
      body(UnsafeRawBufferPointer(start: memory.pointer, count: byteCount))
    }
  }

  /// Gives this array memory that no other array shares; its elements are then a copy or zeros.
  mutating func makeUnique(keepingElements: Bool) throws(RuntimeError) {
    if isKnownUniquelyReferenced(&memory) {
      return
    }
    let purpose = "a copy of an array of \(elementType) \(shape)"
    let copy = try AlignedMemory(byteCount: byteCount, purpose: purpose)
    if keepingElements {
      copy.pointer.copyMemory(from: memory.pointer, byteCount: byteCount)
    }
    memory = copy
  }

  private func check<Element: ArrayElement>(_ type: Element.Type) throws(RuntimeError) {
    if type.elementType != elementType {
      let reason = "elements were asked for by another type than the array's"
      throw .conversion(name: "array", from: elementType, to: type.elementType, reason: reason)
    }
  }

  /// The number of elements and of bytes, without overflow.
  static func size(
    of shape: [Int], elementType: ElementType
  ) throws(RuntimeError) -> (count: Int, byteCount: Int) {
    // Zeros count as ones here, so that a zero does not hide sizes whose strides overflow.
    guard shape.allSatisfy({ $0 >= 0 }),
      let byteCount = checkedProduct(shape.map { max($0, 1) } + [elementType.byteCount])
    else {
      throw .arrayShape(shape)
    }
    let isEmpty = shape.contains(0)
    return isEmpty ? (0, 0) : (byteCount / elementType.byteCount, byteCount)
  }
}

extension NDArray: CustomStringConvertible {
  /// The element type and shape, such as `f32 [25, 10, 1]`.
  public var description: String { "\(elementType) \(shape)" }
}

extension NDArray: Equatable {
  /// Whether two arrays have the same type, shape, and bits. So a NaN equals itself, and 0 is not
  /// -0.
  public static func == (lhs: NDArray, rhs: NDArray) -> Bool {
    lhs.elementType == rhs.elementType && lhs.shape == rhs.shape
      && memcmp(lhs.memory.pointer, rhs.memory.pointer, lhs.byteCount) == 0
  }
}

/// The product of non-negative numbers, or nil where it does not fit.
func checkedProduct(_ factors: [Int]) -> Int? {
  var product = 1
  for factor in factors {
    let (next, overflow) = product.multipliedReportingOverflow(by: factor)
    if overflow {
      return nil
    }
    product = next
  }
  return product
}
