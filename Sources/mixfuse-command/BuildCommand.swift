// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse build`: spec to shared library.

import ArgumentParser
import MixFuse
import MixFuseRuntime

struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Compile a spec into a shared library.",
    discussion: """
      Writes NAME.so, its C header and C source, its manifest (.json) and a Swift binding, and lists
      them. An unchanged build comes from the cache.

        mixfuse build Examples/maml_sinusoid.mix -o build
        mixfuse build Examples/mnist1d_lr.mix --set steps=20 --dtype f64 -o build
      """)

  @OptionGroup var flags: BuildFlags

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The folder to write to; made if need be.", valueName: "folder"))
  var folder = "."

  mutating func run() throws {
    let watch = Stopwatch()
    let compilation = try flags.compilation()
    let result = try compilation.build(
      into: folder, cache: flags.noCache ? nil : Compilation.defaultCache)
    printError(compilation.warningText)
    let source = result.cameFromCache ? " (from the cache)" : ""
    let summary = "built \(result.name) in \(shortNumber(watch.seconds)) s\(source)"
    try printOutput((result.files + [summary]).joined(separator: "\n"))
  }
}
