// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse build`: spec to shared library.

import ArgumentParser
import MixFuse
import MixFuseRuntime
import MixFuseShared

struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Compile a spec into a shared library.",
    discussion: """
      Writes NAME.so, its C header and C source, its manifest (.json) and a Swift binding, and lists
      them. An unchanged build comes from the cache. With --emit it writes what is named there, all
      or nothing: a static library (a: libNAME.a), assembly language (asm: NAME.s), a Python binding
      (python: NAME/__init__.py), what pkg-config (pc) and CMake (cmake) need to find the library.

        mixfuse build Examples/maml_sinusoid.mix -o build
        mixfuse build Examples/maml_sinusoid.mix -o build --emit a,header,pc,cmake
        mixfuse build Examples/mnist1d_lr.mix --set steps=20 --dtype f64 -o build
      """)

  @OptionGroup var flags: BuildFlags

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The folder to write to; made if need be.", valueName: "folder"))
  var folder = "."

  @Option(
    help: ArgumentHelp(
      "What to write: so, a, asm, header, c, manifest, swift, python, pc, cmake.",
      valueName: "file,file"))
  var emit = FileList(files: BuildFile.usual)

  func validate() throws {
    if let fault = emit.fault { throw ValidationError(fault) }
  }

  mutating func run() throws {
    let watch = Stopwatch()
    let compilation = try flags.compilation()
    let result = try compilation.build(
      into: folder, cache: flags.noCache ? nil : Compilation.defaultCache, writing: emit.files)
    printError(compilation.warningText)
    let source = result.cameFromCache ? " (from the cache)" : ""
    let summary = "built \(result.name) in \(shortNumber(watch.seconds)) s\(source)"
    try printOutput((result.files + [summary]).joined(separator: "\n"))
  }
}

/// Kinds of files, comma apart: `so,header`. One that is named twice is written once.
struct FileList: ExpressibleByArgument {
  let files: [BuildFile]
  /// The words that name no kind of file.
  private let others: [String]

  init(files: [BuildFile]) {
    self.files = files
    others = []
  }

  init(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    others = words.filter { BuildFile(rawValue: $0) == nil }
    files = words.compactMap { BuildFile(rawValue: $0) }.reduce(into: []) { files, file in
      if !files.contains(file) { files.append(file) }
    }
  }

  var defaultValueDescription: String { files.map(\.rawValue).joined(separator: ",") }

  /// What is wrong with the choice, or nil.
  var fault: String? {
    let known = BuildFile.allCases.map(\.rawValue)
    guard let other = others.first else { return BuildFile.fault(of: files) }
    let help = suggestion(other, known)
    return
      "--emit: '\(other)' is no kind of file\(help); there are \(known.joined(separator: ", "))"
  }

  private func suggestion(_ word: String, _ known: [String]) -> String {
    closestName(to: word, among: known).map { "; did you mean \($0)?" } ?? ""
  }
}
