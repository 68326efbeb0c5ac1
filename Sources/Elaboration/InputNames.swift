// SPDX-License-Identifier: Apache-2.0
//
// The names of a library's inputs are the spec's names, with dots for nesting. They must differ; how
// generated C and Swift spell them is decided there (`CNames`).

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Reports names of parameters and data that are not usable together as inputs.
  ///
  /// - Errors: `declaration.repeated`.
  func checkInputNames(_ trees: [DeclaredTree], _ data: [DeclaredData]) {
    var inputs: [(name: String, place: Span)] = []
    for tree in trees {
      inputs += zip(tree.leaves, tree.root.leaves).map { leaf, node in
        // The leaves of a copied tree are declared elsewhere; what can be renamed is the copy.
        (leaf.name, tree.name == leaf.name ? node.leaf.declaration : tree.declaration)
      }
    }
    inputs += data.map { ($0.name.text, $0.name.span) }
    var known: [String: Span] = [:]
    for tree in trees { known[tree.name] = tree.declaration }
    for (name, place) in inputs {
      if let previous = known[name], previous != place {
        let note = DiagnosticNote("\(name) was declared here before", at: previous)
        _ = fail(.declarationRepeated(name), at: place, notes: [note])
      }
      known[name] = place
    }
  }
}
