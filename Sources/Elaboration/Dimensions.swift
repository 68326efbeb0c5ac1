// SPDX-License-Identifier: Apache-2.0
//
// Binding of dimensions and file constants. Dimensions are evaluated in order of declaration, so
// that `dim width = heads * head_width` follows an override of `heads`; an override replaces the
// expression of the dimension it names.

import Diagnostics
import SpecLanguage

extension Elaborator {
  /// Binds the dimensions, with the sizes of `overrides` in place of the declared ones.
  ///
  /// - Errors: `dimension.unknown`, `dimension.range`, `type.whole` and those of expressions.
  func bindDimensions(overrides: [String: Int]) {
    let declared = declarations.dimensions.map(\.name.text)
    for name in overrides.keys.sorted() where !declared.contains(name) {
      let help =
        didYouMean(name, among: declared)
        ?? "its dimensions are \(declared.joined(separator: ", "))"
      diagnostics.report(ElaborationMessage.dimensionUnknown(name), at: nil, help: help)
    }
    for dimension in declarations.dimensions {
      let name = dimension.name.text
      var size: Int
      if let override = overrides[name] {
        size = override
      } else {
        // After an error the size 1 lets the rest be looked at.
        size = attempt { try integer(dimension.value, "the dimension \(name)") } ?? 1
      }
      if size < 1 || size > Self.largestInteger {
        _ = fail(.dimensionOutOfRange(name, size), at: dimension.value.span)
        size = 1
      }
      dimensions.append((name, size))
      fileScope.declare(
        name,
        Binding(
          value: .integer(size), declaration: dimension.name.span, isVariable: false))
    }
  }

  /// Binds the `let` constants of the file. They may be numbers, texts, and lists and records of
  /// them, but not arrays, which belong to one graph.
  func bindConstants() {
    for binding in declarations.constants {
      bind(binding)
      for name in binding.names {
        guard let value = fileScope.lookup(name.text)?.value, !value.tensors.isEmpty else {
          continue
        }
        _ = fail(
          .kind(
            what: "a constant of the file", expected: "known at build time", found: value.kind),
          at: binding.value.span)
        fileScope.assign(name.text, .poison)
      }
    }
  }

  /// Warns of dimensions that nothing uses.
  func warnOfUnusedDimensions() {
    for dimension in declarations.dimensions where !usedDimensions.contains(dimension.name.text) {
      _ = fail(.unused("the dimension \(dimension.name.text)"), at: dimension.name.span)
    }
  }
}
