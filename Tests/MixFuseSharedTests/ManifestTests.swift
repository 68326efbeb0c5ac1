// SPDX-License-Identifier: Apache-2.0
//
// The text of a manifest: what the compiler writes is what the runtime reads, and initialisers have
// the spelling that specs use.

import Foundation
import MixFuseShared
import Testing

@Suite("manifests")
struct ManifestTests {
  /// A manifest with every kind of field filled.
  static let manifest = Manifest(
    compiler: "mixfuse 0", name: "sample", elementType: .float32, dims: ["n": 3],
    digests: (abi: "00", arrays: "11"), seed: .max, options: ["derivation": "mixed"],
    sourceDigest: "22",
    target: Manifest.Target(triple: "x86_64-linux", cpu: "x86-64", features: ["sse2"]),
    entryPoints: [
      Manifest.EntryPoint(
        name: "value", symbol: "sample_value", arenaBytes: 64, arenaBytesPerWorker: 0,
        flops: .max, usefulFlops: 7,
        inputs: [
          Manifest.ArrayDescription(
            name: "eta.x", cName: "eta_x", elementType: .float32, shape: [3],
            initializer: .normal(mean: 0, deviation: 0.1)),
          Manifest.ArrayDescription(
            name: "labels", cName: "labels", elementType: .int32, shape: [], range: 0...2),
        ], outputs: [],
        checks: [
          Manifest.PositionCheck(
            subject: "labels", purpose: "a class", location: "sample.mix:3", range: 0...2,
            shape: [])
        ])
    ])

  @Test("are read as they were written, with exact numbers")
  func roundTrip() throws {
    let text = try Self.manifest.json()
    #expect(
      try JSONDecoder().decode(Manifest.self, from: Data(text.utf8)) == Self.manifest)
    #expect(text.contains("\"flops\" : \(Int.max)"))
    #expect(text.contains("\"seed\" : \(UInt64.max)"))
  }

  @Test("have the names that readers in other languages know")
  func names() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(try Self.manifest.json().utf8))
        as? [String: Any])
    #expect(
      object.keys.sorted() == [
        "abi_digest", "arrays_digest", "compiler", "dims", "dtype", "entry_points", "mixfuse_abi",
        "name", "options", "seed", "source_digest", "target",
      ])
    let entry = try #require((object["entry_points"] as? [[String: Any]])?.first)
    #expect(
      entry.keys.sorted() == [
        "arena_bytes", "arena_bytes_per_worker", "checks", "flops", "inputs", "name", "outputs",
        "symbol", "useful_flops",
      ])
    let inputs = try #require(entry["inputs"] as? [[String: Any]])
    #expect(inputs[0].keys.sorted() == ["c_name", "dtype", "initializer", "name", "shape"])
    #expect(inputs[1].keys.sorted() == ["c_name", "dtype", "name", "range", "shape"])
    let checks = try #require(entry["checks"] as? [[String: Any]])
    #expect(checks[0].keys.sorted() == ["location", "purpose", "range", "shape", "subject"])
  }
}

@Suite("initialisers")
struct InitializerTests {
  @Test("of every kind keep their spelling", arguments: Initializer.Kind.allCases)
  func spelling(_ kind: Initializer.Kind) throws {
    let parameters = [0.5, 2].prefix(kind.parameterCount)
    let initializer = try #require(Initializer(kind, Array(parameters)))
    #expect(initializer.kind == kind)
    #expect(initializer.parameters == Array(parameters))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(initializer), as: UTF8.self)
    let list = parameters.map { $0 == 2 ? "2" : "\($0)" }.joined(separator: ",")
    #expect(text == "{\"kind\":\"\(kind.rawValue)\",\"parameters\":[\(list)]}")
    #expect(try JSONDecoder().decode(Initializer.self, from: Data(text.utf8)) == initializer)
  }

  @Test("with another number of parameters are none")
  func wrongCount() {
    for kind in Initializer.Kind.allCases {
      #expect(Initializer(kind, [Double](repeating: 1, count: kind.parameterCount + 1)) == nil)
    }
    for text in [
      #"{"kind": "nrmal", "parameters": []}"#, #"{"kind": "normal", "parameters": [1]}"#,
      #"{"kind": "zeros", "parameters": [1]}"#, #"{"kind": "zeros"}"#,
    ] {
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode(Initializer.self, from: Data(text.utf8))
      }
    }
  }
}
