// SPDX-License-Identifier: Apache-2.0
//
// .npy data: one array, from any byte source (a file of its own or a member of an .npz archive)
// into an array's memory. Whatever the file's byte order and index order, the array is
// little-endian and in C order.

/// Reading and writing of arrays in the .npy format.
enum NpyFormat {
  /// Reads the array that makes up all of `source`.
  ///
  /// - Errors: `fileMalformed` if the header is damaged, if there are fewer or more bytes than its
  ///   shape asks for, or if a type is not supported.
  static func read(from source: any ByteSource) throws(RuntimeError) -> NDArray {
    let header = try NpyHeader(from: source)
    let byteCount: Int
    do {
      byteCount = try NDArray.size(of: header.shape, elementType: header.elementType).byteCount
    } catch {
      throw source.malformed(expected: "a possible shape", found: "\(header.shape)")
    }
    guard source.remaining == byteCount else {
      throw source.malformed(
        expected: "\(byteCount) bytes for \(header.elementType) \(header.shape)",
        found: "\(source.remaining) bytes")
    }
    var array = try NDArray(zeros: header.shape, elementType: header.elementType)
    let target = UnsafeMutableRawBufferPointer(start: array.memory.pointer, count: byteCount)
    try source.read(into: target)
    if header.isBigEndian {
      swapBytes(of: target, elementBytes: header.elementType.byteCount)
    }
    if header.elementType == .bool {
      normaliseTruthValues(in: target)
    }
    if header.isFortranOrder && header.shape.count > 1 {
      array = try cOrdered(array)
    }
    return array
  }

  /// The array's header in the .npy format; its data follows as it is in memory.
  static func header(of array: NDArray) -> [UInt8] {
    NpyHeader(elementType: array.elementType, shape: array.shape).encoded
  }

  private static func swapBytes(of target: UnsafeMutableRawBufferPointer, elementBytes: Int) {
    for start in stride(from: 0, to: target.count, by: elementBytes) {
      for byte in 0..<(elementBytes / 2) {
        target.swapAt(start + byte, start + elementBytes - 1 - byte)
      }
    }
  }

  /// Makes every byte 0 or 1: Swift's Bool has no other values.
  static func normaliseTruthValues(in target: UnsafeMutableRawBufferPointer) {
    for index in target.indices where target[index] > 1 {
      target[index] = 1
    }
  }

  /// The array whose elements lie in `array`'s memory with the first index fastest.
  private static func cOrdered(_ array: NDArray) throws(RuntimeError) -> NDArray {
    let result = try NDArray(zeros: array.shape, elementType: array.elementType)
    let width = array.elementType.byteCount
    var index = [Int](repeating: 0, count: array.shape.count)
    var strides: [Int] = []
    var stride = width
    for size in array.shape {
      strides.append(stride)
      stride *= size
    }
    var source = 0
    for target in 0..<array.count {
      result.memory.pointer.advanced(by: target * width)
        .copyMemory(from: array.memory.pointer + source, byteCount: width)
      // Step to the next index in C order, carrying from the last dimension.
      var dimension = array.shape.count - 1
      while dimension >= 0 {
        index[dimension] += 1
        source += strides[dimension]
        if index[dimension] < array.shape[dimension] {
          break
        }
        source -= strides[dimension] * index[dimension]
        index[dimension] = 0
        dimension -= 1
      }
    }
    return result
  }
}
