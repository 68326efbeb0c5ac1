// SPDX-License-Identifier: Apache-2.0
//
// What the compiler has in its hands between two stages, as text: `mixfuse dump`. The texts of the
// IR can be parsed again, so a bug report can start in the middle of the pipeline.

import CEmission
import Diagnostics
import Differentiation
import Optimization
import Scheduling
import SpecLanguage
import TensorIR
import Toolchain

/// A point of the pipeline that can be looked at.
package enum DumpStage: String, CaseIterable, Sendable {
  /// The words of the spec, with their places.
  case tokens
  /// The syntax tree, imports included.
  case ast
  /// The whole problem, before anything is derived, as a file that can take the spec's place.
  case ir
  /// The derived graph of `inner_gradient`, or of `--entry`.
  case gradient
  /// The derived graph of `meta_gradient`, or of `--entry`.
  case metaGradient = "meta-gradient"
  /// The schedule on its way from graph to program, after the pass that `--after-pass` names.
  case schedule
  /// The scheduled program: loops, kernels, buffers and their addresses.
  case kernels
  /// The C source of the library.
  case c
  /// LLVM's IR after its passes.
  case llvm
  /// Assembly of the target.
  case asm
}

extension Pass {
  /// The name as a flag spells it: `eliminate-dead-code`.
  var flagName: String { flagSpelling(name) }
}

extension SchedulePass {
  /// The name as a flag spells it: `form-clusters`.
  var flagName: String { flagSpelling(name) }
}

private func flagSpelling(_ name: String) -> String { name.replacing(" ", with: "-") }

extension Compilation {
  /// The names of all entry points.
  package static var entryNames: [String] { EntryPoint.allCases.map(\.rawValue) }

  /// The names that `--after-pass` takes, in the order of the pipeline, each once.
  package static var passNames: [String] {
    let longest = DerivationOptions(lastStep: .apart(intensity: 0))
    return Pipelines.standard(for: longest).map(\.flagName).reduce(into: []) { names, name in
      if !names.contains(name) { names.append(name) }
    }
  }

  /// The names that `--after-pass` takes with `--stage schedule`.
  package static var schedulePassNames: [String] { SchedulePass.pipeline.map(\.flagName) }

  /// The state of the compilation at a stage, as text.
  ///
  /// - Parameters:
  ///   - entry: an entry point's name; nil means all of them for the stages `c`, `llvm` and `asm`,
  ///     and the meta-gradient for `kernels`.
  ///   - pass: for the two stages of derived graphs, the pass after whose last run to stop, nil for
  ///     the graph as derived; for schedules, the pass to stop after, nil for the last.
  /// - Throws: `CompilationFailure`; `DumpMessage` for names that do not exist and for choices that
  ///   do not go together.
  package func dump(_ stage: DumpStage, entry: String?, afterPass pass: String?) throws -> String {
    let chosen = try entry.map(Self.entryPoint(named:))
    if pass != nil, ![.gradient, .metaGradient, .schedule].contains(stage) {
      throw DumpMessage.passWithoutGraph(stage: stage.rawValue)
    }
    switch stage {
    case .tokens: return try tokenText()
    case .ast: return try parsed().syntaxDescription
    case .ir: return try problemText()
    case .gradient: return try graphText(chosen ?? .innerGradient, afterPass: pass)
    case .metaGradient: return try graphText(chosen ?? .metaGradient, afterPass: pass)
    case .schedule: return try scheduleText(chosen ?? .metaGradient, afterPass: pass)
    case .kernels:
      return try programs(
        of: problem(), on: target().machine, entries: [chosen ?? .metaGradient]
      ).map(\.text).joined(separator: "\n")
    case .c: return try cSource(chosen).text
    case .llvm: return try compiledText(chosen, .optimizedIR)
    case .asm: return try compiledText(chosen, .assembly)
    }
  }

  private static func entryPoint(named name: String) throws -> EntryPoint {
    guard let entry = EntryPoint(rawValue: name) else {
      throw DumpMessage.entryUnknown(name: name)
    }
    return entry
  }

  /// One token a line: place, kind, spelling.
  private func tokenText() throws -> String {
    let spec = try parsed()
    return describeTokens(tokenize(spec.source, diagnostics: DiagnosticCollector()))
  }

  /// See `ProblemText.swift`.
  private func problemText() throws -> String {
    try problem().text(source: sourceName())
  }

  private func graphText(_ entry: EntryPoint, afterPass name: String?) throws -> String {
    let graph = try derived(entry, of: problem())
    guard let name else { return graph.text }
    var found: Graph?
    _ = optimized(graph) { pass, result in
      if pass.flagName == name || pass.name == name { found = result }
    }
    guard let found else { throw DumpMessage.passUnknown(name: name, known: Self.passNames) }
    return found.text
  }

  private func scheduleText(_ entry: EntryPoint, afterPass name: String?) throws -> String {
    let known = Self.schedulePassNames
    let wanted = name.map(flagSpelling) ?? known.last
    guard let wanted, known.contains(wanted) else {
      throw DumpMessage.passUnknown(name: name ?? "", known: known)
    }
    let problem = try problem()
    let graph = try optimized(derived(entry, of: problem))
    let machine = try target().machine
    var text = ""
    _ = scheduled(entry, graph, of: problem, on: machine) { pass, schedule in
      if pass.flagName == wanted { text = schedule.text }
    }
    return text
  }

  private func cSource(_ entry: EntryPoint?) throws -> CSource {
    let problem = try problem()
    let entries = entry.map { [$0] } ?? EntryPoint.allCases
    let library = emitLibrary(
      named: problem.name, dims: problem.dims,
      entryPoints: try programs(of: problem, on: target().machine, entries: entries),
      banner: banner(problem))
    return CSource(name: "\(problem.name).c", text: library.source)
  }

  private func compiledText(_ entry: EntryPoint?, _ output: CompilationOutput) throws -> String {
    let source = try cSource(entry)
    do {
      return try compile([source], for: target(), to: output).map(\.text).joined()
    } catch let error as ToolchainError {
      throw failure(error)
    }
  }
}

/// Messages of `mixfuse dump`.
package enum DumpMessage: Error, DiagnosticMessage {
  case entryUnknown(name: String)
  case passUnknown(name: String, known: [String])
  case passWithoutGraph(stage: String)

  package var id: String {
    switch self {
    case .entryUnknown: "dump.entry-unknown"
    case .passUnknown: "dump.pass-unknown"
    case .passWithoutGraph: "dump.pass-without-graph"
    }
  }

  package var text: String {
    switch self {
    case .entryUnknown(let name):
      "no entry point is called \(name)" + suggestion(name, Compilation.entryNames)
    case .passUnknown(let name, let known):
      "no pass is called \(name)" + suggestion(name, known)
    case .passWithoutGraph(let stage):
      "--after-pass needs --stage gradient, meta-gradient or schedule, found \(stage)"
    }
  }

  private func suggestion(_ name: String, _ known: [String]) -> String {
    "; " + (didYouMean(name, among: known) ?? "there are: \(known.joined(separator: ", "))")
  }
}
