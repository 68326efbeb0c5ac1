// SPDX-License-Identifier: Apache-2.0
//
// One library at one choice of dimensions and inputs, held against every oracle there is for it.
//
// How strictly: an f64 result may differ from the oracle by 1e-9 in relative norm,
// tensor by tensor, and an f32 result by 1e-5. Beyond that it is judged against what its float type
// can do: 4 times the error that the interpreter makes when every operation is rounded to that type,
// in several random ways (`Precision`). Where the problem is ill-conditioned, another f32 program is
// also as likely to be off by what noise in the last place of the inputs does in exact arithmetic, so
// the larger of the two counts. A tensor that is zero but for rounding has no digits to agree in: the
// same measure says how large its rounding may be.
//
// Derivatives are judged by differences of what they are derivatives of: `DerivativeLevels.swift`.

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
  /// Inputs at kinks and extremes instead of drawn ones.
  private(set) var special: SpecialInputs?
  /// As they were given, not yet rounded to the library's float type.
  let givenInputs: NamedArrays
  /// As the library sees them.
  private(set) var inputs: NamedArrays
  /// Where the inputs come from, in words.
  private(set) var source: String

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

  /// The same library at special inputs; nil if the spec's initialisers leave nothing to choose.
  ///
  /// - Throws: `RuntimeError`.
  func with(_ special: SpecialInputs) throws -> Examination? {
    var result = self
    result.special = special
    result.source = special.title
    result.inputs = try result.arrays(for: .metaGradient, InputSampler(seed: seed))
    return result.inputs == inputs ? nil : result
  }

  // MARK: Sections

  /// Everything, with the interpreter.
  func section(title: String) throws -> VerificationSection {
    let exact = Computation(method: "unoptimised graph", programs.gradient, pool: pool)
    let other = try otherDerivation(mayInterpret: true)
    let judged = try section(title: title, exact: exact, other: other)
    var result = judged.section
    let probes = try otherEntryPoints() + metaGradientProbe(judged.results)
    result.comparisons += probes.flatMap(\.comparisons)
    result.notes += probes.flatMap(\.notes)
    return result
  }

  /// Without the interpreter: the other derivation, compiled in both float types, stands in for it.
  func sectionWithoutInterpreter(title: String) throws -> VerificationSection {
    try section(title: title, exact: nil, other: otherDerivation(mayInterpret: false)).section
  }

  /// The interpreter and the ladder of derivatives at special inputs, each in its worst row.
  ///
  /// - Returns: nil where the program has no finite result.
  func specialSection() throws -> VerificationSection? {
    let exact = Computation(method: "unoptimised graph", programs.gradient, pool: pool)
    var section = VerificationSection(
      title: "special inputs", dims: [], inputs: source, isSpecial: true)
    let results = try results(of: .metaGradient, by: exact, at: inputs)
    guard results.judgement.expected.allSatisfy({ $0.array.doubles().allSatisfy(\.isFinite) })
    else { return nil }
    section.comparisons += try results.judgement.comparisons(
      of: results.found, with: results.judgement.expected, .interpreter, exact.method)
    if programs.otherGradient.estimatedSeconds <= VerificationPrograms.worthInterpreting {
      let other = try otherDerivation(mayInterpret: true)
      section.comparisons += try results.judgement.comparisons(
        of: results.found, with: other.outputs(inputs), .otherDerivation, other.method)
    }
    let probes = try otherEntryPoints() + metaGradientProbe(results)
    section.comparisons += probes.flatMap(\.comparisons)
    section.notes = probes.flatMap(\.notes)
    return section.keepingWorst
  }

  /// The comparisons of whole meta-gradients, and the conditioning.
  private func section(
    title: String, exact: Computation?, other: Computation
  ) throws -> (section: VerificationSection, results: DerivativeProbe.Results) {
    var section = VerificationSection(
      title: title, dims: problem.dims.map { .init(name: $0.name, value: $0.value) },
      inputs: source)
    let found = try library.outputs(of: .metaGradient, for: inputs, pool: pool)
    let judge = exact ?? other
    section.conditioning = try conditioning(judge: judge, other: other)
    let judgement = try Judgement(
      judge, of: problem.dtype, at: inputs, conditioning: section.conditioning)
    if problem.dtype == .f32 { try addRounding(to: &section, judgement) }
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
        ? try Judgement(judge, of: .f32, at: givenInputs, conditioning: section.conditioning)
        : judgement
      section.comparisons += try atGiven.comparisons(
        of: found, with: reference, .reference, "")
    }
    section.notes = try notes(section, loss: found.values("loss")[0])
    return (section, (found, judgement))
  }

  /// Measures what rounding does, which is zero where the right result is.
  private func addRounding(to section: inout VerificationSection, _ judgement: Judgement) throws {
    for index in section.conditioning.indices {
      let name = section.conditioning[index].array
      let size = norm(try judgement.expected.values(name))
      let effect = try judgement.roundingEffect(on: name)
      let isZero = size <= Judgement.safetyFactor * effect
      section.conditioning[index].rounding = isZero ? nil : effect / size
    }
  }

  // MARK: Oracles

  /// The other derivation in f64: interpreted if that is quicker than compiling it.
  private func otherDerivation(mayInterpret: Bool) throws -> Computation {
    let program = programs.otherGradient
    let name = programs.otherOptions.derivation.rawValue
    guard mayInterpret, program.estimatedSeconds <= VerificationPrograms.worthInterpreting else {
      return try compiledOther(name)
    }
    return Computation(method: "\(name), interpreted", program, pool: pool)
  }

  private func compiledOther(_ name: String) throws -> Computation {
    func built(_ dtype: DType) throws -> TemporaryLibrary {
      var options = compilation.options
      options.derivation = programs.otherOptions
      options.dtype = dtype
      return try TemporaryLibrary(
        compilation.trying(options), usesCache: usesCache)
    }
    let exact = try built(.f64)
    let single = problem.dtype == .f32 ? try built(.f32) : exact
    return Computation(
      method: "\(name), compiled f64",
      exact: { [pool] in try exact.outputs(of: .metaGradient, for: $0, pool: pool) },
      single: { [pool] in try single.outputs(of: .metaGradient, for: $0, pool: pool) },
      seed: seed)
  }

  /// The library's results and what they should be.
  func results(
    of entry: EntryPoint, by computation: Computation, at inputs: NamedArrays
  ) throws -> DerivativeProbe.Results {
    let judgement = try Judgement(computation, of: problem.dtype, at: inputs)
    return (try library.outputs(of: entry, for: inputs, pool: pool), judgement)
  }

  /// Inputs of an entry point: those of the meta-gradient where they fit, drawn ones otherwise.
  func arrays(
    for entry: EntryPoint, _ sampler: InputSampler
  ) throws -> NamedArrays {
    let description = try library.library.entryPoint(entry.rawValue)
    var arrays = try sampler.inputs(of: description)
    let parameters = Set((problem.theta + problem.meta).map(\.name))
    for input in description.inputs {
      guard let drawn = arrays[input.name] else { continue }
      let isGiven = inputs[input.name]?.shape == drawn.shape
      let array = isGiven ? inputs[input.name] ?? drawn : drawn
      arrays[input.name] = array
      // What is given is special already, once the meta-gradient's inputs are.
      let isDone = isGiven && (entry != .metaGradient || reference != nil)
      guard let special, !isDone, !input.name.hasPrefix("direction.") else { continue }
      arrays[input.name] = try special.array(
        from: array, input.initializer, isParameter: parameters.contains(input.name))
    }
    return problem.dtype == .f32 ? try arrays.roundedToFloat32() : arrays
  }

  // MARK: Remarks

  /// How far noise in the last place of f32 inputs moves each output, by whichever f64 computation
  /// is at hand and quick.
  private func conditioning(judge: Computation, other: Computation) throws -> [Conditioning] {
    let own = { [library, pool] (arrays: NamedArrays) in
      try library.outputs(of: .metaGradient, for: arrays, pool: pool)
    }
    let computation =
      problem.dtype == .f64
      ? Computation(method: "the library", exact: own, single: own, seed: seed)
      : other.isCompiled ? other : judge
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
