// SPDX-License-Identifier: Apache-2.0
//
// The manifest: what a library is, in JSON, inside the library and beside it. The layout is fixed by
// `MixFuseRuntime.Manifest`, which reads it; the two share no code, so that the runtime needs none of
// the compiler, and a test reads back every field that is written here.

import Foundation
package import Scheduling
package import TensorIR

/// Everything a manifest says.
package struct ManifestDescription: Encodable, Sendable {
  /// The version of the calling convention; the runtime refuses others.
  package static let abiVersion = 1

  package var abi = ManifestDescription.abiVersion
  package var compiler: String
  package var name: String
  package var dtype: String
  package var dims: [String: Int]
  /// Digests of the interface, with and without arenas; see `LibraryInterface`.
  package var abiDigest: String
  package var arraysDigest: String
  package var seed: Int
  package var options: [String: String]
  /// BLAKE3 of the C source.
  package var sourceDigest: String
  package var target: Target
  package var entryPoints: [ProgramDescription]

  package struct Target: Encodable, Sendable {
    package var triple: String
    package var cpu: String
    package var features: [String]

    package init(triple: String, cpu: String, features: [String]) {
      self.triple = triple
      self.cpu = cpu
      self.features = features
    }
  }

  package struct ProgramDescription: Encodable, Sendable {
    package var name: String
    package var symbol: String
    /// Bytes of the shared part of the arena, and of each worker's part.
    package var arenaBytes: Int
    package var arenaBytesPerWorker: Int
    /// Floating-point operations of one call.
    package var flops: Int
    /// The part of them that no implementation could avoid: no recomputation, causal pairs only.
    package var usefulFlops: Int
    package var inputs: [Array]
    package var outputs: [Array]
    /// What is checked of positions and labels, by the number that a refused call leaves at the
    /// start of its arena; absent if nothing is.
    package var checks: [Check]?

    enum CodingKeys: String, CodingKey {
      case name, symbol, flops, inputs, outputs, checks
      case arenaBytes = "arena_bytes"
      case arenaBytesPerWorker = "arena_bytes_per_worker"
      case usefulFlops = "useful_flops"
    }
  }

  package struct Array: Encodable, Sendable {
    package var name: String
    package var cName: String
    package var dtype: String
    package var shape: [Int]
    package var initializer: Initializer?
    /// The least and the greatest that an element may be, if the entry point checks it.
    package var range: [Int]?

    enum CodingKeys: String, CodingKey {
      case name, dtype, shape, initializer, range
      case cName = "c_name"
    }
  }

  /// A check of the elements of an i32 array.
  package struct Check: Encodable, Sendable {
    /// An input's name, or an expression of the spec.
    package var subject: String
    /// What the elements are: `a position of eta`.
    package var purpose: String
    /// The place in the spec; empty if none is known.
    package var location: String
    /// The least and the greatest that an element may be.
    package var range: [Int]
    package var shape: [Int]
  }

  package struct Initializer: Encodable, Sendable {
    package var kind: String
    package var parameters: [Double]
  }

  enum CodingKeys: String, CodingKey {
    case abi = "mixfuse_abi"
    case abiDigest = "abi_digest"
    case arraysDigest = "arrays_digest"
    case compiler, name, dtype, dims, seed, options, target
    case sourceDigest = "source_digest"
    case entryPoints = "entry_points"
  }

  package init(
    compiler: String, name: String, dtype: String, dims: [String: Int],
    digests: (abi: String, arrays: String), seed: Int, options: [String: String],
    sourceDigest: String, target: Target,
    entryPoints: [ProgramDescription]
  ) {
    self.compiler = compiler
    self.name = name
    self.dtype = dtype
    self.dims = dims
    abiDigest = digests.abi
    arraysDigest = digests.arrays
    self.seed = seed
    self.options = options
    self.sourceDigest = sourceDigest
    self.target = target
    self.entryPoints = entryPoints
  }

  /// The JSON text: keys sorted, so equal manifests are equal bytes.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}

extension ManifestDescription.ProgramDescription {
  /// Describes an entry point.
  ///
  /// - Parameters:
  ///   - names: the library's C names.
  ///   - initializers: how to draw the inputs, by name.
  package init(
    _ entry: Program, names: CNames, usefulFlops: Int,
    initializers: [String: TensorIR.Initializer]
  ) {
    name = entry.name
    symbol = "\(names.library)_\(entry.name)"
    arenaBytes = entry.arenaBytes
    arenaBytesPerWorker = entry.workerArenaBytes
    flops = entry.flops
    self.usefulFlops = usefulFlops
    func describe(_ port: Program.Port) -> ManifestDescription.Array {
      ManifestDescription.Array(
        name: port.name, cName: names.field(port.name), dtype: port.type.dtype.rawValue,
        shape: port.type.shape,
        initializer: initializers[port.name].map {
          .init(kind: $0.kind, parameters: $0.parameters)
        },
        range: port.range.map { [$0.lowerBound, $0.upperBound] })
    }
    inputs = entry.inputs.map(describe)
    outputs = entry.outputs.map(describe)
    guard !entry.checks.isEmpty else { return }
    checks = entry.checks.map { check in
      ManifestDescription.Check(
        subject: check.subject, purpose: check.purpose, location: check.location,
        range: [check.range.lowerBound, check.range.upperBound], shape: check.shape)
    }
  }
}
