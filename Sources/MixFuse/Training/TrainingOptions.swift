// SPDX-License-Identifier: Apache-2.0
//
// What a user may choose about a training run, apart from the build.

import MixFuseRuntime

/// The choices of one training run.
package struct TrainingOptions: Sendable {
  /// Path of the data file.
  package var data: String
  /// Folder of the results.
  package var folder: String
  /// Outer steps of the whole run, those before a resumption included.
  package var outerSteps = 1000
  package var optimizer = OuterOptimizerKind.adam
  /// The optimiser's step size.
  package var rate = 0.001
  /// The seed of drawn rows and initial values; the spec's if nil.
  package var seed: UInt64?
  /// Number of workers; all processors if nil.
  package var threads: Int?
  /// Whether to go on from the folder's checkpoint.
  package var resumes = false
  /// Whether what an earlier run left in the folder may be replaced.
  package var overwrites = false
  /// Settings in which the checkpoint's run may differ from this one; `all` stands for all.
  package var allowedChanges: [String] = []
  /// Data whose rows are drawn apart from those of other tables.
  package var apart: [String] = []
  /// Whether each step's inner parameters start where those of the step before ended.
  package var carriesTheta = false
  /// Values to fill parameters with at the start, by name; they go before the file's and the spec's.
  package var initialValues: [(name: String, value: Double)] = []

  package init(data: String, folder: String) {
    self.data = data
    self.folder = folder
  }

  /// Where the checkpoint lies.
  package var checkpointPath: String { "\(folder)/checkpoint.npz" }
  /// Where the state of the lowest loss lies.
  package var bestPath: String { "\(folder)/best.npz" }
  /// Where the history lies.
  package var logPath: String { "\(folder)/log.csv" }
  /// Where the picture of the history lies.
  package var curvePath: String { "\(folder)/curve.svg" }

  /// The number of workers of this run.
  var workers: Int { threads ?? ThreadPool.availableProcessors }

  /// Finds settings that make no sense.
  func check() throws(TrainingError) {
    guard outerSteps >= 1 else {
      throw .setting(name: "--outer-steps", expected: "at least 1", found: "\(outerSteps)")
    }
    guard rate.isFinite, rate > 0 else {
      throw .setting(name: "--rate", expected: "a positive number", found: "\(rate)")
    }
    guard workers >= 1 else {
      throw .setting(name: "--threads", expected: "at least 1", found: "\(workers)")
    }
    for name in allowedChanges where !TrainingSettings.groups.contains(name) {
      throw .changeUnknown(name: name)
    }
    for (name, value) in initialValues where !value.isFinite {
      throw .setting(name: "--init \(name)", expected: "a finite number", found: "\(value)")
    }
  }
}
