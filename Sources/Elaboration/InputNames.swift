// SPDX-License-Identifier: Apache-2.0
//
// The names of a library's inputs. They are the spec's names with dots for nesting, and become C
// identifiers with underscores for dots, so they must differ there too and must not be words of C.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Reports names of parameters and data that are not usable together as inputs.
  ///
  /// - Errors: `declaration.repeated`, `declaration.name`.
  func checkInputNames(_ trees: [DeclaredTree], _ data: [DeclaredData]) {
    var inputs: [(name: String, place: Span)] = []
    for tree in trees {
      inputs += zip(tree.leaves, tree.root.leaves).map { leaf, node in
        // The leaves of a copied tree are declared elsewhere; what can be renamed is the copy.
        (leaf.name, tree.name == leaf.name ? node.leaf.declaration : tree.declaration)
      }
    }
    inputs += data.map { ($0.name.text, $0.name.span) }
    var known: [String: (name: String, place: Span)] = [:]
    for tree in trees { known[tree.name] = (tree.name, tree.declaration) }
    for (name, place) in inputs {
      let identifier = name.replacing(".", with: "_")
      if Self.wordsOfC.contains(identifier) { _ = fail(.wordOfC(name), at: place) }
      if let previous = known[identifier], previous.place != place || previous.name != name {
        let note = DiagnosticNote("\(previous.name) was declared here before", at: previous.place)
        _ = fail(
          previous.name == name
            ? .declarationRepeated(name) : .sameIdentifier(previous.name, name, identifier),
          at: place, notes: [note])
      }
      known[identifier] = (name, place)
    }
  }

  /// The keywords of C11 that are possible names in the language.
  private static let wordsOfC: Set<String> = [
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "enum",
    "extern", "float", "goto", "inline", "int", "long", "register", "restrict", "short", "signed",
    "sizeof", "static", "struct", "switch", "typedef", "typeof", "union", "unsigned", "void",
    "volatile", "while",
  ]
}
