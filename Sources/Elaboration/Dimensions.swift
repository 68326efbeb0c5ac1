// SPDX-License-Identifier: Apache-2.0
//
// Binding of dimensions and file constants. Dimensions are evaluated in order of declaration, so
// that `dim width = heads * head_width` follows an override of `heads`; an override replaces the
// expression of the dimension it names, and so does a preset, which an override overrules.

import Diagnostics
import SpecLanguage

extension Elaborator {
  /// Binds the dimensions, with the sizes of `overrides`, and else of a preset, in place of the
  /// declared ones.
  ///
  /// - Errors: `dimension.unknown`, `dimension.range`, `preset.unknown`, `declaration.repeated`,
  ///   `type.whole` and those of expressions.
  func bindDimensions(overrides: [String: Int], preset: String? = nil) {
    checkPresets()
    let chosen = preset.flatMap(sizes(ofPreset:)) ?? [:]
    let declared = declarations.dimensions.map(\.name.text)
    for name in overrides.keys.sorted() where !declared.contains(name) {
      let help =
        didYouMean(name, among: declared)
        ?? "its dimensions are \(declared.joined(separator: ", "))"
      diagnostics.report(ElaborationMessage.dimensionUnknown(name), at: nil, help: help)
    }
    for dimension in declarations.dimensions {
      let name = dimension.name.text
      let value = chosen[name] ?? dimension.value
      var size: Int
      if let override = overrides[name] {
        size = override
      } else {
        // After an error the size 1 lets the rest be looked at.
        size = attempt { try integer(value, "the dimension \(name)") } ?? 1
      }
      if size < 1 || size > Self.largestInteger {
        _ = fail(.dimensionOutOfRange(name, size), at: value.span)
        size = 1
      }
      dimensions.append((name, size))
      // A dimension that is made of others is no size of its own, unless it is given another one.
      let made = sizeForm(dimension.value).flatMap { form in
        number(dimension.value) == size && !form.isNumber ? form : nil
      }
      fileScope.declare(
        name,
        Binding(
          value: .integer(size), declaration: dimension.name.span, isVariable: false,
          form: made ?? SizeForm(dimension: name)))
    }
  }

  /// Every preset must name dimensions of the spec, each once, whether or not it is chosen.
  private func checkPresets() {
    let declared = declarations.dimensions.map(\.name.text)
    for preset in declarations.presets {
      var places: [String: Span] = [:]
      for size in preset.sizes {
        let name = size.name
        if !declared.contains(name.text) {
          _ = fail(
            .dimensionUnknown(name.text), at: name.span,
            help: didYouMean(name.text, among: declared))
        }
        if let previous = places.updateValue(name.span, forKey: name.text) {
          _ = fail(
            .declarationRepeated(name.text), at: name.span,
            notes: [DiagnosticNote("\(name.text) has a size here already", at: previous)])
        }
      }
    }
  }

  /// The sizes of a preset by dimension.
  private func sizes(ofPreset name: String) -> [String: Expression]? {
    guard let preset = declarations.presets.first(where: { $0.name == name }) else {
      let known = declarations.presets.map(\.name)
      let list = known.isEmpty ? "it has none" : "its presets are \(known.joined(separator: ", "))"
      diagnostics.report(
        ElaborationMessage.presetUnknown(name), at: nil,
        help: didYouMean(name, among: known).map { "\($0) \(list)" } ?? list)
      return nil
    }
    let sizes = preset.sizes.map { ($0.name.text, $0.value) }
    return Dictionary(sizes) { first, _ in first }
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
