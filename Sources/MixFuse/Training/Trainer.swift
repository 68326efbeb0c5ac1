// SPDX-License-Identifier: Apache-2.0
//
// The outer loop: draw data, call the meta-gradient, move the meta parameters, again. Results go to
// one folder: the library, the log, the learning curve, and two states from which a later run can go
// on: the checkpoint, bit for bit, and the best one. Nothing is printed here: the caller observes.
//
// What is saved is good: a state is written only after its loss and its gradients were found to be
// finite, so the newest one, not yet evaluated, never is. A run that blows up leaves the last state
// before it did.

import Foundation
import MixFuseRuntime
import TensorIR
package import Toolchain

/// A training run, ready to start or to go on.
package struct Trainer {
  /// What was built, and whether it came from the cache.
  package let build: BuildResult
  /// The arrays of the data file that nothing reads.
  package let unusedArrays: [String]
  /// What a user should know about going on from the checkpoint.
  package private(set) var notes: [String] = []
  /// Finished steps.
  package var step: Int { state.step }
  /// Finished steps of the state that was saved last.
  package var savedStep: Int { good?.step ?? 0 }
  /// The files that were written.
  package private(set) var savedFiles: [String] = []

  private let options: TrainingOptions
  private let folder: TrainingFolder
  private let session: Session
  private let arrays: TrainedArrays
  private let feed: DataFeed
  private var settings: TrainingSettings
  private var state: TrainingState
  /// The last state whose evaluation was finite, and the one of the lowest loss; nil until there is
  /// one.
  private var good: TrainingState?
  private var best: TrainingState?
  private var bestIsSaved = true
  private var log: TrainingLog

  /// Seconds between two savings of the state; more if saving itself would take a notable part of
  /// the time.
  private static let savingInterval = 10.0, savingShare = 0.02

  /// Builds the library, reads the data, and sets up the parameters.
  ///
  /// - Throws: `CompilationFailure`, `TrainingError`, `RuntimeError`.
  package init(
    _ compilation: Compilation, cache: BuildCache?, options: TrainingOptions
  ) throws {
    try options.check()
    self.options = options
    let problem = try compilation.problem()
    folder = try TrainingFolder(options)
    build = try compilation.build(into: "\(options.folder)/library", cache: cache)
    let library = try Library(path: build.library)
    session = try Session(library, pool: ThreadPool(workers: options.workers))
    arrays = try TrainedArrays(
      session.entryPoint, of: problem, carriesTheta: options.carriesTheta)
    let file = try ArrayFileReader(options.data)
    let used = Set(session.entryPoint.inputs.map(\.name))
    unusedArrays = file.names.filter { !used.contains($0) }
    try InitialParameters.check(arrays.parameters, in: file)
    feed = try Self.feed(arrays, from: file, tasks: problem.tasks, options)

    let reader = options.resumes ? try CheckpointReader(path: options.checkpointPath) : nil
    let seed = options.seed ?? reader?.seed ?? library.manifest.seed
    settings = try TrainingSettings(
      compilation, library.manifest, feed, seed: seed, options)
    let starts = try ArrayFile.read(options.data, names: Set(arrays.parameters.map(\.name)))
    state = TrainingState(
      seed: seed, carriesTheta: options.carriesTheta,
      parameters: try InitialParameters.draw(arrays.parameters, seed: seed, starts, options),
      optimizer: OuterOptimizer(kind: options.optimizer, rate: options.rate))
    log = TrainingLog(scalarNames: arrays.scalars)
    if let reader {
      try resume(reader)
    } else if options.overwrites {
      try folder.clear()
    }
  }

  private static func feed(
    _ arrays: TrainedArrays, from file: ArrayFileReader, tasks: Int?, _ options: TrainingOptions
  ) throws -> DataFeed {
    let known = arrays.data.map(\.name)
    for name in options.apart where !known.contains(name) {
      throw TrainingError.drawApartUnknown(name: name, known: known)
    }
    var headers: [String: ArrayHeader] = [:]
    for name in known { headers[name] = try file.header(of: name) }
    let plan = try DataPlan(
      arrays.data, parts: arrays.parts, tasks: tasks, apart: Set(options.apart), from: headers,
      names: file.names, path: options.data)
    return try DataFeed(plan) { try file.array($0) }
  }

  // MARK: Going on

  /// Takes over the state of a checkpoint, if it is one of this run.
  private mutating func resume(_ reader: CheckpointReader) throws {
    let path = options.checkpointPath
    let allowed = Set(options.allowedChanges)
    var changed: Set<String> = []
    if let earlier = reader.settings {
      let differences = settings.differences(to: earlier)
      changed = Set(differences.map(\.group))
      let refused = differences.filter { !allowed.contains($0.group) && !allowed.contains("all") }
      guard refused.isEmpty else {
        throw TrainingError.checkpointMismatch(path: path, differences: refused)
      }
      notes = settings.notes(on: earlier)
      settings.keepHistory(of: earlier)
    } else if !allowed.contains("all") {
      throw TrainingError.checkpointUnnamed(path: path)
    }
    let learned = arrays.learned.map(\.name)
    let fresh = state
    state = try reader.state(
      like: fresh, learned: learned, keepsMoments: !changed.contains("optimizer"))
    guard state.step <= options.outerSteps else {
      throw TrainingError.stepsDone(path: path, done: state.step, wanted: options.outerSteps)
    }
    log.readRows(upTo: state.step, from: options.logPath)
    // Losses of another spec or of other data cannot be compared.
    guard changed.isDisjoint(with: ["spec", "dims", "data", "dtype"]),
      access(options.bestPath, F_OK) == 0
    else { return }
    let bestReader = try CheckpointReader(path: options.bestPath)
    // It may be older than a change of the optimiser that was allowed.
    let isOfOptimizer = bestReader.settings?["optimizer"] == options.optimizer.rawValue
    let earlierBest = try bestReader.state(
      like: fresh, learned: learned, keepsMoments: isOfOptimizer)
    // One that lies ahead will be met again.
    if earlierBest.step <= state.step, earlierBest.loss != nil { best = earlierBest }
  }

  // MARK: Training

  /// Trains up to the last step, or until `shouldStop` says so after a step; then saves.
  ///
  /// - Parameters:
  ///   - observe: called after each step; if it throws, the state is saved and the run ends.
  ///   - savingFailed: told of a state that could not be saved; it is tried again later.
  /// - Returns: whether all steps were done.
  /// - Throws: `TrainingError.notFinite`, after the last good state has been saved; `RuntimeError`;
  ///   what `observe` throws.
  package mutating func run(
    observe: (TrainingProgress) throws -> Void, shouldStop: () -> Bool,
    savingFailed: (any Error) -> Void
  ) throws -> Bool {
    let watch = Stopwatch()
    let (firstStep, earlierSeconds) = (state.step, log.rows.last?.seconds ?? 0)
    var nextSaving = Self.savingInterval
    try feed.setFixed(session)
    while state.step < options.outerSteps {
      if shouldStop() {
        try save()
        return false
      }
      let scalars = scalarValues()
      let loss = try savingOnFailure { trainer throws in try trainer.advance() }
      let seconds = watch.seconds
      log.append(
        TrainingRow(
          step: state.step, loss: loss, seconds: earlierSeconds + seconds, scalars: scalars))
      let progress = TrainingProgress(
        step: state.step, totalSteps: options.outerSteps, loss: loss,
        scalars: Array(zip(arrays.scalars, scalarValues())).map { (name: $0, value: $1) },
        stepsPerSecond: Double(state.step - firstStep) / max(seconds, 1e-9))
      try savingOnFailure { _ in try observe(progress) }
      if seconds > nextSaving {
        do { try saveStates() } catch { savingFailed(error) }
        let savingSeconds = watch.seconds - seconds
        nextSaving = watch.seconds + max(Self.savingInterval, savingSeconds / Self.savingShare)
      }
    }
    if state.step > firstStep { try savingOnFailure { trainer throws in try trainer.evaluate() } }
    try save()
    return true
  }

  /// One outer step.
  ///
  /// - Returns: the loss at the parameters before the step.
  private mutating func advance() throws -> Double {
    try evaluate()
    let (loss, next) = (state.loss ?? .nan, state.step + 1)
    for (name, gradient) in arrays.learned {
      guard var parameter = state.parameters[name] else { continue }
      try state.optimizer.update(
        &parameter, name: name, gradient: session.output(gradient), step: next)
      state.parameters[name] = parameter
    }
    for (name, output) in arrays.carried { state.parameters[name] = try session.output(output) }
    state.step = next
    state.loss = nil
    if let (name, value) = state.firstNonFinite {
      throw notFinite("\(name) after its update", value, step: next)
    }
    return loss
  }

  /// Calls the library at the present parameters, on the data of the next step. If loss and gradients
  /// are finite, the state is good.
  private mutating func evaluate() throws {
    for (name, parameter) in state.parameters { try session.setInput(name, to: parameter) }
    try feed.setDrawn(session, seed: state.seed, step: state.step + 1)
    for key in arrays.keys {
      try session.setInput(
        key.name, to: RandomKeys.keys(for: key, seed: state.seed, step: state.step + 1))
    }
    try session.run()
    let loss = try session.output("loss")
    if let value = loss.firstNonFinite { throw notFinite("the loss", value, step: state.step + 1) }
    for (_, gradient) in arrays.learned {
      guard let value = try session.output(gradient).firstNonFinite else { continue }
      throw notFinite(gradient, value, step: state.step + 1)
    }
    state.loss = loss.scalarValue
    let unneeded = good?.optimizer.moments ?? [:]
    good = state
    state.optimizer.reuse(unneeded)
    if let value = state.loss, value < best?.loss ?? .infinity {
      best = state
      bestIsSaved = false
    }
  }

  /// The error of a step that came to nothing, with what of the run remains.
  private func notFinite(_ name: String, _ value: Double, step: Int) -> TrainingError {
    func place(_ state: TrainingState) -> String {
      "step \(state.step), loss \(shortNumber(state.loss ?? .nan))"
    }
    var kept = "no state of this run was good, and none was saved"
    if let good {
      kept = "\(options.checkpointPath) holds the last good state (after \(place(good)))"
    } else if options.resumes {
      kept = "\(options.checkpointPath) is unchanged"
    }
    if let best {
      kept += ", \(options.bestPath) the one of the lowest loss (after \(place(best)))"
    }
    return .notFinite(name: name, value: value, step: step, kept: kept)
  }

  private func scalarValues() -> [Double] {
    arrays.scalars.map { state.parameters[$0]?.scalarValue ?? .nan }
  }

  // MARK: Saving

  private mutating func savingOnFailure<Result>(
    _ body: (inout Trainer) throws -> Result
  ) throws -> Result {
    do {
      return try body(&self)
    } catch {
      try save()
      throw error
    }
  }

  /// Writes the good states. The log goes first, so that it is never behind the checkpoint.
  private mutating func saveStates() throws {
    guard let good else { return }
    try AtomicFile.write(log.csv, to: options.logPath)
    if let best, !bestIsSaved {
      try ArrayFile.write(best.checkpoint(settings), to: options.bestPath)
      bestIsSaved = true
    }
    try ArrayFile.write(good.checkpoint(settings), to: options.checkpointPath)
  }

  private mutating func save() throws {
    guard good != nil else { return }
    try saveStates()
    let title = "\(build.name): \(options.optimizer.rawValue), rate \(shortNumber(options.rate))"
    try AtomicFile.write(LearningCurve(title: title, log: log).svg, to: options.curvePath)
    savedFiles = [options.checkpointPath, options.bestPath, options.logPath, options.curvePath]
  }
}
