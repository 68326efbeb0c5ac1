// SPDX-License-Identifier: Apache-2.0
//
// Arrays in files: the front door to the formats. Reading goes by what the file contains, writing
// by the extension of its name. Writing is atomic (see AtomicFile).

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Reading and writing of named arrays in .npy, .npz and .safetensors files.
public enum ArrayFile {
  /// A file format for arrays.
  public enum Format: String, CaseIterable, Sendable {
    /// One array, in numpy's format; it is called like the file.
    case npy
    /// Several arrays by name, in numpy's archive format.
    case npz
    /// Several arrays by name, in Hugging Face's format.
    case safetensors

    /// The format that the extension of a path asks for, or nil.
    public init?(path: String) {
      let name = path.split(separator: "/").last ?? ""
      self.init(rawValue: name.split(separator: ".").last.map { $0.lowercased() } ?? "")
    }
  }

  /// Reads the arrays of a file, whichever of the formats it has.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - names: the arrays to read; nil reads all. The others cost nothing, and one that the file
  ///     does not hold is simply missing from the result.
  /// - Returns: the arrays, in the file's order.
  /// - Throws: `fileUnreadable`; `fileMalformed` naming the file, the member, what was expected and
  ///   what was found; `memoryExhausted`.
  public static func read(
    _ path: String, names: Set<String>? = nil
  ) throws(RuntimeError) -> NamedArrays {
    let reader = try ArrayFileReader(path)
    var result = NamedArrays()
    for name in reader.names where names?.contains(name) ?? true {
      result[name] = try reader.array(name)
    }
    return result
  }

  /// Writes arrays to a file in the format that its extension asks for, replacing it only when
  /// complete.
  ///
  /// - Parameters:
  ///   - arrays: what to write, in this order; exactly one array for .npy.
  ///   - path: where to write it.
  ///   - compression: how the members of an .npz file are stored.
  /// - Throws: `fileUnwritable`, also for another extension; `memoryExhausted`.
  public static func write(
    _ arrays: NamedArrays, to path: String, compression: Compression = .stored
  ) throws(RuntimeError) {
    guard let format = Format(path: path) else {
      throw unknownFormat(path)
    }
    if format == .npy && arrays.count != 1 {
      throw .fileUnwritable(
        path: path, reason: "an .npy file holds one array, not \(arrays.count)")
    }
    let file = try AtomicFile.begin(path)
    switch format {
    case .npy:
      for (_, array) in arrays {
        try file.append(NpyFormat.header(of: array))
        try file.append(array)
      }
    case .npz:
      try writeArchive(arrays, to: file, compression: compression)
    case .safetensors:
      try SafetensorsFormat.write(arrays, to: file)
    }
    try file.finish()
  }

  /// Finds out whether arrays can be written to a path, before they are there.
  ///
  /// - Throws: `fileUnwritable`, as `write` would.
  public static func checkDestination(_ path: String) throws(RuntimeError) {
    guard Format(path: path) != nil else { throw unknownFormat(path) }
    _ = try AtomicFile.begin(path)
  }

  private static func unknownFormat(_ path: String) -> RuntimeError {
    .fileUnwritable(path: path, reason: "the name must end in .npy, .npz or .safetensors")
  }

  private static func writeArchive(
    _ arrays: NamedArrays, to file: AtomicFile, compression: Compression
  ) throws(RuntimeError) {
    var writer = ZipWriter(file)
    for (name, array) in arrays {
      let body = UnsafeRawBufferPointer(start: array.memory.pointer, count: array.byteCount)
      try writer.add(
        name: name + ".npy", header: NpyFormat.header(of: array), body: body,
        compression: compression)
    }
    try writer.finish()
  }
}
