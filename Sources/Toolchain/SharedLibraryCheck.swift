// SPDX-License-Identifier: Apache-2.0
//
// Is this really a shared library? A linker that ends without an error may still have written
// nothing, half a file, or a file without what it was given (a full disk, a program of the same name).
// The bytes are read, nothing of them is run.
//
// Source: the ELF-64 object file format, version 1.5: "File header", "Sections", "Symbol tables".

/// What is wrong with a shared library, or nil if it is whole and has all the symbols.
///
/// - Parameters:
///   - bytes: the file.
///   - exports: symbols that it must define for others.
/// - Cost: one look at every dynamic symbol.
package func sharedLibraryFault(_ bytes: [UInt8], exports: [String]) -> String? {
  guard !bytes.isEmpty else { return "an empty file" }
  let image = ELFImage(bytes)
  guard image.isSharedObject else { return "\(bytes.count) bytes that are no ELF shared library" }
  guard let symbols = image.definedSymbols() else {
    return "an ELF shared library that is damaged or cut off at \(bytes.count) bytes"
  }
  guard let missing = exports.first(where: { !symbols.contains($0) }) else { return nil }
  return "a library without the symbol \(missing)"
}

/// Reads an ELF-64 file, every position of which is checked against its size.
private struct ELFImage {
  private let bytes: [UInt8]

  private static let headerBytes = 64, segmentBytes = 56, sectionBytes = 64, symbolBytes = 24
  private static let sharedObjectType = 3, dynamicSymbols = 11, withoutContents = 8

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether it begins as a 64-bit little-endian shared object does.
  var isSharedObject: Bool {
    bytes.count >= Self.headerBytes && bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1])
      && number(16, 2) == Self.sharedObjectType
  }

  /// The dynamic symbols that are defined here, or nil if a part lies outside of the file.
  func definedSymbols() -> Set<String>? {
    guard let segments = table(at: 32, entryBytes: 54, count: 56, least: Self.segmentBytes),
      let sections = table(at: 40, entryBytes: 58, count: 60, least: Self.sectionBytes),
      !segments.isEmpty,
      segments.allSatisfy({ range(offsetAt: $0 + 8, sizeAt: $0 + 32) != nil })
    else { return nil }
    var symbols: Set<String> = []
    for section in sections {
      guard let type = number(section + 4, 4) else { return nil }
      guard type != Self.withoutContents else { continue }
      guard let contents = range(offsetAt: section + 24, sizeAt: section + 32) else { return nil }
      guard type == Self.dynamicSymbols else { continue }
      guard let link = number(section + 40, 4), sections.indices.contains(link),
        let names = range(offsetAt: sections[link] + 24, sizeAt: sections[link] + 32)
      else { return nil }
      for symbol in stride(from: contents.lowerBound, to: contents.upperBound, by: Self.symbolBytes)
      {
        guard let name = number(symbol, 4), let home = number(symbol + 6, 2) else { return nil }
        if home != 0, let text = text(at: names.lowerBound + name, in: names) {
          symbols.insert(text)
        }
      }
    }
    return symbols
  }

  /// The positions of the entries of a table that the file header describes.
  private func table(at field: Int, entryBytes: Int, count: Int, least: Int) -> [Int]? {
    guard let start = number(field, 8), let size = number(entryBytes, 2),
      let count = number(count, 2), count == 0 || size >= least, start <= bytes.count,
      size * count <= bytes.count - start
    else { return nil }
    return (0..<count).map { start + $0 * size }
  }

  private func range(offsetAt: Int, sizeAt: Int) -> Range<Int>? {
    guard let offset = number(offsetAt, 8), let size = number(sizeAt, 8), offset <= bytes.count,
      size <= bytes.count - offset
    else { return nil }
    return offset..<(offset + size)
  }

  private func text(at start: Int, in names: Range<Int>) -> String? {
    guard names.contains(start) else { return nil }
    return String(decoding: bytes[start..<names.upperBound].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// A little-endian number, or nil if it is outside of the file or no size.
  private func number(_ offset: Int, _ count: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - count else { return nil }
    let value = bytes[offset..<(offset + count)].reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    return Int(exactly: value)
  }
}
