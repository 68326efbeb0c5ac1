// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse format`: specs in the standard layout.

import ArgumentParser
import MixFuse

struct FormatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "format",
    abstract: "Lay out specs in the standard way.",
    discussion: """
      Changes blanks alone: indentation, spaces between words, empty lines. Comments, line breaks and
      aligned columns stay. Files that were changed are listed; a file with a mistake is an error, and
      then none is changed.

        mixfuse format Examples/*.mix
        mixfuse format --check Examples/*.mix
      """)

  @Argument(help: "The specs.", completion: .file(extensions: ["mix"]))
  var specs: [String]

  @Flag(help: "Change nothing; list the files that would be, and fail if there are any.")
  var check = false

  mutating func run() throws {
    let changed = try formattedSpecs(specs).filter(\.isChanged)
    if !check { try write(changed) }
    for spec in changed { try printOutput(spec.path) }
    if check && !changed.isEmpty {
      try StandardStreams.finish()
      throw ExitCode(1)
    }
  }
}
