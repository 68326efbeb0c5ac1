// SPDX-License-Identifier: Apache-2.0
//
// Damaged array files through their readers: .npy, .npz (stored and deflated) and .safetensors,
// written here or by NumPy (Tests/Seeds/arrays). A reader takes or refuses them, and keeps within a
// memory that fits the file.

import Foundation
import MixFuse
import MixFuseRuntime
import TestSupport

struct ArrayFileTrial: Trial {
  let name = "arrays"
  let purpose = "damaged .npy, .npz and .safetensors files through their readers"
  let secondLimit = 20.0
  let byteLimit = 1 << 30
  let share = 400

  func files(seed: UInt64) throws -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    let (name, bytes) = try Self.original(&generator)
    // Every tenth is left whole.
    return [CaseFile(name, seed.isMultiple(of: 10) ? bytes : generator.damaged(bytes))]
  }

  private static func original(_ generator: inout SeededGenerator) throws -> (String, [UInt8]) {
    if generator.chance(0.4) {
      let path = generator.choose(try Repository.files(in: "Tests/Seeds/arrays"))
      return (String(path.split(separator: "/").last ?? "arrays.npz"), try Repository.bytes(path))
    }
    let name = "arrays." + generator.choose(["npy", "npz", "npz", "safetensors"])
    var arrays = NamedArrays()
    for index in 0..<(name.hasSuffix("npy") ? 1 : generator.choose([1, 2, 4])) {
      let shape = (0..<generator.choose([0, 1, 2, 3])).map { _ in generator.choose([1, 2, 5]) }
      let count = shape.reduce(1, *)
      let values = (0..<count).map { _ in Double.random(in: -9...9, using: &generator) }
      switch generator.choose([0, 1, 2]) {
      case 0: arrays["theta.w\(index)"] = try NDArray(values, shape: shape)
      case 1: arrays["x\(index)"] = try NDArray(values.map { Float($0) }, shape: shape)
      default: arrays["y\(index)"] = try NDArray(values.map { Int32($0) }, shape: shape)
      }
    }
    let place = try Place.new()
    defer { place.remove() }
    let compression: Compression = generator.chance(0.5) ? .stored : .deflated
    try ArrayFile.write(arrays, to: place.file(name), compression: compression)
    return (name, place.bytes(name) ?? [])
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    guard let name = place.names(in: "").first else { return .failed("there is no file") }
    let before = ProcessMemory.peakResidentBytes ?? 0
    do {
      let arrays = try ArrayFile.read(place.file(name))
      for (_, array) in arrays { _ = array.firstNaN }
    } catch {
      guard FailureReport(error).exitCode == 1 else { return .failed("\(error)") }
      if seed.isMultiple(of: 10) { return .failed("a whole file is refused: \(error)") }
    }
    let grown = (ProcessMemory.peakResidentBytes ?? 0) - before
    return grown > 256 << 20 ? .failed("reading took \(grown) bytes") : .passed
  }
}
