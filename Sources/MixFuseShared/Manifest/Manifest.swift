// SPDX-License-Identifier: Apache-2.0
//
// What a generated library says about itself: JSON text inside the library, and in a file beside
// it. The compiler writes it and the runtime reads it, both from these structures, which follow the
// JSON one to one; names with underscores there are in camel case here.

/// The description of a generated library.
public struct Manifest: Codable, Equatable, Sendable {
  /// The version of the calling convention that this compiler and this runtime speak.
  public static let abiVersion = 1

  /// The version of the calling convention that the library speaks.
  public var abi: Int
  /// The compiler's name and version, such as `mixfuse 0.2.0`.
  public var compiler: String
  /// The spec's name, which begins every symbol of the library.
  public var name: String
  /// The floating-point type that the library computes in.
  public var elementType: ElementType
  /// The sizes that the spec's dimensions were bound to.
  public var dims: [String: Int]
  /// A digest of names, shapes, dimensions and arena sizes: what callers must know.
  public var abiDigest: String
  /// The same without arena sizes: what callers must know that ask for those here.
  public var arraysDigest: String
  /// The seed that the spec's initialisers draw with, unless the user gives another.
  public var seed: UInt64
  /// The switches that the library was built with, such as `derivation: mixed`.
  public var options: [String: String]
  /// BLAKE3 of the C source, in hexadecimal.
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

  /// Describes a library.
  package init(
    compiler: String, name: String, elementType: ElementType, dims: [String: Int],
    digests: (abi: String, arrays: String), seed: UInt64, options: [String: String],
    sourceDigest: String, target: Target, entryPoints: [EntryPoint]
  ) {
    abi = Self.abiVersion
    self.compiler = compiler
    self.name = name
    self.elementType = elementType
    self.dims = dims
    (abiDigest, arraysDigest) = digests
    self.seed = seed
    self.options = options
    self.sourceDigest = sourceDigest
    self.target = target
    self.entryPoints = entryPoints
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

  /// The JSON text: keys sorted, so equal manifests are equal bytes.
  package func json() throws -> String {
    try encodeJSON(self, isPretty: true)
  }
}
