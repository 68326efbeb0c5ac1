// SPDX-License-Identifier: Apache-2.0
//
// Reading a manifest: damage, another version and things that no library can have are errors that
// name the library.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Manifest {
  private struct Version: Decodable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var mixfuse_abi: Int
  }

  /// Reads a manifest from its JSON text.
  ///
  /// The version is looked at first, because another version may have other fields.
  ///
  /// - Parameters:
  ///   - text: the JSON text.
  ///   - path: where it comes from, for messages.
  /// - Throws: `manifestABI`; `manifestMalformed` for text that is not a manifest, and for sizes,
  ///   names or shapes that no library can have.
  public init(text: String, path: String) throws(RuntimeError) {
    let bytes = Array(text.utf8)
    do {
      let found = try decodeJSON(Version.self, from: bytes).mixfuse_abi
      guard found == Self.abiVersion else {
        throw RuntimeError.manifestABI(path: path, expected: Self.abiVersion, found: found)
      }
      self = try decodeJSON(Manifest.self, from: bytes)
    } catch let error as RuntimeError {
      throw error
    } catch {
      throw .manifestMalformed(path: path, reason: decodingReason(error))
    }
    if let problem = firstProblem {
      throw .manifestMalformed(path: path, reason: problem)
    }
  }

  /// The first thing that no library can have, or nil.
  private var firstProblem: String? {
    if let name = firstRepeated(entryPoints.map(\.name)) {
      return "two entry points are called \(name)"
    }
    return entryPoints.lazy.compactMap { entryPoint in
      entryPoint.firstProblem.map { "\(entryPoint.name): \($0)" }
    }.first
  }
}

extension Manifest.EntryPoint {
  fileprivate var firstProblem: String? {
    if arenaBytes < 0 || arenaBytesPerWorker < 0 {
      return "an arena of negative size"
    }
    if let name = firstRepeated(inputs.map(\.name)) ?? firstRepeated(outputs.map(\.name)) {
      return "two arrays are called \(name)"
    }
    let impossible = (inputs + outputs).first { array in
      (try? NDArray.size(of: array.shape, elementType: array.elementType)) == nil
    }
    return impossible.map { "\($0.name) has the impossible shape \($0.shape)" }
  }
}

/// The first name that occurs a second time, or nil.
private func firstRepeated(_ names: [String]) -> String? {
  var seen: Set<String> = []
  return names.first { !seen.insert($0).inserted }
}
