// SPDX-License-Identifier: Apache-2.0
//
// The declarations of a spec sorted by kind, with the errors that need no elaboration: something
// declared twice, or not at all.

import Diagnostics
import SpecLanguage

/// The declarations of a file and of the prelude.
struct Declarations {
  private(set) var spec: Name?
  private(set) var seed = 0
  private(set) var dimensions: [DimensionDeclaration] = []
  private(set) var presets: [PresetDeclaration] = []
  private(set) var constants: [BindingStatement] = []
  private(set) var parameters: TreeDeclaration?
  private(set) var metas: [MetaDeclaration] = []
  private(set) var inner: InnerDeclaration?
  private(set) var outer: OuterDeclaration?
  private(set) var batch: Name?
  /// The user's functions in order of declaration.
  private(set) var functions: [FunctionDeclaration] = []

  private var functionsByName: [String: FunctionDeclaration] = [:]
  private var preludeFunctions: [String: FunctionDeclaration] = [:]
  private var optimizers: [String: OptimizerDeclaration] = [:]
  private var preludeOptimizers: [String: OptimizerDeclaration] = [:]
  /// Where each name of the file was declared.
  private var places: [String: Span] = [:]
  private var seedPlace: Span?

  /// Sorts the declarations of a file.
  init(_ file: SpecFile, prelude: [Declaration], diagnostics: DiagnosticCollector) {
    for declaration in prelude {
      switch declaration {
      case .function(let function): preludeFunctions[function.name.text] = function
      case .optimizer(let optimizer): preludeOptimizers[optimizer.name.text] = optimizer
      default: preconditionFailure("compiler bug: the prelude has only functions and optimisers")
      }
    }
    for declaration in file.declarations { add(declaration, diagnostics) }
  }

  private mutating func add(_ declaration: Declaration, _ diagnostics: DiagnosticCollector) {
    switch declaration {
    case .spec(let name): Self.once(&spec, name, "spec", name.span, spec?.span, diagnostics)
    case .importing: break
    case .dimension(let dimension):
      if claim(dimension.name, diagnostics) { dimensions.append(dimension) }
    case .preset(let preset): addPreset(preset, diagnostics)
    case .seed(let value, let span):
      if let seedPlace { Self.repeated("seed", span, seedPlace, diagnostics) }
      (seed, seedPlace) = (value, span)
    case .constant(let binding):
      if binding.names.map({ claim($0, diagnostics) }).allSatisfy({ $0 }) {
        constants.append(binding)
      }
    case .parameters(let tree):
      let previous = parameters?.name.span
      if claim(tree.name, diagnostics) {
        Self.once(&parameters, tree, "params", tree.name.span, previous, diagnostics)
      }
    case .meta(let meta): if claim(meta.name, diagnostics) { metas.append(meta) }
    case .function(let function):
      if claim(function.name, diagnostics) {
        functions.append(function)
        functionsByName[function.name.text] = function
      }
    case .optimizer(let optimizer):
      if claim(optimizer.name, diagnostics) { optimizers[optimizer.name.text] = optimizer }
    case .inner(let inner):
      Self.once(&self.inner, inner, "inner", inner.span, self.inner?.span, diagnostics)
    case .outer(let outer):
      Self.once(&self.outer, outer, "outer", outer.span, self.outer?.span, diagnostics)
    case .batch(let name): Self.once(&batch, name, "batch", name.span, batch?.span, diagnostics)
    }
  }

  /// Presets have names of their own: they may be called like anything else in the file.
  private mutating func addPreset(
    _ preset: PresetDeclaration, _ diagnostics: DiagnosticCollector
  ) {
    if let previous = presets.first(where: { $0.name == preset.name }) {
      Self.repeated("the preset \(preset.name)", preset.span, previous.span, diagnostics)
    } else {
      presets.append(preset)
    }
  }

  /// Keeps the first of several declarations of something that stands once in a file.
  private static func once<Value>(
    _ slot: inout Value?, _ value: Value, _ what: String, _ span: Span, _ previous: Span?,
    _ diagnostics: DiagnosticCollector
  ) {
    if let previous {
      Self.repeated(what, span, previous, diagnostics)
    } else {
      slot = value
    }
  }

  /// Enters a name; false, after an error, if the file has it already.
  private mutating func claim(_ name: Name, _ diagnostics: DiagnosticCollector) -> Bool {
    if let previous = places[name.text] {
      Self.repeated(name.text, name.span, previous, diagnostics)
      return false
    }
    places[name.text] = name.span
    return true
  }

  private static func repeated(
    _ name: String, _ span: Span, _ previous: Span, _ diagnostics: DiagnosticCollector
  ) {
    diagnostics.report(
      ElaborationMessage.declarationRepeated(name), at: span,
      notes: [DiagnosticNote("\(name) was declared here before", at: previous)])
  }
}

// MARK: - Lookup

extension Declarations {
  /// A function by name. The prelude sees only its own functions, so that a user's function of the
  /// same name does not change what the prelude means.
  func function(_ name: String, forPrelude: Bool) -> FunctionDeclaration? {
    forPrelude ? preludeFunctions[name] : functionsByName[name] ?? preludeFunctions[name]
  }

  /// An optimiser by name; the user's own come first.
  func optimizer(_ name: String) -> OptimizerDeclaration? {
    optimizers[name] ?? preludeOptimizers[name]
  }

  /// All names of functions, for "did you mean".
  var functionNames: [String] { Array(functionsByName.keys) + Array(preludeFunctions.keys) }

  /// All names of optimisers, for "did you mean".
  var optimizerNames: [String] { Array(optimizers.keys) + Array(preludeOptimizers.keys) }
}
