// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse plan`: what it prints is what a build would use, its parts add up, and no array of the
// mixed derivation grows with the square of the sequence or with tokens times vocabulary.

import CEmission
import Differentiation
import Foundation
import Kernels
import MixFuseShared
import Scheduling
import TensorIR
import Testing

@testable import MixFuse

@Suite("Plan")
struct PlanTests {
  static let examples = ["maml_sinusoid", "mnist1d_lr", "chinchilla_maml"]

  static func compilation(
    _ spec: String, _ dims: [String: Int] = [:], preset: String? = nil,
    switches: DerivationOptions = DerivationOptions()
  ) -> Compilation {
    var options = BuildOptions()
    options.dims = dims
    options.preset = preset
    options.derivation = switches
    return Compilation(path: Repository.file(spec).path, options: options)
  }

  @Test("the arena of the plan is the arena of the manifest", arguments: examples)
  func manifest(_ name: String) throws {
    let compilation = Self.compilation("Examples/\(name).mix")
    let report = try compilation.plan()
    let text = try compilation.generatedText(
      of: compilation.problem(), for: compilation.target())
    #expect(report.entryPoints.map(\.name) == text.manifest.entryPoints.map(\.name))
    for (plan, entry) in zip(report.entryPoints, text.manifest.entryPoints) {
      #expect(plan.arenaBytes == entry.arenaBytes)
      #expect(plan.arenaBytesPerWorker == entry.arenaBytesPerWorker)
      #expect(plan.flops == entry.flops)
    }
  }

  @Test(
    "the categories and the gaps make up the arena", arguments: examples,
    DerivationOptions.allCombinations)
  func split(_ name: String, _ switches: DerivationOptions) throws {
    let report = try Self.compilation("Examples/\(name).mix", switches: switches).plan()
    for plan in report.entryPoints {
      #expect(plan.shared.bytes.reduce(0, +) + plan.shared.gapBytes == plan.arenaBytes)
      #expect(
        plan.perWorker.bytes.reduce(0, +) + plan.perWorker.gapBytes == plan.arenaBytesPerWorker)
      // The arrays in use at one time lie beside one another, so they cannot be more than the arena.
      #expect(plan.shared.gapBytes >= 0)
      #expect(plan.perWorker.gapBytes >= 0)
    }
  }

  @Test("saved gradients are trajectory, and there is no more of it without them")
  func trajectory() throws {
    let dims = ["steps": 4]
    let saved = try Self.compilation("Examples/chinchilla_maml.mix", dims).plan([.metaGradient])
    let recomputed = try Self.compilation(
      "Examples/chinchilla_maml.mix", dims,
      switches: DerivationOptions(innerGradients: .recompute)
    ).plan([.metaGradient])
    let trajectories = [saved, recomputed].map { $0.entryPoints[0].shared[.trajectory] }
    // Four gradients, each of the size of theta.
    #expect(trajectories[0] >= 4 * 4 * saved.thetaCount)
    #expect(trajectories[1] < trajectories[0])
  }

  @Test("JSON has the arena, operations and bytes moved of every entry point")
  func json() throws {
    let report = try Self.compilation("Examples/chinchilla_maml.mix").plan()
    let object = try JSONSerialization.jsonObject(with: Data(try report.json().utf8))
    let document = try #require(object as? [String: [String: [String: Int]]])
    let entries = try #require(document["entry_points"])
    #expect(Set(entries.keys) == Set(EntryPoint.allCases.map(\.rawValue)))
    let entry = try #require(entries["meta_gradient"])
    let plan = try #require(report.entryPoint("meta_gradient"))
    #expect(entry["arena_bytes"] == plan.arenaBytes)
    #expect(entry["flops"] == plan.flops && plan.flops > 0)
    #expect(entry["bytes_moved"] == plan.bytesMoved && plan.bytesMoved > 0)
    let parts = MemoryCategory.allCases.map(\.key) + ["gap_bytes"]
    let sum = parts.reduce(0) { $0 + (entry[$1] ?? -1) }
    #expect(sum == plan.arenaBytes + plan.arenaBytesPerWorker)
  }

  @Test("the text and the picture show the course of memory")
  func timeline() throws {
    let report = try Self.compilation("Examples/chinchilla_maml.mix").plan()
    let text = report.text(detailing: "meta_gradient", workers: 2)
    for part in ["arena, 2 threads", "inner steps, backward > layers", "kept by inner steps"] {
      #expect(text.contains(part))
    }
    let plan = try #require(report.entryPoint("meta_gradient"))
    let svg = PlanTimeline(plan).svg
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    #expect(isWellFormed(svg: svg))
  }

  // MARK: Large arrays

  private static let sequence = 2048
  private static let vocabulary = 4099
  /// Sizes at which an S x S or a tokens x vocabulary array is larger than anything else, and far
  /// larger than a tile of the logits.
  private static let longSequence = [
    "layers": 2, "heads": 2, "seq": sequence, "batch": 1, "steps": 2,
  ]

  /// The number of elements of the largest array outside of inputs and outputs.
  private static func largestArray(
    _ spec: String, _ dims: [String: Int], _ switches: DerivationOptions
  ) throws -> Int {
    let compilation = compilation(spec, longSequence.merging(dims) { $1 }, switches: switches)
    let programs = try compilation.programs(
      of: compilation.problem(), on: compilation.target().machine)
    return programs.flatMap(\.buffers).filter { $0.role != .port }.map(\.elementCount).max() ?? 0
  }

  @Test(
    "neither an S x S nor a tokens x vocabulary array is in the mixed derivation",
    arguments: [
      "chinchilla_maml", "chinchilla_learning_lr", "chinchilla_loss_weighting",
    ], DerivationOptions.allCombinations.filter { $0.derivation == .mixed })
  func noLargeArray(_ name: String, _ switches: DerivationOptions) throws {
    let dims = ["width": 16, "head_width": 8, "ffw": 64, "vocab": Self.vocabulary]
    let largest = try Self.largestArray("Examples/\(name).mix", dims, switches)
    #expect(largest < Self.sequence * min(Self.sequence, Self.vocabulary) / 2)
  }

  @Test("a transformer that writes out its scores and logits has both arrays")
  func writtenOut() throws {
    // What the test above would see if it did not hold.
    let dims = ["d": 16, "kv": 8, "ffw": 64, "vocabulary": Self.vocabulary]
    let spec = "Tests/Cases/chinchilla/maml.mix"
    let largest = try Self.largestArray(spec, dims, DerivationOptions())
    #expect(largest >= Self.sequence * Self.vocabulary)
  }

  // MARK: Sizes

  @Test("memory at the sizes of the paper stays within its bounds")
  func bounds() throws {
    let bounds = [("small", 400), ("57M", 3000)]
    for (preset, mebibytes) in bounds {
      let report = try Self.compilation("Examples/chinchilla_maml.mix", preset: preset)
        .plan([.metaGradient])
      #expect(report.entryPoints[0].totalBytes(workers: 2) <= mebibytes << 20, "\(preset)")
    }
  }

  @Test("useful operations count attention's lower triangle and the classifier")
  func usefulOperations() throws {
    let dims = ["layers": 3, "width": 16, "heads": 2, "head_width": 8, "ffw": 64]
    let sizes = ["vocab": 31, "seq": 12, "batch": 3, "steps": 5]
    let compilation = Self.compilation(
      "Examples/chinchilla_maml.mix", dims.merging(sizes) { $1 })
    let tokens = 3 * 12
    let projections = 4 * 2 * tokens * 16 * 16 + 2 * 2 * tokens * 16 * 64
    let attention = 2 * 2 * (3 * 2) * (12 * 13 / 2) * 8
    let unit = 3 * (projections + attention) + 2 * tokens * 16 * 31
    let problem = try compilation.problem()
    #expect(problem.usefulFlops(of: "inner_loss") == unit)
    #expect(problem.usefulFlops(of: "meta_gradient") == (11 * 5 + 3) * unit)
  }
}

/// Whether every tag of a picture is closed; the pictures have neither comments nor text with
/// brackets.
func isWellFormed(svg: String) -> Bool {
  var open: [Substring] = []
  for piece in svg.split(separator: "<") {
    guard let end = piece.firstIndex(of: ">") else { return false }
    let tag = piece[..<end]
    if tag.hasPrefix("/") {
      guard open.popLast() == tag.dropFirst() else { return false }
    } else if !tag.hasSuffix("/") {
      open.append(tag.prefix { $0 != " " })
    }
  }
  return open.isEmpty
}
