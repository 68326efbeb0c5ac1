// SPDX-License-Identifier: Apache-2.0
//
// Where a node comes from: a place in the user's spec, and the chain of derivative rules that led
// from there to the node. Dumps, kernel comments and run-time errors print it.

/// The origin of an IR node. Builders hand it down from the node being rewritten, so a rule or a
/// pass keeps it without doing anything.
package struct Provenance: Hashable, Sendable, CustomStringConvertible {
  /// `file:line:column` in the spec; empty for nodes that no spec line asked for.
  package var location: String
  /// Outermost rule last: `["vjp of contract wrt rhs", "jvp of multiply"]`.
  package var rules: [String]

  package init(location: String = "", rules: [String] = []) {
    self.location = location
    self.rules = rules
  }

  /// The same place, one derivative rule further.
  package func applying(rule: String) -> Provenance {
    Provenance(location: location, rules: rules + [rule])
  }

  /// `maml.mix:14:9, vjp of contract wrt rhs, jvp of multiply`.
  package var description: String {
    ([location] + rules).filter { !$0.isEmpty }.joined(separator: ", ")
  }
}
