// SPDX-License-Identifier: Apache-2.0
//
// Initialisers as specs write them: `~ normal(0, 0.1)`.

import Diagnostics
import MixFuseShared
import SpecLanguage
import TensorIR

extension Initializer.Kind {
  /// What it takes, for messages.
  fileprivate var takes: String {
    switch self {
    case .constant: "one number"
    case .glorot, .he, .iota, .ones, .zeros: "no arguments"
    case .integers: "a first number and an end"
    case .normal: "a mean and a standard deviation"
    case .uniform: "a lower and an upper end"
    }
  }

  /// Its parameters where a spec gives none; nil where it must.
  fileprivate var defaults: [Double]? {
    switch self {
    case .constant, .integers: nil
    case .glorot, .he, .iota, .ones, .zeros: []
    case .normal, .uniform: [0, 1]
    }
  }

  /// Whether it can fill an array of whole numbers.
  fileprivate var fillsIntegers: Bool {
    switch self {
    case .constant, .integers, .iota, .ones, .zeros: true
    case .glorot, .he, .normal, .uniform: false
    }
  }
}

extension Elaborator {
  /// An initialiser with its arguments as numbers.
  func initializer(_ syntax: InitializerSyntax, dtype: DType) throws -> Initializer {
    let name = syntax.name.text
    guard let kind = Initializer.Kind(rawValue: name) else {
      let known = Initializer.Kind.allCases.map(\.rawValue)
      throw fail(
        .initializerUnknown(name), at: syntax.name.span,
        help: didYouMean(name, among: known) ?? "there are \(known.joined(separator: ", "))")
    }
    guard dtype.isFloat || kind.fillsIntegers else {
      throw fail(
        .kind(
          what: "the initialiser of whole numbers", expected: "integers(first, end)", found: name),
        at: syntax.name.span)
    }
    let given = syntax.arguments.isEmpty ? kind.defaults : try arguments(syntax, kind, dtype)
    guard let given, let initializer = Initializer(kind, given) else {
      throw fail(
        .initializerArguments(name, expected: kind.takes, found: syntax.arguments.count),
        at: syntax.name.span)
    }
    return initializer
  }

  private func arguments(
    _ syntax: InitializerSyntax, _ kind: Initializer.Kind, _ dtype: DType
  ) throws -> [Double] {
    try syntax.arguments.map { argument in
      let value = try number(argument, "an argument of \(kind.rawValue)")
      // `integers` ends before its second argument.
      let largest = kind == .integers ? value - 1 : value
      let fits =
        dtype.isFloat
        ? DType.f32 == dtype ? Float(value).isFinite : value.isFinite
        : Int32(exactly: value) != nil || Int32(exactly: largest) != nil
      guard fits else {
        throw fail(
          .kind(
            what: "an argument of \(kind.rawValue)",
            expected: dtype.isFloat
              ? "a finite number of \(dtype.rawValue)" : "a whole number of i32",
            found: "\(value)"), at: argument.span)
      }
      return value
    }
  }
}
