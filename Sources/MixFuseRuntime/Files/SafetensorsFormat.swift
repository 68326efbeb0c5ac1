// SPDX-License-Identifier: Apache-2.0
//
// .safetensors files: the length of a header (8 bytes, little-endian), the header in JSON, then the
// data:
//
//     {"eta.w1": {"dtype": "F32", "shape": [1, 40], "data_offsets": [0, 160]},
//      "__metadata__": {...}}
//
// Source: https://github.com/huggingface/safetensors, README "Format".

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Reading and writing of .safetensors files.
enum SafetensorsFormat {
  /// What the header says of one array.
  private struct Entry: Codable {
    var dtype: String
    var shape: [Int]
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var data_offsets: [Int]
  }

  private struct Header: Decodable {
    var entries: [String: Entry] = [:]

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Name.self)
      for key in container.allKeys where key.stringValue != "__metadata__" {
        entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
      }
    }
  }

  private struct Name: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
      self.stringValue = stringValue
    }

    init?(intValue: Int) {
      nil
    }
  }

  /// The longest header that is read: some 80,000 arrays. (The format's own library accepts ten times
  /// as much, which a JSON decoder turns into gigabytes.)
  private static let longestHeader = 10_000_000
  private static let types: [String: ElementType] = [
    "BOOL": .bool, "F16": .float16, "F32": .float32, "F64": .float64, "I32": .int32,
    "I64": .int64, "U8": .uint8,
  ]

  /// Whether the beginning of a file looks like this format.
  static func matches(_ start: [UInt8]) -> Bool {
    start.count > 8 && start[8] == UInt8(ascii: "{")
  }

  /// An array in a file.
  struct Place {
    let name: String
    let elementType: ElementType
    let shape: [Int]
    /// Where its data begins.
    let offset: Int
  }

  /// The arrays of a file, in the order of their data.
  ///
  /// - Errors: `fileMalformed`, `fileUnreadable`.
  static func places(in file: InputFile) throws(RuntimeError) -> [Place] {
    let (entries, dataStart) = try readHeader(of: file)
    let sorted = entries.sorted { left, right in
      let (leftOffsets, rightOffsets) = (left.value.data_offsets, right.value.data_offsets)
      return leftOffsets == rightOffsets
        ? left.key < right.key : leftOffsets.lexicographicallyPrecedes(rightOffsets)
    }
    var position = 0
    var places: [Place] = []
    for (name, entry) in sorted {
      let elementType = try check(entry, name: name, position: position, path: file.path)
      places.append(
        Place(
          name: name, elementType: elementType, shape: entry.shape, offset: dataStart + position))
      position = entry.data_offsets[1]
      guard position <= file.byteCount - dataStart else {
        throw .fileMalformed(
          path: file.path, member: name, expected: "\(dataStart + position) bytes",
          found: "a file of \(file.byteCount) bytes")
      }
    }
    return places
  }

  /// Reads one array.
  ///
  /// - Errors: `fileMalformed`, `fileUnreadable`, `memoryExhausted`.
  static func read(_ place: Place, from file: InputFile) throws(RuntimeError) -> NDArray {
    let array = try NDArray(zeros: place.shape, elementType: place.elementType)
    let target = UnsafeMutableRawBufferPointer(
      start: array.memory.pointer, count: array.byteCount)
    try file.read(into: target, at: place.offset, member: place.name)
    if place.elementType == .bool {
      NpyFormat.normaliseTruthValues(in: target)
    }
    return array
  }

  /// Appends the arrays to `file` and leaves committing it to the caller.
  ///
  /// - Errors: `fileUnwritable`.
  static func write(_ arrays: NamedArrays, to file: AtomicFile) throws(RuntimeError) {
    var header: [String: Entry] = [:]
    var position = 0
    for (name, array) in arrays {
      let code = types.first { $0.value == array.elementType }?.key ?? ""
      let end = position + array.byteCount
      header[name] = Entry(dtype: code, shape: array.shape, data_offsets: [position, end])
      position = end
    }
    guard var text = try? Array(encodeJSON(header, isPretty: false).utf8) else {
      throw .fileUnwritable(path: file.path, reason: "names cannot be written as JSON")
    }
    // Spaces align the data to 64 bytes.
    text += [UInt8](repeating: UInt8(ascii: " "), count: (64 - (text.count + 8) % 64) % 64)
    try file.append((0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) })
    try file.append(text)
    for (_, array) in arrays {
      try file.append(array)
    }
  }

  private static func readHeader(
    of file: InputFile
  ) throws(RuntimeError) -> (entries: [String: Entry], dataStart: Int) {
    let lengthBytes = try file.bytes(at: 0, count: 8, member: "")
    let length = lengthBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let longest = min(longestHeader, file.byteCount - 8)
    guard length <= UInt64(longest) else {
      throw .fileMalformed(
        path: file.path, member: "",
        expected: "a .safetensors header of at most \(longest) bytes", found: "\(length) bytes")
    }
    let text = try file.bytes(at: 8, count: Int(length), member: "")
    do {
      let header = try decodeJSON(Header.self, from: text)
      return (header.entries, 8 + Int(length))
    } catch {
      throw .fileMalformed(
        path: file.path, member: "", expected: "a .safetensors header in JSON",
        found: decodingReason(error))
    }
  }

  /// Checks one entry that must begin at `position`: the format allows no gaps and no overlaps.
  private static func check(
    _ entry: Entry, name: String, position: Int, path: String
  ) throws(RuntimeError) -> ElementType {
    guard let elementType = types[entry.dtype] else {
      throw .fileMalformed(
        path: path, member: name,
        expected: "a type of " + types.keys.sorted().joined(separator: ", "),
        found: String(entry.dtype.prefix(20)))
    }
    guard entry.shape.count <= ArrayHeader.longestShape,
      let byteCount = try? NDArray.size(of: entry.shape, elementType: elementType).byteCount
    else {
      throw .fileMalformed(
        path: path, member: name, expected: "a possible shape", found: shortList(entry.shape))
    }
    let (end, overflow) = position.addingReportingOverflow(byteCount)
    guard !overflow, entry.data_offsets == [position, end] else {
      throw .fileMalformed(
        path: path, member: name,
        expected: "\(byteCount) bytes from \(position) for \(elementType) \(entry.shape)",
        found: "offsets \(shortList(entry.data_offsets))")
    }
    return elementType
  }
}

/// The first numbers of a list as text: a damaged file may have millions.
func shortList(_ numbers: [Int]) -> String {
  numbers.count <= 8 ? "\(numbers)" : "\(numbers.count) numbers"
}

/// What a JSON decoder complained about, on one line.
func decodingReason(_ error: any Error) -> String {
  guard let error = error as? DecodingError else {
    return "text that is not JSON"
  }
  let context: DecodingError.Context
  switch error {
  case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
    context = found
  case .keyNotFound(let key, let found):
    return "no \(key.stringValue)" + place(found)
  @unknown default:
    return "text that cannot be decoded"
  }
  return context.codingPath.isEmpty
    ? "text that is not JSON" : "an unexpected value" + place(context)
}

private func place(_ context: DecodingError.Context) -> String {
  let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
  return path.isEmpty ? "" : " at " + path.joined(separator: "/")
}
