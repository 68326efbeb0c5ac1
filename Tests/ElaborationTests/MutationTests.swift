// SPDX-License-Identifier: Apache-2.0
//
// Specs with random slips. Whatever is missing, doubled or exchanged, the compiler must come back
// with diagnostics or a problem; a trap here would be a crash for a user who mistyped.

import Diagnostics
import Elaboration
import Foundation
import MixFuseShared
import SpecLanguage
import Testing

@Suite("specs with random slips")
struct MutationTests {
  private static let specs = [
    "Examples/maml_sinusoid.mix", "Examples/mnist1d_lr.mix", "Examples/digits_reweighting.mix",
    "Tests/Cases/chinchilla/model.mix", "Tests/Cases/chinchilla/loss_weighting.mix",
    "Tests/Cases/words/loops.mix", "Tests/Cases/words/parts.mix",
  ]

  /// The tokens of a spec, with those of the files it imports before them.
  private func words(_ path: String) throws -> [String] {
    let file = root.appendingPathComponent(path)
    let text = try String(contentsOf: file, encoding: .utf8)
    let tokens = tokenize(SourceFile(name: path, text: text), diagnostics: DiagnosticCollector())
    let own = tokens.map(\.span.text).filter { !$0.isEmpty }
    guard let position = own.firstIndex(of: "import") else { return own }
    let model = try words("Tests/Cases/chinchilla/model.mix")
    return model + own[..<position] + own[(position + 2)...]
  }

  @Test("one to three slips in a spec never stop the compiler", arguments: 0..<150)
  func slips(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    var words = try words(Self.specs[seed % Self.specs.count])
    for _ in 0...random.next(below: 3) {
      let position = random.next(below: words.count)
      let other = random.next(below: words.count)
      switch random.next(below: 4) {
      case 0: words.remove(at: position)
      case 1: words.insert(words[other], at: position)
      case 2: words[position] = words[other]
      default: words.swapAt(position, other)
      }
    }
    let outcome = elaborated(words.joined(separator: " "))
    #expect((outcome.problem == nil) == outcome.diagnostics.hasErrors)
    #expect(outcome.diagnostics.exitCode <= 2)
  }
}
