// SPDX-License-Identifier: Apache-2.0
//
// The pipeline as one readable list. Each method is one stage and calls the one before it, so
// `mixfuse dump --stage` can stop anywhere; `Build.swift` goes to the end and writes files.

package import Diagnostics
package import Differentiation
package import Kernels
package import Optimization
package import Scheduling
package import SpecLanguage
package import TensorIR
package import Toolchain

/// The end of a command: what went wrong is in the collector.
///
/// Nobody else holds the collector once a command ends, so handing it on is safe.
package struct CompilationFailure: Error, @unchecked Sendable {
  package let diagnostics: DiagnosticCollector
}

/// The compilation of one spec. Those of one command share the spec, so it is read once.
package struct Compilation {
  package let spec: LoadedSpec
  package let options: BuildOptions
  package let diagnostics: DiagnosticCollector

  /// The first compilation of a spec.
  package init(path: String, options: BuildOptions) {
    self.init(LoadedSpec(path: path), options: options)
  }

  /// A compilation of a spec that others share.
  package init(
    _ spec: LoadedSpec, options: BuildOptions,
    diagnostics: DiagnosticCollector = DiagnosticCollector()
  ) {
    self.spec = spec
    self.options = options
    self.diagnostics = diagnostics
  }

  /// The path of the spec.
  package var path: String { spec.path }

  /// The same spec with other options. What is wrong with them is said with what is wrong with these.
  package func with(_ options: BuildOptions) -> Compilation {
    Compilation(spec, options: options, diagnostics: diagnostics)
  }

  /// The same spec with options that the user did not choose: what is wrong with them is no message.
  package func trying(_ options: BuildOptions) -> Compilation {
    Compilation(spec, options: options)
  }

  // MARK: Stages

  /// Text to syntax tree, imports included.
  package func parsed() throws -> SpecFile { try spec.parsed(reportingTo: diagnostics) }

  /// Syntax tree to problem, ready for derivatives to be taken.
  package func problem() throws -> MetaProblem {
    try spec.problem(for: options, reportingTo: diagnostics)
  }

  /// The name of the file that the problem was written in at first, without folders.
  func sourceName() throws -> String {
    try spec.sourceName(for: options, reportingTo: diagnostics)
  }

  /// Problem to the graph of one entry point, as derived: large and naive.
  package func derived(_ entry: EntryPoint, of problem: MetaProblem) throws -> Graph {
    do {
      let problem = problem.computing(options.derivation.examples)
      let graph = try entry.graph(of: problem, options: options.derivation)
      if let excess = graph.excess {
        diagnostics.report(
          DerivationMessage.tooLarge(entry: entry.rawValue, excess: excess.text), at: nil,
          notes: excess.place.isEmpty ? [] : [DiagnosticNote("it comes from \(excess.place)")])
        throw CompilationFailure(diagnostics: diagnostics)
      }
      return graph
    } catch let error as UndefinedDerivative {
      diagnostics.report(
        DerivationMessage.undefinedDerivative(
          op: error.op, reason: error.reason, place: error.provenance.location),
        at: nil, help: error.hint)
      throw CompilationFailure(diagnostics: diagnostics)
    }
  }

  /// The passes. `observe` sees the graph after each.
  package func optimized(
    _ graph: Graph, observe: (Pass, Graph) throws -> Void = { _, _ in }
  ) rethrows -> Graph {
    try runPasses(graph, Pipelines.standard(for: options.derivation), observe: observe)
  }

  /// Graph to kernels and addresses. A graph that is of no problem has no inputs with bounds of their
  /// own. `observe` sees the schedule after each pass.
  package func scheduled(
    _ entry: EntryPoint, _ graph: Graph, of problem: MetaProblem? = nil,
    on machine: Machine, observe: (SchedulePass, Schedule) -> Void = { _, _ in }
  ) -> Program {
    schedule(
      graph, named: entry.rawValue, bounds: problem.map { entry.inputBounds(of: $0) } ?? [:],
      options: ScheduleOptions(for: machine), observe: observe)
  }

  /// All entry points of the library, optimised and scheduled at the same time on all processors: they
  /// share nothing but the problem.
  package func programs(
    of problem: MetaProblem, on machine: Machine,
    entries: [EntryPoint] = EntryPoint.allCases
  ) throws -> [Program] {
    let graphs = try entries.map { (entry: $0, graph: try derived($0, of: problem)) }
    let passes = Pipelines.standard(for: options.derivation)
    return try mapOnLargeStacks(graphs) { entry, graph in
      try schedule(
        runPasses(graph, passes), named: entry.rawValue, bounds: entry.inputBounds(of: problem),
        options: ScheduleOptions(for: machine))
    }
  }

  // MARK: Facts

  /// The processor to compile for.
  package func target() throws -> TargetDescription {
    do {
      if let kind = options.target {
        return try TargetDescription.kind(kind, cpu: options.targetCPU)
      }
      return try options.targetCPU.map { try TargetDescription.named($0) } ?? .host()
    } catch let error as ToolchainError {
      throw failure(error)
    }
  }

  /// Turns an error of the toolchain into diagnostics.
  package func failure(_ error: ToolchainError) -> CompilationFailure {
    diagnostics.report(
      error, at: nil, notes: error.details.map { DiagnosticNote($0) }, help: error.help)
    return CompilationFailure(diagnostics: diagnostics)
  }

  /// The comment at the top of generated files.
  func banner(_ problem: MetaProblem) -> [String] {
    let dims = problem.dims.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    let switches = options.derivation
    let source = (try? sourceName()) ?? path
    return [
      "\(problem.name): generated by \(Compiler.version) from "
        + "\(visible(source)). Do not edit.",
      "This file is yours: MixFuse claims no rights in the code it generates.",
      "dims: \(dims); \(problem.dtype.rawValue)",
      "derivation \(switches.derivation.rawValue), remat \(switches.rematerializationText), "
        + "inner gradients \(switches.innerGradients.rawValue)\(switches.examplesText)",
    ]
  }
}

/// Facts about this compiler.
public enum Compiler {
  /// Name and version, as the manifest has it.
  public static let version = "mixfuse 0.2.0"
}

extension TargetDescription {
  /// The machine that kernels are planned for. What the processor does not tell is as on the machines
  /// that plans were measured on.
  package var machine: Machine {
    var machine = Machine(vectorBytes: vectorBytes)
    if let secondCacheBytes { machine.secondCacheBytes = secondCacheBytes }
    return machine
  }
}

/// Messages of the derivation stage.
enum DerivationMessage: DiagnosticMessage {
  case tooLarge(entry: String, excess: String)
  case undefinedDerivative(op: String, reason: String, place: String)

  var id: String {
    switch self {
    case .tooLarge: "program.size"
    case .undefinedDerivative: "derivative.undefined"
    }
  }

  var text: String {
    switch self {
    case .tooLarge(let entry, let excess): "\(entry) needs \(excess)"
    case .undefinedDerivative(let op, let reason, let place):
      "\(op)\(place.isEmpty ? "" : " at \(place)") has no derivative: \(reason)"
    }
  }
}
