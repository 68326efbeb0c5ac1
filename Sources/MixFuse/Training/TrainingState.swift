// SPDX-License-Identifier: Apache-2.0
//
// Everything that a training run carries from step to step, and its form as a checkpoint: an .npz
// whose arrays are the parameters under the spec's names (`theta.w1`, `eta.w1`, `lr`) and, under
// `training.`, the number of steps, the seed, the optimiser's moments, the outer loss at these
// values, and as bytes of text the settings of the run. A run that resumes from it continues bit for
// bit.

import MixFuseRuntime

/// The state of a training run between two steps.
struct TrainingState {
  /// The number of finished steps.
  var step = 0
  /// What row numbers and drawn initial values depend on.
  let seed: UInt64
  /// Whether theta goes on from call to call.
  let carriesTheta: Bool
  /// Theta, where it is an input, and the meta parameters.
  var parameters: NamedArrays
  var optimizer: OuterOptimizer
  /// The outer loss at these values; nil until they have been evaluated.
  var loss: Double?

  /// The state as arrays.
  func checkpoint(_ settings: TrainingSettings = TrainingSettings()) throws(RuntimeError)
    -> NamedArrays
  {
    var arrays = parameters
    arrays[Names.step] = try NDArray(scalar: Int64(step))
    arrays[Names.seed] = try NDArray(scalar: Int64(bitPattern: seed))
    arrays[Names.carriesTheta] = try NDArray(scalar: carriesTheta)
    arrays[Names.momentsStart] = try NDArray(scalar: Int64(optimizer.start))
    if let loss { arrays[Names.loss] = try NDArray(scalar: loss) }
    let text = Array(settings.text.utf8)
    arrays[Names.settings] = try NDArray(text, shape: [text.count])
    for (name, parameter) in parameters {
      for (moment, values) in zip(optimizer.kind.momentNames, optimizer.moments[name] ?? []) {
        arrays[Names.moment(optimizer.kind, moment, of: name)] =
          try NDArray(values, shape: parameter.shape)
      }
    }
    return arrays
  }

  /// The first parameter or moment that is infinite or undefined, or nil.
  var firstNonFinite: (name: String, value: Double)? {
    for (name, parameter) in parameters {
      if let value = parameter.firstNonFinite { return (name, value) }
      for (moment, values) in zip(optimizer.kind.momentNames, optimizer.moments[name] ?? []) {
        if let value = values.firstNonFinite { return ("the \(moment) of \(name)", value) }
      }
    }
    return nil
  }
}

/// Reads a state from a checkpoint, and says what is wrong with it. What it should hold is looked at
/// before any data is read.
struct CheckpointReader {
  private let file: ArrayFileReader
  private var path: String { file.path }
  /// The settings of the run that wrote it; nil where an older version did.
  let settings: TrainingSettings?
  /// The seed of that run.
  let seed: UInt64

  private static let longestSettings = 1 << 20

  /// Opens a checkpoint.
  ///
  /// - Throws: `TrainingError.checkpointDamaged`; `RuntimeError` for a file of another kind.
  init(path: String) throws {
    file = try ArrayFileReader(path)
    seed = UInt64(bitPattern: try Self.integer(Names.seed, in: file))
    guard let header = try file.header(of: Names.settings) else {
      settings = nil
      return
    }
    guard header.elementType == .uint8, header.shape.count == 1,
      header.shape[0] <= Self.longestSettings,
      let bytes = try file.array(Names.settings)?.elements(as: UInt8.self),
      let text = String(validating: bytes, as: UTF8.self),
      let settings = TrainingSettings(text: text)
    else {
      throw TrainingError.checkpointDamaged(
        path: path, reason: "\(Names.settings): expected lines of text, found \(header)")
    }
    self.settings = settings
  }

  /// The state of the checkpoint.
  ///
  /// - Parameters:
  ///   - fresh: the state in which this run would start, with the same parameters and optimiser.
  ///   - learned: the parameters that the optimiser moves.
  ///   - keepsMoments: whether the optimiser goes on; otherwise it starts anew.
  /// - Throws: `TrainingError.checkpointDamaged`; `RuntimeError` for a damaged file.
  func state(
    like fresh: TrainingState, learned: [String], keepsMoments: Bool = true
  ) throws -> TrainingState {
    var state = fresh
    state.step = try count(Names.step)
    // Older checkpoints do not say; their optimisers started with the run.
    let hasStart = file.names.contains(Names.momentsStart)
    state.optimizer.start = hasStart ? try count(Names.momentsStart) : 0
    guard state.optimizer.start <= state.step else {
      throw damaged("\(Names.momentsStart): expected at most the step, \(state.step)")
    }
    state.loss = try loss()
    let hasMoments = keepsMoments && state.step > state.optimizer.start
    if !keepsMoments { state.optimizer.start = state.step }
    for (name, parameter) in fresh.parameters {
      state.parameters[name] = try array(name, parameter.elementType, parameter.shape)
      let kind = state.optimizer.kind
      guard learned.contains(name), hasMoments, !kind.momentNames.isEmpty else { continue }
      state.optimizer.moments[name] = try kind.momentNames.map { moment in
        let stored = Names.moment(kind, moment, of: name)
        let values = try array(stored, .float64, parameter.shape).elements(as: Double.self)
        if moment == "square", let index = values.firstIndex(where: { $0 < 0 }) {
          throw damaged("\(stored): expected no negative number, found \(values[index])")
        }
        return values
      }
    }
    return state
  }

  private func loss() throws -> Double? {
    guard file.names.contains(Names.loss) else { return nil }
    return try array(Names.loss, .float64, []).scalarValue
  }

  private func count(_ name: String) throws -> Int {
    let number = try Self.integer(name, in: file)
    // Beyond 2^53 neither the log nor any user could count.
    guard number >= 0, number < 1 << 53 else {
      throw damaged("\(name): expected a number of steps, found \(number)")
    }
    return Int(number)
  }

  private func array(_ name: String, _ type: ElementType, _ shape: [Int]) throws -> NDArray {
    let array = try Self.array(name, type, shape, in: file)
    if let value = array.firstNonFinite {
      throw damaged("\(name): expected finite numbers, found \(value)")
    }
    return array
  }

  private static func array(
    _ name: String, _ type: ElementType, _ shape: [Int], in file: ArrayFileReader
  ) throws -> NDArray {
    let header = try file.header(of: name)
    guard let header, header == ArrayHeader(elementType: type, shape: shape),
      let array = try file.array(name)
    else {
      throw TrainingError.checkpointDamaged(
        path: file.path,
        reason: header.map { "\(name): expected \(type) \(shape), found \($0)" }
          ?? "it has no array \(name)")
    }
    return array
  }

  private static func integer(_ name: String, in file: ArrayFileReader) throws -> Int64 {
    try array(name, .int64, [], in: file).elements(as: Int64.self)[0]
  }

  private func damaged(_ reason: String) -> TrainingError {
    .checkpointDamaged(path: path, reason: reason)
  }
}

/// The names of a checkpoint's own arrays.
private enum Names {
  static let step = "training.step"
  static let seed = "training.seed"
  static let carriesTheta = "training.carries_theta"
  static let loss = "training.loss"
  static let momentsStart = "training.moments_start"
  static let settings = "training.settings"

  static func moment(
    _ kind: OuterOptimizerKind, _ moment: String, of parameter: String
  ) -> String {
    "training.\(kind.rawValue).\(moment).\(parameter)"
  }
}
