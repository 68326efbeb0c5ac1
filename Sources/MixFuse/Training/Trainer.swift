// SPDX-License-Identifier: Apache-2.0
//
// The outer loop: draw data, call the meta-gradient, move the meta parameters, again. Results go to
// one folder: the library, the log, the learning curve, and a checkpoint from which a later run
// continues bit for bit. Nothing is printed here: the caller observes.

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
  /// Finished steps.
  package var step: Int { state.step }

  private let options: TrainingOptions
  private let session: Session
  private let arrays: TrainedArrays
  private let feed: DataFeed
  private var state: TrainingState
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
    let problem = try compilation.problem()
    build = try compilation.build(into: "\(options.folder)/library", cache: cache)
    let library = try Library(path: build.library)
    session = try Session(library, pool: ThreadPool(workers: options.workers))
    arrays = try TrainedArrays(
      session.entryPoint, of: problem, carriesTheta: options.carriesTheta)
    let file = try ArrayFile.read(options.data)
    feed = try DataFeed(arrays.data, from: file, path: options.data)
    let used = Set(session.entryPoint.inputs.map(\.name))
    unusedArrays = file.names.filter { !used.contains($0) }

    let seed = options.seed ?? library.manifest.seed
    state = TrainingState(
      seed: seed, carriesTheta: options.carriesTheta,
      parameters: try InitialParameters.draw(arrays.parameters, seed: seed, file, options),
      optimizer: OuterOptimizer(kind: options.optimizer, rate: options.rate))
    log = TrainingLog(scalarNames: arrays.scalars)
    if options.resumes {
      state = try state.resumed(
        from: options.checkpointPath, learned: arrays.learned.map(\.name),
        seedIsGiven: options.seed != nil)
      log.readRows(upTo: state.step, from: options.logPath)
    }
    self.options = options
  }

  /// Trains up to the last step, or until `shouldStop` says so after a step; then saves.
  ///
  /// - Parameter observe: Called after each step.
  /// - Returns: whether all steps were done.
  /// - Throws: `TrainingError.notFinite`, after the last good state has been saved; `RuntimeError`.
  package mutating func run(
    observe: (TrainingProgress) -> Void, shouldStop: () -> Bool
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
      observe(
        TrainingProgress(
          step: state.step, totalSteps: options.outerSteps, loss: loss,
          scalars: Array(zip(arrays.scalars, scalarValues())).map { (name: $0, value: $1) },
          stepsPerSecond: Double(state.step - firstStep) / max(seconds, 1e-9)))
      if seconds > nextSaving {
        try saveState()
        let savingSeconds = watch.seconds - seconds
        nextSaving = watch.seconds + max(Self.savingInterval, savingSeconds / Self.savingShare)
      }
    }
    try save()
    return true
  }

  /// One outer step. The state is unchanged if it fails.
  ///
  /// - Returns: the loss at the parameters before the step.
  private mutating func advance() throws -> Double {
    let next = state.step + 1
    for (name, parameter) in state.parameters { try session.setInput(name, to: parameter) }
    try feed.setDrawn(session, seed: state.seed, step: next)
    try session.run()
    let loss = try session.output("loss")
    try check(loss, "the loss", next)
    for (_, gradient) in arrays.learned { try check(session.output(gradient), gradient, next) }

    for (name, gradient) in arrays.learned {
      guard var parameter = state.parameters[name] else { continue }
      try state.optimizer.update(
        &parameter, name: name, gradient: session.output(gradient), step: next)
      state.parameters[name] = parameter
    }
    for (name, output) in arrays.carried { state.parameters[name] = try session.output(output) }
    state.step = next
    return loss.scalarValue ?? .nan
  }

  private func check(_ array: NDArray, _ name: String, _ step: Int) throws {
    guard let value = array.firstNonFinite else { return }
    throw TrainingError.notFinite(
      name: name, value: value, step: step, checkpoint: options.checkpointPath)
  }

  private func scalarValues() -> [Double] {
    arrays.scalars.map { state.parameters[$0]?.scalarValue ?? .nan }
  }

  private mutating func savingOnFailure<Result>(
    _ body: (inout Trainer) throws -> Result
  ) throws -> Result {
    do {
      return try body(&self)
    } catch let error as TrainingError {
      try save()
      throw error
    }
  }

  /// The log goes first, so that it is never behind the checkpoint.
  private func saveState() throws(RuntimeError) {
    try AtomicFile.write(log.csv, to: options.logPath)
    try ArrayFile.write(state.checkpoint(), to: options.checkpointPath)
  }

  private func save() throws(RuntimeError) {
    try saveState()
    let title = "\(build.name): \(options.optimizer.rawValue), rate \(shortNumber(options.rate))"
    try AtomicFile.write(LearningCurve(title: title, log: log).svg, to: options.curvePath)
  }
}
