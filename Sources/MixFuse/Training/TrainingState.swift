// SPDX-License-Identifier: Apache-2.0
//
// Everything that a training run carries from step to step, and its form as a checkpoint: an .npz
// whose arrays are the parameters under the spec's names (`theta.w1`, `eta.w1`, `lr`) and, under
// `training.`, the number of steps, the seed and the optimiser's moments. A run that resumes from it
// continues bit for bit.

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

  /// The state as arrays.
  func checkpoint() throws(RuntimeError) -> NamedArrays {
    var arrays = parameters
    arrays[Names.step] = try NDArray(scalar: Int64(step))
    arrays[Names.seed] = try NDArray(scalar: Int64(bitPattern: seed))
    arrays[Names.carriesTheta] = try NDArray(scalar: carriesTheta)
    for (name, parameter) in parameters {
      for (moment, values) in zip(optimizer.kind.momentNames, optimizer.moments[name] ?? []) {
        arrays[Names.moment(optimizer.kind, moment, of: name)] =
          try NDArray(values, shape: parameter.shape)
      }
    }
    return arrays
  }

  /// Takes over the state that `checkpoint` wrote.
  ///
  /// - Parameters:
  ///   - path: where the checkpoint lies.
  ///   - learned: the parameters that the optimiser moves.
  ///   - seedIsGiven: whether the user asked for this state's seed, so that another is a mistake.
  /// - Throws: `TrainingError.checkpointMismatch`; `RuntimeError` for a damaged file.
  func resumed(from path: String, learned: [String], seedIsGiven: Bool) throws -> TrainingState {
    let reader = CheckpointReader(arrays: try ArrayFile.read(path), path: path)
    let step = Int(try reader.integer(Names.step))
    let seed = UInt64(bitPattern: try reader.integer(Names.seed))
    if seedIsGiven && seed != self.seed {
      throw reader.mismatch("its seed is \(seed), not \(self.seed)")
    }
    let carries = try reader.array(Names.carriesTheta, .bool, []).scalarValue == 1
    if carries != carriesTheta {
      throw reader.mismatch("it was written \(carries ? "with" : "without") --carry-theta")
    }
    var state = TrainingState(
      step: step, seed: seed, carriesTheta: carries, parameters: parameters, optimizer: optimizer)
    for (name, parameter) in parameters {
      state.parameters[name] = try reader.array(name, parameter.elementType, parameter.shape)
      guard learned.contains(name), step > 0 else { continue }
      let moments = try optimizer.kind.momentNames.map { moment in
        try reader.array(Names.moment(optimizer.kind, moment, of: name), .float64, parameter.shape)
          .elements(as: Double.self)
      }
      state.optimizer.moments[name] = moments.isEmpty ? nil : moments
    }
    return state
  }
}

/// The names of a checkpoint's own arrays.
private enum Names {
  static let step = "training.step"
  static let seed = "training.seed"
  static let carriesTheta = "training.carries_theta"

  static func moment(
    _ kind: OuterOptimizerKind, _ moment: String, of parameter: String
  ) -> String {
    "training.\(kind.rawValue).\(moment).\(parameter)"
  }
}

/// Takes arrays out of a checkpoint and says what is wrong with them.
private struct CheckpointReader {
  let arrays: NamedArrays
  let path: String

  func mismatch(_ reason: String) -> TrainingError {
    .checkpointMismatch(path: path, reason: reason)
  }

  func array(_ name: String, _ type: ElementType, _ shape: [Int]) throws -> NDArray {
    guard let array = arrays[name] else { throw mismatch("it has no array \(name)") }
    guard array.elementType == type, array.shape == shape else {
      throw mismatch("\(name): expected \(type) \(shape), found \(array)")
    }
    return array
  }

  func integer(_ name: String) throws -> Int64 {
    try array(name, .int64, []).elements(as: Int64.self)[0]
  }
}
