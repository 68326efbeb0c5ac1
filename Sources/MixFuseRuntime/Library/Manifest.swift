// SPDX-License-Identifier: Apache-2.0
//
// What a generated library says about itself: JSON text inside the library, and in a file beside
// it. The structures follow the JSON one to one; names with underscores there are in camel case
// here.

internal import Foundation

/// The description of a generated library.
public struct Manifest: Codable, Equatable, Sendable {
  /// The version of the calling convention that this runtime speaks.
  public static let supportedABI = 1

  /// The version of the calling convention that the library speaks.
  public var abi: Int
  /// The compiler's name and version, such as `mixfuse 0.1.0`.
  public var compiler: String
  /// The spec's name, which begins every symbol of the library.
  public var name: String
  /// The floating-point type that the library computes in.
  public var elementType: ElementType
  /// The sizes that the spec's dimensions were bound to.
  public var dims: [String: Int]
  /// A digest of names, shapes, dimensions and arena sizes: what callers must know; nil for
  /// libraries that have none.
  public var abiDigest: String?
  /// The same without arena sizes: what callers must know that ask for those here.
  public var arraysDigest: String?
  /// The seed that the spec's initialisers draw with, unless the user gives another.
  public var seed: UInt64
  /// The switches that the library was built with, such as `derivation: mixed`.
  public var options: [String: String]
  /// A digest of the spec, in hexadecimal.
  public var sourceDigest: String
  /// The machine that the library was compiled for.
  public var target: Target
  /// What can be called.
  public var entryPoints: [EntryPoint]

  enum CodingKeys: String, CodingKey {
    case abi = "mixfuse_abi"
    case abiDigest = "abi_digest"
    case arraysDigest = "arrays_digest"
    case compiler, name
    case elementType = "dtype"
    case dims, seed, options
    case sourceDigest = "source_digest"
    case target
    case entryPoints = "entry_points"
  }

  /// The machine that a library was compiled for.
  public struct Target: Codable, Equatable, Sendable {
    /// The LLVM triple, such as `x86_64-pc-linux-gnu`.
    public var triple: String
    /// LLVM's name of the processor, such as `znver3`.
    public var cpu: String
    /// LLVM's names of the instruction set extensions that the code may use.
    public var features: [String]

    /// Describes a machine.
    public init(triple: String, cpu: String, features: [String]) {
      self.triple = triple
      self.cpu = cpu
      self.features = features
    }
  }

  /// One function of the library.
  public struct EntryPoint: Codable, Equatable, Sendable {
    /// The name a user calls it by, such as `meta_gradient`.
    public var name: String
    /// The symbol in the library.
    public var symbol: String
    /// Bytes of the arena that all workers share.
    public var arenaBytes: Int
    /// Bytes of the arena that each worker has to itself.
    public var arenaBytesPerWorker: Int
    /// Floating-point operations of one call.
    public var flops: Double
    /// The part of `flops` that any implementation of the same derivative has to do.
    public var usefulFlops: Double
    /// The arrays a call takes, in the order of the call.
    public var inputs: [ArrayDescription]
    /// The arrays a call gives, in the order of the call.
    public var outputs: [ArrayDescription]
    /// What is checked of positions and labels, by the number of the check; nil if nothing is.
    public var checks: [PositionCheck]?

    enum CodingKeys: String, CodingKey {
      case name, symbol, checks
      case arenaBytes = "arena_bytes"
      case arenaBytesPerWorker = "arena_bytes_per_worker"
      case flops
      case usefulFlops = "useful_flops"
      case inputs, outputs
    }

    /// The size of the arena for a number of workers, in bytes, or nil if it cannot be addressed.
    public func arenaBytes(workers: Int) -> Int? {
      let (perWorker, overflow) = arenaBytesPerWorker.multipliedReportingOverflow(by: workers)
      let (total, totalOverflow) = arenaBytes.addingReportingOverflow(perWorker)
      return overflow || totalOverflow ? nil : total
    }
  }

  /// One input or output of an entry point.
  public struct ArrayDescription: Codable, Equatable, Sendable {
    /// The name in the spec, with a dot for nesting, such as `eta.w1`.
    public var name: String
    /// The name of the field in the C structure, such as `eta_w1`.
    public var cName: String
    /// The type of the elements.
    public var elementType: ElementType
    /// The size of each dimension.
    public var shape: [Int]
    /// How to draw a value when the user gives none.
    public var initializer: Initializer?
    /// The least and the greatest that an element may be; nil if nothing is demanded.
    public var range: [Int]?

    enum CodingKeys: String, CodingKey {
      case name, range
      case cName = "c_name"
      case elementType = "dtype"
      case shape, initializer
    }

    /// Describes an array.
    public init(
      name: String, cName: String, elementType: ElementType, shape: [Int],
      initializer: Initializer? = nil
    ) {
      self.name = name
      self.cName = cName
      self.elementType = elementType
      self.shape = shape
      self.initializer = initializer
    }

    /// The element type and shape, as messages show them: `f32 [25, 10, 1]`.
    public var typeDescription: String { "\(elementType) \(shape)" }
  }

  /// A check of the elements of an array of whole numbers, which a call makes before it uses them.
  public struct PositionCheck: Codable, Equatable, Sendable {
    /// An input's name, or an expression of the spec.
    public var subject: String
    /// What the elements are, such as `a position of eta`.
    public var purpose: String
    /// The place in the spec that asks for it; empty if none is known.
    public var location: String
    /// The least and the greatest that an element may be.
    public var range: [Int]
    /// The shape of the array.
    public var shape: [Int]

    /// What is wrong with one of the elements.
    ///
    /// - Parameters:
    ///   - position: the number of the element, in C order.
    ///   - value: what it is.
    public func fault(position: Int, value: Int) -> String {
      var rest = position
      var place: [Int] = []
      for size in shape.reversed() where size > 0 {
        place.insert(rest % size, at: 0)
        rest /= size
      }
      let element = place.isEmpty ? subject : "element \(place) of \(subject)"
      let bounds = range.map(String.init).joined(separator: " to ")
      let origin = location.isEmpty ? "" : "\(location): "
      return "\(origin)\(element) is \(value), expected \(purpose) from \(bounds)"
    }
  }

  /// How the value of an array is drawn; `InputSampler` lists the kinds.
  public struct Initializer: Codable, Equatable, Sendable {
    /// The kind, such as `normal`.
    public var kind: String
    /// What the kind needs to know, such as mean and standard deviation.
    public var parameters: [Double]

    /// Describes an initialiser.
    public init(kind: String, parameters: [Double] = []) {
      self.kind = kind
      self.parameters = parameters
    }
  }
}

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
    let data = Data(text.utf8)
    do {
      let found = try JSONDecoder().decode(Version.self, from: data).mixfuse_abi
      guard found == Self.supportedABI else {
        throw RuntimeError.manifestABI(path: path, expected: Self.supportedABI, found: found)
      }
      self = try JSONDecoder().decode(Manifest.self, from: data)
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
