// SPDX-License-Identifier: Apache-2.0
//
// A plan as text for people and as JSON for scripts.
//
//   chinchilla_maml, f32: layers = 2, width = 16, ...
//   entry point         arena  parameters...  trajectory  ...      FLOPs  bytes moved
//   meta_gradient     1.2 MiB         310 KiB     120 KiB  ...    0.1 G       12 MiB

package import Differentiation
import Foundation

/// What all entry points of a library will need.
package struct PlanReport: Sendable {
  /// The spec's name.
  package let name: String
  /// The float type, as in the manifest.
  package let dtype: String
  package let dims: [(name: String, value: Int)]
  package let switches: DerivationOptions
  /// The numbers of inner parameters and of meta parameters.
  package let thetaCount: Int, metaCount: Int
  package let entryPoints: [EntryPointPlan]

  /// The plan of an entry point by name.
  package func entryPoint(_ name: String) -> EntryPointPlan? {
    entryPoints.first { $0.name == name }
  }

  // MARK: JSON

  /// `{"entry_points": {"meta_gradient": {"arena_bytes": .., "flops": .., "bytes_moved": ..}}}`, with
  /// the arena's parts beside these; keys in alphabetical order.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let entries = entryPoints.map { ($0.name, $0.numbers) }
    let root = ["entry_points": Dictionary(entries) { first, _ in first }]
    return String(decoding: try encoder.encode(root), as: UTF8.self) + "\n"
  }

  // MARK: Text

  /// The sizes, a table of all entry points, and the timeline of one of them.
  ///
  /// - Parameters:
  ///   - detailed: the name of the entry point whose timeline is shown.
  ///   - workers: the number of threads that the arena is for.
  package func text(detailing detailed: String, workers: Int) -> String {
    let sizes = dims.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    let choices =
      "\(switches.derivation.rawValue) derivation, remat \(switches.rematerializationText), "
      + "inner gradients \(switches.innerGradients.rawValue)\(switches.examplesText)"
    var lines = ["\(name), \(dtype), \(choices)", sizes]
    lines.append(
      "\(decimalCount(thetaCount)) inner parameters, \(decimalCount(metaCount)) meta parameters")
    lines += ["", table(workers: workers)]
    lines += entryPoints.filter { $0.keptBytes > 0 }.map { plan in
      "the inner steps of \(plan.name) keep \(byteCount(plan.keptBytes)) of trajectory in all"
    }
    if let plan = entryPoint(detailed) { lines += ["", PlanTimeline(plan).text] }
    return lines.joined(separator: "\n") + "\n"
  }

  private func table(workers: Int) -> String {
    let threads = workers == 1 ? "1 thread" : "\(workers) threads"
    let categories = MemoryCategory.allCases
    var rows = [
      ["entry point", "arena, \(threads)"] + categories.map(\.title)
        + ["gaps", "FLOPs", "bytes moved", "kernel calls"]
    ]
    for plan in entryPoints {
      let cells = { (split: MemorySplit) in (split.bytes + [split.gapBytes]).map(byteCount) }
      let total = byteCount(plan.totalBytes(workers: workers))
      rows.append(
        [plan.name, total] + cells(plan.shared)
          + [decimalCount(plan.flops), byteCount(plan.bytesMoved), "\(plan.kernelCalls)"])
      if plan.arenaBytesPerWorker > 0 {
        rows.append(
          ["  each thread", byteCount(plan.arenaBytesPerWorker)] + cells(plan.perWorker)
            + ["", "", ""])
      }
    }
    return TextTable(rows).text
  }
}

extension EntryPointPlan {
  /// The plan's numbers by their names in JSON.
  fileprivate var numbers: [String: Int] {
    var result = [
      "arena_bytes": arenaBytes, "arena_bytes_per_worker": arenaBytesPerWorker, "flops": flops,
      "bytes_moved": bytesMoved, "kernel_calls": kernelCalls,
      "gap_bytes": shared.gapBytes + perWorker.gapBytes, "kept_trajectory_bytes": keptBytes,
    ]
    for category in MemoryCategory.allCases {
      result[category.key] = shared[category] + perWorker[category]
    }
    return result
  }
}
