// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse sweep`: plan many configurations, to compare the derivations.

import ArgumentParser
import MixFuse
import MixFuseRuntime

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Plan specs over presets and sizes, in the standard and the mixed derivation.",
    discussion: """
      Plans every spec with every preset and every combination of sizes, and compares the memory of
      the derivations. Nothing is compiled and nothing allocated.

        mixfuse sweep Examples/chinchilla_maml.mix --preset 57M --preset 306M \\
          --vary steps=2,4,8 --vary batch=2,4,8 --csv sweep.csv --svg sweep.svg
      """)

  @Argument(help: "The specs.", completion: .file(extensions: ["mix"]))
  var specs: [String]

  @Option(
    name: .customLong("preset"),
    help: ArgumentHelp("A preset of the specs; may be repeated.", valueName: "name"))
  var presets: [String] = []

  @Option(
    name: .customLong("vary"),
    help: ArgumentHelp("Sizes of a dimension; may be repeated.", valueName: "dim=n,n,..."))
  var dims: [DimensionRange] = []

  @Option(help: ArgumentHelp("Write the plans into a table.", valueName: "file"))
  var csv: String?

  @Option(help: ArgumentHelp("Draw the ratios of memory into a file.", valueName: "file"))
  var svg: String?

  mutating func run() throws {
    let files = (csv: try TextFile(csv), svg: try TextFile(svg))
    let request = SweepRequest(
      specs: specs, presets: presets, dims: dims.map { ($0.name, $0.sizes) })
    let count = request.points.count
    let report = try request.run { done in
      if done % 50 == 0 || done == count { printError("\(done) of \(count) planned\n") }
    }
    printError(report.warningText)
    try files.csv?.finish(report.csv)
    try files.svg?.finish(report.svg)
    try printOutput(csv == nil ? report.csv : report.summary, terminator: "")
  }
}

/// `NAME=SIZE,SIZE,...`.
struct DimensionRange: ExpressibleByArgument {
  let name: String
  let sizes: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else { return nil }
    let sizes = parts[1].split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !sizes.isEmpty, !sizes.contains(nil) else { return nil }
    self.name = String(parts[0])
    self.sizes = sizes.compactMap(\.self)
  }
}
