// SPDX-License-Identifier: Apache-2.0
//
// Names and what they stand for. Scopes are nested: a block sees the names of the scopes around it,
// a function only its own and the file's.

import Diagnostics

/// A name with its value.
struct Binding {
  var value: Value
  /// Where the name was declared; nil for names that no source line declares.
  let declaration: Span?
  /// True for `var` and for what an optimiser's update assigns.
  let isVariable: Bool
  /// What is known of a size beside its value.
  var form: SizeForm?
}

/// A set of names, inside another one.
final class Scope {
  let parent: Scope?
  private(set) var bindings: [String: Binding] = [:]

  init(parent: Scope?) {
    self.parent = parent
  }

  func lookup(_ name: String) -> Binding? { bindings[name] ?? parent?.lookup(name) }

  /// Declares a name in this scope; the previous declaration in the same scope, if any, is returned.
  @discardableResult
  func declare(_ name: String, _ binding: Binding) -> Binding? {
    let previous = bindings[name]
    bindings[name] = binding
    return previous
  }

  /// Gives an existing name a new value, in the scope that declares it.
  func assign(_ name: String, _ value: Value, form: SizeForm? = nil) {
    if bindings[name] != nil {
      bindings[name]?.value = value
      bindings[name]?.form = form
    } else {
      parent?.assign(name, value, form: form)
    }
  }

  /// All names that can be seen from here, for "did you mean".
  var visibleNames: Set<String> { Set(bindings.keys).union(parent?.visibleNames ?? []) }
}
