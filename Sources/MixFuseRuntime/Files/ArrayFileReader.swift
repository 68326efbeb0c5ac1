// SPDX-License-Identifier: Apache-2.0
//
// Reading a file of arrays in two steps: what it says it holds, then the data. Whoever knows what to
// expect looks at names, types and shapes first; what is not expected is never read, and a small file
// that claims to hold gigabytes costs nothing.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What a file says about one of its arrays.
public struct ArrayHeader: Equatable, Sendable, CustomStringConvertible {
  /// The type of the elements.
  public let elementType: ElementType
  /// The size of each dimension.
  public let shape: [Int]

  /// A description.
  public init(elementType: ElementType, shape: [Int]) {
    self.elementType = elementType
    self.shape = shape
  }

  /// More dimensions than numpy has are taken for damage.
  static let longestShape = 64

  /// The element type and shape, such as `f32 [25, 10, 1]`.
  public var description: String { "\(elementType) \(shape)" }
}

/// An opened file of arrays.
public struct ArrayFileReader {
  /// The file's path.
  public let path: String
  /// The names of its arrays, in the file's order; a name that an archive has twice stands here once.
  public let names: [String]
  private let file: InputFile
  private let contents: Contents

  private enum Contents {
    case npy
    case npz(ZipArchive, members: [String: ZipArchive.Member], repeated: Set<String>)
    case safetensors([String: SafetensorsFormat.Place])
  }

  /// Opens a file in whichever of the formats it has, and reads the list of its arrays.
  ///
  /// - Throws: `fileUnreadable`, also for anything but a regular file; `fileMalformed`.
  public init(_ path: String) throws(RuntimeError) {
    self.path = path
    file = try InputFile(path: path)
    let start = try file.bytes(at: 0, count: min(file.byteCount, 9), member: "")
    if start.starts(with: [0x93] + Array("NUMPY".utf8)) {
      (names, contents) = ([Self.stem(of: path)], .npy)
    } else if SafetensorsFormat.matches(start) {
      let places = try SafetensorsFormat.places(in: file)
      names = places.map(\.name)
      contents = .safetensors(Dictionary(places.map { ($0.name, $0) }) { first, _ in first })
    } else if start.starts(with: Array("PK".utf8)) || ArrayFile.Format(path: path) == .npz {
      // "PK": a zip archive, empty ones included. Damaged files with a known extension are reported
      // as such.
      (names, contents) = try Self.archive(file)
    } else {
      throw .fileMalformed(
        path: path, member: "", expected: "an .npy, .npz or .safetensors file",
        found: file.byteCount == 0 ? "an empty file" : "other bytes")
    }
  }

  /// What the file says about an array, or nil if it has none of that name.
  ///
  /// - Cost: no more than the array's header is read.
  /// - Throws: `fileMalformed`, `fileUnreadable`.
  public func header(of name: String) throws(RuntimeError) -> ArrayHeader? {
    if case .safetensors(let places) = contents {
      return places[name].map { ArrayHeader(elementType: $0.elementType, shape: $0.shape) }
    }
    guard let source = try source(of: name) else { return nil }
    let header = try NpyHeader(from: source)
    return ArrayHeader(elementType: header.elementType, shape: header.shape)
  }

  /// An array, or nil if the file has none of that name.
  ///
  /// - Throws: `fileMalformed`, `fileUnreadable`, `memoryExhausted`.
  public func array(_ name: String) throws(RuntimeError) -> NDArray? {
    if case .safetensors(let places) = contents {
      guard let place = places[name] else { return nil }
      return try SafetensorsFormat.read(place, from: file)
    }
    guard let source = try source(of: name) else { return nil }
    return try NpyFormat.read(from: source)
  }

  /// The .npy data of an array, or nil if there is none of that name.
  private func source(of name: String) throws(RuntimeError) -> (any ByteSource)? {
    switch contents {
    case .npy:
      return name == names.first
        ? PlainSource(file, offset: 0, count: file.byteCount, member: "") : nil
    case .npz(let archive, let members, let repeated):
      guard let member = members[name] else { return nil }
      guard !repeated.contains(name) else {
        throw .fileMalformed(
          path: path, member: member.name, expected: "each name once", found: "it twice")
      }
      return try archive.open(member)
    case .safetensors:
      return nil
    }
  }

  /// The .npy members of an archive; other members are left alone, as numpy does.
  private static func archive(_ file: InputFile) throws(RuntimeError) -> ([String], Contents) {
    let archive = try ZipArchive(file)
    var names: [String] = []
    var members: [String: ZipArchive.Member] = [:]
    var repeated: Set<String> = []
    for member in archive.members where member.name.hasSuffix(".npy") {
      let name = String(member.name.dropLast(4))
      if members.updateValue(member, forKey: name) == nil {
        names.append(name)
      } else {
        repeated.insert(name)
      }
    }
    return (names, .npz(archive, members: members, repeated: repeated))
  }

  private static func stem(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    let end = name.lastIndex(of: ".") ?? name.endIndex
    return String(name[..<end])
  }
}
