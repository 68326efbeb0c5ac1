// SPDX-License-Identifier: Apache-2.0
//
// One library at one choice of dimensions, held against every oracle there is for it.
//
// How strictly (DESIGN section 7): an f64 result may differ from the oracle by 1e-9 in relative norm,
// tensor by tensor. An f32 result is judged against what f32 can do: 4 times the error that the
// interpreter has when it rounds every operation to Float32, and never less than 1e-5. That error is
// one draw of luck; where the problem is ill-conditioned, another f32 program is as likely to be off
// by what noise in the last place of the inputs does in exact arithmetic, so the larger of the two
// counts. A tensor that is zero but for rounding has no digits to agree in: if an f64 comparison
// fails, the oracle is asked how far f64 noise on the inputs moves it, and 4 times that is allowed.

import Differentiation
import Interpreter
import MixFuseRuntime
import TensorIR

/// The comparisons of one library.
struct Examination {
  let compilation: Compilation
  let problem: MetaProblem
  let programs: VerificationPrograms
  let reference: NamedArrays?
  let library: TemporaryLibrary
  let pool: ThreadPool
  let usesCache: Bool
  let seed: UInt64
  /// As they were given, not yet rounded to the library's float type.
  let givenInputs: NamedArrays
  /// As the library sees them.
  let inputs: NamedArrays
  /// Where the inputs come from, in words.
  let source: String

  /// Builds the library and gets its inputs.
  ///
  /// - Throws: `CompilationFailure`, `RuntimeError`.
  init(
    _ compilation: Compilation, _ problem: MetaProblem, _ programs: VerificationPrograms,
    _ request: VerificationRequest, reference: NamedArrays?
  ) throws {
    self.compilation = compilation
    self.problem = problem
    self.programs = programs
    self.reference = reference
    usesCache = request.usesCache
    library = try TemporaryLibrary(compilation, usesCache: usesCache)
    pool = try ThreadPool(workers: request.threads ?? ThreadPool.availableProcessors)
    seed = request.seed ?? library.library.manifest.seed
    if let reference {
      givenInputs = reference
      source = request.reference ?? ""
    } else {
      let entryPoint = try library.library.entryPoint(EntryPoint.metaGradient.rawValue)
      givenInputs = try InputSampler(seed: seed).inputs(of: entryPoint)
      source = "drawn with seed \(seed)"
    }
    inputs = problem.dtype == .f32 ? try givenInputs.roundedToFloat32() : givenInputs
  }

  // MARK: Sections

  /// Everything, with the interpreter.
  func section(title: String) throws -> VerificationSection {
    let gradient = programs.gradient
    let exact = Computation(method: "unoptimised graph") { try gradient.outputs(for: $0) }
    let single = Computation(method: "in Float32") { try gradient.outputs(for: $0, in: .float32) }
    let other = try otherDerivation(mayInterpret: true)
    var result = try section(title: title, exact: exact, single: single, other: other)
    result.comparisons += try finiteDifferences(of: result)
    result.comparisons += try otherEntryPoints()
    return result
  }

  /// Without the interpreter: the other derivation, compiled in both float types, stands in for it.
  func sectionWithoutInterpreter(title: String) throws -> VerificationSection {
    let other = try otherDerivation(mayInterpret: false)
    let single = try problem.dtype == .f32 ? compiledOther(.f32) : other
    return try section(title: title, exact: nil, single: single, other: other)
  }

  /// The comparisons of whole meta-gradients, and the conditioning.
  private func section(
    title: String, exact: Computation?, single: Computation, other: Computation
  ) throws -> VerificationSection {
    var section = VerificationSection(
      title: title, dims: problem.dims.map { .init(name: $0.name, value: $0.value) },
      inputs: source)
    let found = try library.outputs(of: .metaGradient, for: inputs, pool: pool)
    let judge = exact ?? other
    section.conditioning = try conditioning(judge: judge, other: other)
    let judgement = try Judgement(
      judge, single: problem.dtype == .f32 ? single : nil, at: inputs,
      conditioning: section.conditioning, seed: seed)
    if exact != nil {
      section.comparisons += try judgement.comparisons(
        of: found, with: judgement.expected, .interpreter, judge.method)
    }
    let otherOutputs = exact == nil ? judgement.expected : try other.outputs(inputs)
    section.comparisons += try judgement.comparisons(
      of: found, with: otherOutputs, .otherDerivation, other.method)
    if let reference {
      let atGiven =
        problem.dtype == .f32
        ? try Judgement(
          judge, single: single, at: givenInputs, conditioning: section.conditioning, seed: seed)
        : judgement
      section.comparisons += try atGiven.comparisons(
        of: found, with: reference, .reference, "")
    }
    section.notes = try notes(section, loss: found.values("loss")[0])
    return section
  }

  // MARK: Oracles

  /// The other derivation in f64: interpreted if that is quicker than compiling it.
  private func otherDerivation(mayInterpret: Bool) throws -> Computation {
    let program = programs.otherGradient
    guard mayInterpret, program.estimatedSeconds <= VerificationPrograms.worthInterpreting else {
      return try compiledOther(.f64)
    }
    let name = programs.otherOptions.derivation.rawValue
    return Computation(method: "\(name), interpreted") { try program.outputs(for: $0) }
  }

  private func compiledOther(_ dtype: DType) throws -> Computation {
    var options = compilation.options
    options.derivation = programs.otherOptions
    options.dtype = dtype
    let other = try TemporaryLibrary(
      Compilation(path: compilation.path, options: options), usesCache: usesCache)
    let name = options.derivation.derivation.rawValue
    return Computation(method: "\(name), compiled \(dtype.rawValue)", isCompiled: true) { arrays in
      try other.outputs(of: .metaGradient, for: arrays, pool: pool)
    }
  }

  /// One row for each meta leaf, or a single one if the interpreter would take too long.
  private func finiteDifferences(of section: VerificationSection) throws -> [Comparison] {
    let found = try library.outputs(of: .metaGradient, for: inputs, pool: pool)
    let stopped = StoppedValues(in: programs.value.graph)
    let point = try stopped.fixed(at: inputs)
    let leaves = Array(zip(problem.meta.map(\.name), problem.gradientNames))
    let seconds =
      programs.value.estimatedSeconds * Double(DirectionalDifference.evaluationCount * leaves.count)
    let groups = seconds <= 3 ? leaves.map { [$0] } : [leaves]
    return try groups.map { group in
      let direction = try DirectionalDifference.random(
        in: group.map(\.0), of: inputs, seed: seed)
      let difference = try DirectionalDifference(
        of: stopped.replaying, at: point, along: direction, pool: pool)
      let products = try group.flatMap { leaf, gradient in
        zip(try found.values(gradient), direction[leaf] ?? []).map { $0 * $1 }
      }
      let rounding = group.compactMap { _, gradient in
        section.comparisons.first { $0.oracle == .interpreter && $0.array == gradient }?.tolerance
      }.max()
      return difference.comparison(
        with: products, of: group.count == 1 ? group[0].1 : "all gradients",
        rounding: rounding ?? 0)
    }
  }

  /// One row for each further entry point, for the array that is nearest to its limit.
  private func otherEntryPoints() throws -> [Comparison] {
    try EntryPoint.allCases.filter { $0 != .metaGradient }.compactMap { entry in
      let program = InterpretedProgram(graph: try compilation.derived(entry, of: problem))
      var arrays = try InputSampler(seed: seed).inputs(
        of: library.library.entryPoint(entry.rawValue))
      for (name, array) in arrays where inputs[name]?.shape == array.shape {
        arrays[name] = inputs[name]
      }
      let found = try library.outputs(of: entry, for: arrays, pool: pool)
      let exact = Computation(method: "unoptimised graph") { try program.outputs(for: $0) }
      let single = Computation(method: "in Float32") { try program.outputs(for: $0, in: .float32) }
      let judgement = try Judgement(
        exact, single: problem.dtype == .f32 ? single : nil, at: arrays, seed: seed)
      return try judgement.comparisons(
        of: found, with: judgement.expected, .interpreter, exact.method, entryPoint: entry
      ).max { $0.relativeError / $0.tolerance < $1.relativeError / $1.tolerance }
    }
  }

  /// How far noise in the last place of f32 inputs moves each output, by whichever f64 computation
  /// is at hand and quick.
  private func conditioning(judge: Computation, other: Computation) throws -> [Conditioning] {
    let own = Computation(method: "the library", isCompiled: true) { [library, pool] arrays in
      try library.outputs(of: .metaGradient, for: arrays, pool: pool)
    }
    let computation = problem.dtype == .f64 ? own : other.isCompiled ? other : judge
    return try computation.conditioning(at: inputs, noise: 0x1p-24, draws: 3, seed: seed)
  }

  private func notes(_ section: VerificationSection, loss: Double) throws -> [String] {
    var notes: [String] = []
    if !loss.isFinite {
      notes.append("the loss is \(loss): these inputs lead to no finite result")
    }
    let hidden = reference == nil ? [] : compilation.invisibleDims(of: problem)
    let values = problem.dims.filter { hidden.contains($0.name) }
      .map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    if !hidden.isEmpty {
      notes.append(
        "the file's arrays do not show \(values): use --set if it is meant for another value")
    }
    for index in problem.leavesWithoutInfluence {
      notes.append("the loss does not depend on \(problem.meta[index].name)")
    }
    return notes
  }
}
