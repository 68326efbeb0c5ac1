// SPDX-License-Identifier: Apache-2.0
//
// Where a node comes from: a place in the user's spec, what it is called there, the chain of
// derivative rules that led from there to the node, and what its result is for. Dumps, the names and
// comments of the generated C, profiles, memory reports and run-time errors print it.

/// The origin of an IR node. Builders hand it down from the node being rewritten, so a rule or a
/// pass keeps it without doing anything.
package struct Provenance: Hashable, Sendable, CustomStringConvertible {
  /// `file:line:column` in the spec; empty for nodes that no spec line asked for.
  package var location: String
  /// Outermost rule last: `["vjp of contract wrt rhs", "jvp of multiply"]`.
  package var rules: [String]
  /// What the node's result is called: `h2` after the spec, `theta.w2`, `h2_adj` for its adjoint;
  /// empty if nothing is known. Not unique.
  package var name: String
  /// What the user called to get it: `relu`, `predict`, `sgd_update`; empty if nothing is known.
  package var function: String
  /// What the node's result is for; of a loop, see `Loop.purpose(ofResult:)`.
  package var purpose: Purpose?

  package init(
    location: String = "", rules: [String] = [], name: String = "", function: String = "",
    purpose: Purpose? = nil
  ) {
    self.location = location
    self.rules = rules
    self.name = name
    self.function = function
    self.purpose = purpose
  }

  /// The same place, one derivative rule further, with the name and purpose of what the rule makes.
  package func applying(rule: String, name: String = "", purpose: Purpose? = nil) -> Provenance {
    var result = self
    result.rules.append(rule)
    result.name = name
    result.purpose = purpose
    return result
  }

  /// The same, of another name.
  package func named(_ name: String) -> Provenance {
    var result = self
    result.name = name
    return result
  }

  /// The same, for another purpose.
  package func `for`(_ purpose: Purpose?) -> Provenance {
    var result = self
    result.purpose = purpose
    return result
  }

  /// `maml.mix:14:9, vjp of contract wrt rhs, jvp of multiply`.
  package var description: String {
    ([location] + rules).filter { !$0.isEmpty }.joined(separator: ", ")
  }
}
