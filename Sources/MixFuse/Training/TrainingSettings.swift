// SPDX-License-Identifier: Apache-2.0
//
// What decides the course of a training run, as names and values in words. A checkpoint holds them,
// so that whoever goes on from it learns of every difference before it matters:
//
//     spec = 6f1d0c52a7b3e894
//     dims.hidden = 40
//     rate = 0.001
//     data.x = f32 [4000, 40] 0b7e4f0a91c2d3e5
//
// The hexadecimal digits are the beginning of a BLAKE3 hash.

import Diagnostics
import MixFuseRuntime
import SpecLanguage
import Toolchain

/// The settings of a run.
package struct TrainingSettings: Equatable, Sendable {
  private(set) var entries: [(name: String, value: String)] = []

  /// What `--allow-changes` may name: the part of a setting's name before the first dot.
  static let groups = [
    "all", "carry_theta", "data", "derivation", "dims", "draw_apart", "dtype", "init",
    "inner_gradients", "last_step", "optimizer", "rate", "remat", "remat_of_gradients", "seed",
    "spec",
  ]

  /// A difference between two runs.
  package struct Difference: Equatable, Sendable {
    let name: String
    /// The value of the checkpoint and of the run at hand; nil where there is none.
    let found: String?, expected: String?

    var group: String { String(name.prefix { $0 != "." }) }
    var text: String { "\(name): found \(found ?? "none"), expected \(expected ?? "none")" }
  }

  init() {}

  /// Reads what `text` wrote, or nil if it is something else.
  init?(text: String) {
    for line in text.split(separator: "\n") {
      guard let middle = line.firstRange(of: " = ") else { return nil }
      self[String(line[..<middle.lowerBound])] = String(line[middle.upperBound...])
    }
  }

  /// The value of a setting; setting a new name appends it.
  subscript(name: String) -> String? {
    get { entries.first { $0.name == name }?.value }
    set {
      entries.removeAll { $0.name == name }
      if let newValue { entries.append((name, newValue)) }
    }
  }

  /// A line a setting, in the order of their names.
  var text: String {
    entries.sorted { $0.name < $1.name }.map { "\($0.name) = \($0.value)\n" }.joined()
  }

  /// Takes over where parameters started, as far as it was not said again.
  mutating func keepHistory(of checkpoint: TrainingSettings) {
    for (name, value) in checkpoint.entries where name.hasPrefix("init.") && self[name] == nil {
      self[name] = value
    }
  }

  /// The differences to the settings of a checkpoint.
  ///
  /// Where a parameter started no longer matters, unless the user says it again and says otherwise.
  /// What only changes the last bits, the compiler and the processor, is compared by `notes`.
  func differences(to checkpoint: TrainingSettings) -> [Difference] {
    let names = entries.map(\.name) + checkpoint.entries.map(\.name).filter { self[$0] == nil }
    return names.compactMap { name in
      let (found, expected) = (checkpoint[name], self[name])
      let isHistory = name.hasPrefix("init.") && expected == nil
      guard found != expected, !isHistory, !Self.informative.contains(name) else { return nil }
      return Difference(name: name, found: found, expected: expected)
    }
  }

  /// What a user should know who wants the same bits.
  func notes(on checkpoint: TrainingSettings) -> [String] {
    Self.informative.compactMap { name in
      guard let found = checkpoint[name], let expected = self[name], found != expected else {
        return nil
      }
      return "the checkpoint was written with \(name) \(found), this is \(expected): "
        + "the run goes on, but perhaps not bit for bit"
    }
  }

  private static let informative = ["compiler", "cpu"]

  package static func == (lhs: Self, rhs: Self) -> Bool { lhs.text == rhs.text }
}

extension TrainingSettings {
  /// The settings of a run.
  ///
  /// - Cost: one pass over the data.
  /// - Throws: `CompilationFailure`.
  init(
    _ compilation: Compilation, _ manifest: Manifest, _ feed: DataFeed, seed: UInt64,
    _ options: TrainingOptions
  ) throws {
    let texts = try compilation.spec.bytes(reportingTo: compilation.diagnostics)
    self["spec"] = ContentDigest(ofParts: texts).short
    for (name, size) in manifest.dims.sorted(by: { $0.key < $1.key }) {
      self["dims.\(name)"] = "\(size)"
    }
    self["dtype"] = manifest.elementType.rawValue
    for (name, value) in manifest.options.sorted(by: { $0.key < $1.key }) { self[name] = value }
    self["optimizer"] = options.optimizer.rawValue
    self["rate"] = "\(options.rate)"
    self["seed"] = "\(seed)"
    self["carry_theta"] = "\(options.carriesTheta)"
    if !options.apart.isEmpty { self["draw_apart"] = options.apart.sorted().joined(separator: ",") }
    for (name, value) in options.initialValues { self["init.\(name)"] = "\(value)" }
    for (name, array) in feed.arrays {
      let digest = array.withUnsafeBytes { ContentDigest(of: $0) }
      self["data.\(name)"] = "\(array) \(digest.short)"
    }
    self["compiler"] = manifest.compiler
    self["cpu"] = manifest.target.cpu
  }
}

extension ContentDigest {
  /// Enough digits to tell texts apart that nobody made to look alike.
  fileprivate var short: String { String(hex.prefix(16)) }
}
