// SPDX-License-Identifier: Apache-2.0
//
// Reading an array's values as numbers, whatever its element type; finding NaNs; converting between
// element types. Conversions never lose a value silently: what becomes floating point is rounded to
// nearest, but a finite number that would become infinite, an integer that does not fit, or a
// fraction where an integer is wanted, is an error that names the element.

extension NDArray {
  /// All elements as doubles, in C order. Integers beyond 2^53 are rounded.
  public func doubles() -> [Double] {
    (0..<count).map { double(at: $0) }
  }

  /// The value of an array of one element, or nil for any other array.
  public var scalarValue: Double? {
    count == 1 ? double(at: 0) : nil
  }

  /// The position of the first NaN in C order, or nil if there is none.
  ///
  /// - Cost: one pass over a floating-point array, nothing for an integer array.
  public var firstNaN: [Int]? {
    let offset: Int? =
      switch elementType {
      case .float32: firstNaN(of: Float.self)
      case .float64: firstNaN(of: Double.self)
      case .float16: (0..<count).first { double(at: $0).isNaN }
      case .bool, .int32, .int64, .uint8: nil
      }
    return offset.map { position(of: $0) }
  }

  /// A copy with another element type, or the array itself if it has that type already.
  ///
  /// What becomes floating point is rounded to nearest, and what was finite stays so; values become
  /// integers only if they are integers.
  ///
  /// - Parameters:
  ///   - target: the wanted element type; every type except `float16`.
  ///   - name: what to call the array in an error.
  /// - Returns: an array of the same shape.
  /// - Throws: `conversion` naming the first element that the target cannot hold,
  ///   `memoryExhausted`.
  public func converted(
    to target: ElementType, name: String = "array"
  ) throws(RuntimeError) -> NDArray {
    if target == elementType {
      return self
    }
    var result = try NDArray(zeros: shape, elementType: target)
    let failure: Int?
    switch target {
    case .float32: failure = try fill(&result) { (value: Number) in value.floating(Float.self) }
    case .float64:
      failure = try fill(&result) { (value: Number) in value.floating(Double.self) }
    case .int32: failure = try fill(&result) { (value: Number) in value.integer(Int32.self) }
    case .int64: failure = try fill(&result) { (value: Number) in value.integer(Int64.self) }
    case .uint8: failure = try fill(&result) { (value: Number) in value.integer(UInt8.self) }
    case .bool:
      failure = try fill(&result) { (value: Number) in
        value.integer(UInt8.self).flatMap(Self.truth)
      }
    case .float16:
      throw .conversion(
        name: name, from: elementType, to: target, reason: "nothing is converted to f16")
    }
    if let failure {
      let reason = "\(double(at: failure)) at \(position(of: failure)) does not fit"
      throw .conversion(name: name, from: elementType, to: target, reason: reason)
    }
    return result
  }

  /// The multi-dimensional index of the element at `offset` in C order.
  func position(of offset: Int) -> [Int] {
    var rest = offset
    var reversed: [Int] = []
    for size in shape.reversed() {
      reversed.append(rest % size)
      rest /= size
    }
    return reversed.reversed()
  }

  /// A number as it is stored: integers keep all their bits.
  private enum Number {
    case floating(Double)
    case whole(Int64)

    var double: Double {
      switch self {
      case .floating(let value): value
      case .whole(let value): Double(value)
      }
    }

    func floating<Target: BinaryFloatingPoint>(_ type: Target.Type) -> Target? {
      let rounded = Target(double)
      return rounded.isInfinite && double.isFinite ? nil : rounded
    }

    func integer<Target: FixedWidthInteger>(_ type: Target.Type) -> Target? {
      switch self {
      case .floating(let value): Target(exactly: value)
      case .whole(let value): Target(exactly: value)
      }
    }
  }

  private static func truth(_ value: UInt8) -> Bool? {
    value > 1 ? nil : value == 1
  }

  /// Fills `result` and returns the offset of the first element that `convert` refuses.
  private func fill<Element: ArrayElement>(
    _ result: inout NDArray, _ convert: (Number) -> Element?
  ) throws(RuntimeError) -> Int? {
    try result.withUnsafeMutableElements(of: Element.self) { target in
      for offset in 0..<count {
        guard let value = convert(number(at: offset)) else {
          return offset
        }
        target[offset] = value
      }
      return nil
    }
  }

  private func number(at offset: Int) -> Number {
    switch elementType {
    case .bool, .uint8: .whole(Int64(load(UInt8.self, at: offset)))
    case .int32: .whole(Int64(load(Int32.self, at: offset)))
    case .int64: .whole(load(Int64.self, at: offset))
    case .float16: .floating(doubleFromHalf(load(UInt16.self, at: offset)))
    case .float32: .floating(Double(load(Float.self, at: offset)))
    case .float64: .floating(load(Double.self, at: offset))
    }
  }

  private func double(at offset: Int) -> Double {
    number(at: offset).double
  }

  private func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
    memory.pointer.load(fromByteOffset: offset * MemoryLayout<Value>.stride, as: type)
  }

  private func firstNaN<Element: ArrayElement & BinaryFloatingPoint>(
    of type: Element.Type
  ) -> Int? {
    let elements = UnsafeBufferPointer(
      start: memory.pointer.assumingMemoryBound(to: type), count: count)
    return elements.firstIndex { $0.isNaN }
  }
}

/// The value of an IEEE binary16 number given by its bits.
///
/// Written out because `Float16` does not exist on every platform Swift runs on.
func doubleFromHalf(_ bits: UInt16) -> Double {
  let sign = bits >> 15 == 0 ? 1.0 : -1.0
  let exponent = Int(bits >> 10 & 0x1f)
  let fraction = Double(bits & 0x3ff)
  return switch exponent {
  case 0: sign * fraction * 0x1p-24
  case 0x1f: fraction == 0 ? sign * .infinity : .nan
  default: sign * (1024 + fraction) * Double(sign: .plus, exponent: exponent - 25, significand: 1)
  }
}
