// SPDX-License-Identifier: Apache-2.0
//
// What the names of a spec are called in generated C and Swift: the one place where they are
// escaped. A name that can stay as it is does; a word of the language gets an underscore at its
// end; two names that would be the same are told apart by a number. The manifest has the result
// (`c_name`), so that no caller needs to know these rules.
//
//     eta.block.wq   eta_block_wq       etaBlockWq
//     class          class_             `class`
//     a.b_c, a_b.c   a_b_c, a_b_c_2     aBC, aBC2

package import Scheduling

/// The names of one library in C.
package struct CNames: Sendable {
  /// What its files are called, and what all its symbols begin with.
  package let library: String
  private let fields: [String: String]

  /// - Parameters:
  ///   - spec: the spec's name.
  ///   - entryPoints: all of the library's; a name is spelt the same in each.
  package init(spec: String, entryPoints: [Program]) {
    library = libraryName(ofSpec: spec)
    let names = entryPoints.flatMap { $0.inputs.map(\.name) + $0.outputs.map(\.name) }
    fields = distinctSpellings(of: names, plain: plainCName, escaped: escapedCName)
  }

  /// The field of a structure that holds an array.
  package func field(_ name: String) -> String { fields[name] ?? escapedCName(name) }
}

/// What the library of a spec is called: like the spec, but for names that belong to others.
package func libraryName(ofSpec spec: String) -> String {
  ReservedInC.libraries.contains(spec) ? spec + "_" : spec
}

private func plainCName(_ name: String) -> String { name.replacing(".", with: "_") }

private func escapedCName(_ name: String) -> String {
  let identifier = plainCName(name)
  guard ReservedInC.contains(identifier) else { return identifier }
  return ReservedInC.isForImplementation(identifier) ? "v" + identifier : identifier + "_"
}

/// The names of Swift properties for arrays.
struct SwiftNames {
  private let properties: [String: String]

  init(_ names: [String]) {
    properties = distinctSpellings(
      of: names, plain: { camelCase($0, capitalized: false) },
      escaped: { name in
        let identifier = camelCase(name, capitalized: false)
        return ReservedInSwift.meanings.contains(identifier) ? identifier + "_" : identifier
      })
  }

  /// The property of an array, as it is spelt where it is declared and used.
  func property(_ name: String) -> String {
    let identifier = properties[name] ?? name
    return ReservedInSwift.keywords.contains(identifier) ? "`\(identifier)`" : identifier
  }
}

/// The name of a Swift type: `maml_sinusoid` is `MamlSinusoid`.
func swiftTypeName(_ name: String) -> String {
  let identifier = camelCase(name, capitalized: true)
  return ReservedInSwift.types.contains(identifier) || identifier == "_"
    ? identifier + "_" : identifier
}

/// `eta.block.wq` is `etaBlockWq`, `x_support` is `xSupport`.
private func camelCase(_ name: String, capitalized: Bool) -> String {
  let words = name.split { "._".contains($0) }
  let joined = words.enumerated().map { index, word in
    index == 0 && !capitalized ? String(word) : word.prefix(1).uppercased() + word.dropFirst()
  }.joined()
  // What is left of `_1` would be a number, and of `_` nothing.
  return joined.first.map { $0.isNumber } ?? true ? "_" + joined : joined
}

/// A spelling for each name, no two the same. Names that are spelt as they are come first, then
/// those that need no escaping; within each, the first keeps the spelling.
private func distinctSpellings(
  of names: [String], plain: (String) -> String, escaped: (String) -> String
) -> [String: String] {
  let candidates = names.map { name -> (name: String, spelling: String, rank: Int) in
    let spelling = escaped(name)
    return (name, spelling, spelling == name ? 0 : spelling == plain(name) ? 1 : 2)
  }
  var spellings: [String: String] = [:]
  var taken: Set<String> = []
  for rank in 0...2 {
    for candidate in candidates where candidate.rank == rank && spellings[candidate.name] == nil {
      var spelling = candidate.spelling
      var number = 2
      while !taken.insert(spelling).inserted {
        spelling = "\(candidate.spelling)_\(number)"
        number += 1
      }
      spellings[candidate.name] = spelling
    }
  }
  return spellings
}
